from datetime import date
from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models

from wallets.models.ledger import Wallet, money


class SpendCap(models.Model):
    """How much one credential may spend in a day and in a month, both in UTC. Credentials without a row have no cap.

    Spent is what is held, captured or charged, less what was released or refunded of it; it counts
    for the day on which it was held or charged. What a task charges by itself (a renewal) does not
    count. `0004_spend_caps.sql` (and 0006) counts and refuses, inside the wallet's lock.
    """

    credential = models.CharField(max_length=32, unique=True, help_text="Public id of the key.")
    predecessors = ArrayField(
        models.CharField(max_length=32), default=list, editable=False,
        help_text="Keys whose cap this was before: what they spent counts.",
    )  # fmt: skip
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="spend_caps")
    daily = money(null=True, blank=True)
    monthly = money(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    # By the database; `…_spent` holds for `day` and `month`, nothing was spent since:
    day = models.DateField(editable=False)
    day_spent = money(default=Decimal(0), editable=False)
    month = models.DateField(editable=False, help_text="Its first day.")
    month_spent = money(default=Decimal(0), editable=False)

    class Meta:
        ordering = ("credential",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(daily__isnull=False) | models.Q(monthly__isnull=False),
                name="spend_cap_caps_something",
            ),
            models.CheckConstraint(
                condition=(models.Q(daily__isnull=True) | models.Q(daily__gt=0))
                & (models.Q(monthly__isnull=True) | models.Q(monthly__gt=0)),
                name="spend_cap_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(day_spent__gte=0, month_spent__gte=0), name="spend_cap_spent_not_negative"
            ),
        )

    def __str__(self) -> str:
        return self.credential

    def spent_on(self, today: date) -> Decimal:
        """What counts against the daily cap on that day, now or later."""
        return self.day_spent if self.day >= today else Decimal(0)

    def spent_in_month_of(self, today: date) -> Decimal:
        return self.month_spent if self.month >= today.replace(day=1) else Decimal(0)
