from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from catalog.models import Country, Operator


class PoolNumber(models.Model):
    """One of the operator's own numbers."""

    phone = models.CharField(max_length=16, unique=True, help_text="E.164.")
    country = models.ForeignKey(Country, on_delete=models.PROTECT, related_name="pool_numbers")
    operator = models.ForeignKey(Operator, on_delete=models.PROTECT, null=True, blank=True, related_name="pool_numbers")
    is_active = models.BooleanField(default=True, help_text="Off: not leased any more.")
    free_from = models.DateTimeField(db_default=Now(), help_text="In quarantine until then.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("id",)
        constraints = (models.CheckConstraint(condition=Q(phone__regex=r"^\+[0-9]{8,15}$"), name="pool_number_e164"),)
        indexes = (
            models.Index(fields=("country", "free_from"), condition=Q(is_active=True), name="pool_number_stock"),
        )

    def __str__(self) -> str:
        return self.phone


class PoolLease(models.Model):
    """A pool number given to one order; it ends once, and the number goes into quarantine."""

    number = models.ForeignKey(PoolNumber, on_delete=models.PROTECT, related_name="leases")
    reference = models.CharField(max_length=64, unique=True, help_text="The order's reference.")
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("number",), condition=Q(ended_at__isnull=True), name="pool_lease_one_open_per_number"
            ),
        )

    def __str__(self) -> str:
        return f"{self.number} for {self.reference}"
