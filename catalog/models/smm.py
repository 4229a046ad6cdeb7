"""What is sold by the thousand: followers, views, likes …"""

from datetime import datetime
from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery

from catalog.models.offer import CURRENCY, PROVIDER, Product, price_amount

LARGEST_ORDER = 1_000_000_000


class SmmServiceQuerySet(models.QuerySet["SmmService"]):
    def sellable(self) -> "SmmServiceQuerySet":
        """Services that may be ordered now, where they have a price."""
        return self.filter(is_active=True)

    def with_base_price(self, at: datetime) -> "SmmServiceQuerySet":
        """Adds `base_amount` and `base_currency`: the latest base price at `at`, for staff to see."""
        from catalog.models.price import Price

        latest = Price.objects.base().filter(product=OuterRef("pk"), effective_from__lte=at).newest_first()
        return self.annotate(
            base_amount=Subquery(latest.values("amount")[:1]), base_currency=Subquery(latest.values("currency")[:1])
        )


class SmmService(models.Model):
    """One social media service of one provider, priced per 1,000; its primary key is its product's.

    Where a provider has a list (see `catalog.services.smm.take_over`), its limits, flags and cost are
    the provider's and follow the list; name, category and `is_active` are the house's.
    """

    product = models.OneToOneField(Product, on_delete=models.PROTECT, primary_key=True, related_name="smm_service")
    name = models.CharField(max_length=200)
    category = models.CharField(max_length=100, blank=True, help_text="Instagram, TikTok …")
    provider = models.CharField(max_length=32, validators=[PROVIDER], help_text="sandbox, panel …")
    provider_service_id = models.CharField(max_length=32, help_text="What the provider calls it.")
    min_quantity = models.PositiveIntegerField(default=1, validators=[MinValueValidator(1)])
    max_quantity = models.PositiveIntegerField(
        default=10_000, validators=[MinValueValidator(1), MaxValueValidator(LARGEST_ORDER)]
    )
    can_refill = models.BooleanField(default=False, help_text="What drops off can be asked for again.")
    can_cancel = models.BooleanField(default=False, help_text="A running order can be stopped.")
    cost = price_amount(
        default=Decimal(0), validators=[MinValueValidator(0)], help_text="What the provider takes per 1,000."
    )
    cost_currency = models.CharField(max_length=3, default="USD", validators=[CURRENCY])
    is_active = models.BooleanField(default=True)

    previous_cost = price_amount(null=True, blank=True, help_text="Before the change that staff have not looked at.")
    cost_changed_at = models.DateTimeField(null=True, blank=True, help_text="Empty once staff have looked at it.")
    listed_at = models.DateTimeField(null=True, blank=True, help_text="When the provider's list had it last.")
    vanished_at = models.DateTimeField(null=True, blank=True, help_text="When it was missing from the list first.")

    objects = SmmServiceQuerySet.as_manager()

    class Meta:
        ordering = ("product",)
        verbose_name = "SMM service"
        constraints = (
            models.UniqueConstraint(fields=("provider", "provider_service_id"), name="smm_service_once_per_provider"),
            models.CheckConstraint(condition=Q(provider__regex=r"^[a-z0-9_]+$"), name="smm_service_provider_word"),
            models.CheckConstraint(
                condition=Q(min_quantity__gte=1, max_quantity__gte=F("min_quantity"), max_quantity__lte=LARGEST_ORDER),
                name="smm_service_quantities_in_order",
            ),
            models.CheckConstraint(condition=Q(cost__gte=0), name="smm_service_cost_not_negative"),
            models.CheckConstraint(
                condition=Q(cost_currency__regex=r"^[A-Z]{3}$"), name="smm_service_cost_currency_iso"
            ),
        )
        indexes = (
            models.Index(
                fields=("cost_changed_at",), condition=Q(cost_changed_at__isnull=False), name="smm_service_cost_changed"
            ),
        )

    def __str__(self) -> str:
        return self.name

    # What pricing asks of every kind of product.

    @property
    def kind(self) -> str:
        return Product.Kind.SMM

    @property
    def service_id(self) -> None:
        """Markup rules name services whose codes are received; this is none of them."""
        return None

    @property
    def country_id(self) -> None:
        return None
