from decimal import Decimal

from django.db import models
from django.db.models.functions import Now

from wallets.models.ledger import Wallet, money


class Hold(models.Model):
    """Money set aside. It moves only by captures (transactions) and releases, never by itself."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"  # something is still set aside
        CAPTURED = "captured", "Captured"  # closed, and at least a part was taken
        RELEASED = "released", "Released"  # closed, all of it was given back
        EXPIRED = "expired", "Expired"  # closed by its deadline, all of it was given back

    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="holds")
    amount = money()
    reference = models.CharField(max_length=120, unique=True)
    description = models.CharField(max_length=200, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Given back by the sweep after this.")
    actor = models.CharField(max_length=80, blank=True)
    credential = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    # By the database:
    captured = money(default=Decimal(0), editable=False)
    released = money(default=Decimal(0), editable=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE, editable=False)
    closed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="hold_amount_positive"),
            models.CheckConstraint(
                condition=models.Q(captured__gte=0, released__gte=0), name="hold_parts_not_negative"
            ),
            models.CheckConstraint(
                condition=models.Q(amount__gte=models.F("captured") + models.F("released")),
                name="hold_captured_and_released_not_above_amount",
            ),
        )
        indexes = (
            models.Index(fields=("wallet", "id"), condition=models.Q(status="active"), name="hold_open_by_wallet"),
            models.Index(fields=("expires_at",), condition=models.Q(status="active"), name="hold_open_by_expiry"),
        )

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} ({self.reference})"

    @property
    def remaining(self) -> Decimal:
        return self.amount - self.captured - self.released


class Release(models.Model):
    """A part of a hold given back, or all that was left. Never changed or deleted."""

    class Cause(models.TextChoices):
        RELEASED = "released", "Released"
        EXPIRED = "expired", "Expired"

    hold = models.ForeignKey(Hold, on_delete=models.PROTECT, related_name="releases")
    amount = money()
    reference = models.CharField(max_length=120, unique=True)
    cause = models.CharField(max_length=10, choices=Cause, default=Cause.RELEASED)
    actor = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("-id",)
        constraints = (models.CheckConstraint(condition=models.Q(amount__gt=0), name="release_amount_positive"),)

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} ({self.reference})"
