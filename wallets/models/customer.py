import uuid

from django.db import models


class Customer(models.Model):
    """Who owes or is owed. Its users live in apikeys, its prices in catalog."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"  # may buy
        SUSPENDED = "suspended", "Suspended"  # may look, may not spend
        CLOSED = "closed", "Closed"  # may not even look

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=200)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    email = models.EmailField(blank=True, help_text="Where invoices and warnings go.")
    default_region = models.CharField(
        max_length=2, default="US", help_text="ISO 3166 code by which numbers written without a country are read."
    )
    time_zone = models.CharField(max_length=64, default="UTC")
    rate_limit_per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="Requests a minute over all keys; empty: no limit."
    )
    tax_percent = models.DecimalField(
        max_digits=6, decimal_places=3, default=0, help_text="Added to the price of messages; 15 means 15 %."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(tax_percent__gte=0, tax_percent__lte=100), name="customer_tax_percent_sane"
            ),
            models.CheckConstraint(condition=models.Q(default_region__regex=r"^[A-Z]{2}$"), name="customer_region_iso"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def may_spend(self) -> bool:
        return self.status == self.Status.ACTIVE
