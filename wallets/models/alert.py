import uuid

from django.db import models
from django.db.models.functions import Now

from wallets.models.customer import Customer
from wallets.models.ledger import Wallet, money


class AlertLevelQuerySet(models.QuerySet["AlertLevel"]):
    def crossed(self) -> "AlertLevelQuerySet":
        """Levels that what can be spent has fallen below since they were last looked at, or has come back to.

        Customers who have left are told nothing.
        """
        available = models.F("wallet__balance") - models.F("wallet__held") + models.F("wallet__credit_limit")
        rows = self.annotate(available=available).exclude(wallet__customer__status=Customer.Status.CLOSED)
        return rows.filter(
            models.Q(told_at__isnull=True, amount__gt=models.F("available"))
            | models.Q(told_at__isnull=False, amount__lte=models.F("available"))
        )


class AlertLevel(models.Model):
    """An amount below which a wallet's customer is told, once for each time that it falls below it."""

    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="alert_levels")
    amount = money(help_text="In the wallet's currency.")
    told_at = models.DateTimeField(
        null=True, editable=False, help_text="Since when the wallet is below it; empty: it is not, the alert is armed."
    )
    created_at = models.DateTimeField(db_default=Now())

    objects = AlertLevelQuerySet.as_manager()

    class Meta:
        ordering = ("wallet", "-amount")
        constraints = (
            models.UniqueConstraint(fields=("wallet", "amount"), name="alert_level_once_per_wallet"),
            models.CheckConstraint(condition=models.Q(amount__gte=0), name="alert_level_not_negative"),
        )

    def __str__(self) -> str:
        return f"{self.amount.normalize():f}"


class LowBalanceAlert(models.Model):
    """A wallet fell below one of its levels; its e-mail is still to be sent while `due_at` is there."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="low_balance_alerts")
    level = money()
    available = money()
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(null=True, help_text="When its e-mail is tried.")
    attempts = models.PositiveIntegerField(default=0)
    mailed_at = models.DateTimeField(null=True)
    mailed_to = models.CharField(max_length=254, blank=True)

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("due_at",), condition=models.Q(due_at__isnull=False), name="low_balance_mail_due"),
            models.Index(fields=("wallet", "-id"), name="low_balance_alert_by_wallet"),
        )

    def __str__(self) -> str:
        return f"{self.wallet} below {self.level.normalize():f}"
