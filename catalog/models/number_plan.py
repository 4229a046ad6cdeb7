"""What is sold by the month: a number in a country, through one provider."""

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from catalog.models.country import Country
from catalog.models.offer import CURRENCY, PROVIDER, Product, price_amount


class MonthlyNumberPlanQuerySet(models.QuerySet["MonthlyNumberPlan"]):
    def sellable(self) -> "MonthlyNumberPlanQuerySet":
        """Plans that new customers may buy. What is subscribed already goes on without this."""
        return self.filter(is_active=True, country__is_enabled=True)

    def with_base_price(self) -> "MonthlyNumberPlanQuerySet":
        """Adds `base_amount` and `base_currency`: the latest base price now, for staff to see."""
        from catalog.models.price import Price

        latest = Price.objects.base().filter(product=OuterRef("pk"), effective_from__lte=timezone.now()).newest_first()
        return self.annotate(
            base_amount=Subquery(latest.values("amount")[:1]), base_currency=Subquery(latest.values("currency")[:1])
        )


class MonthlyNumberPlan(models.Model):
    """A number by the month in a country through one provider; its primary key is its product's."""

    product = models.OneToOneField(Product, on_delete=models.PROTECT, primary_key=True, related_name="number_plan")
    country = models.ForeignKey(Country, on_delete=models.PROTECT, related_name="number_plans")
    provider = models.CharField(max_length=32, validators=[PROVIDER], help_text="sandbox, pool, twilio …")
    cost = price_amount(
        "cost per month", default=Decimal(0), validators=[MinValueValidator(0)], help_text="What the provider takes."
    )
    cost_currency = models.CharField(max_length=3, default="USD", validators=[CURRENCY])
    is_active = models.BooleanField(default=True, help_text="Off: not sold any more; subscriptions go on.")

    objects = MonthlyNumberPlanQuerySet.as_manager()

    class Meta:
        ordering = ("product",)
        constraints = (
            models.UniqueConstraint(fields=("country", "provider"), name="number_plan_unique_per_country_provider"),
            models.CheckConstraint(condition=Q(provider__regex=r"^[a-z0-9_]+$"), name="number_plan_provider_word"),
            models.CheckConstraint(condition=Q(cost__gte=0), name="number_plan_cost_not_negative"),
            models.CheckConstraint(
                condition=Q(cost_currency__regex=r"^[A-Z]{3}$"), name="number_plan_cost_currency_iso"
            ),
        )

    def __str__(self) -> str:
        return f"Monthly number {self.country.code} ({self.provider})"
