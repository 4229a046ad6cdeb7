"""For how much: prices in force from a moment on, price lists, and markup over a base.

`0002_prices.sql` refuses to change or delete what was once in force.
"""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils import timezone

from catalog.models.country import Country
from catalog.models.offer import CURRENCY, PROVIDER, Product, Service, price_amount
from wallets.models import Customer


class PriceList(models.Model):
    """A named set of prices and markup rules that customers are put on."""

    name = models.CharField(max_length=100, unique=True)
    is_default = models.BooleanField(default=False, help_text="For every customer who is on no list of their own.")

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=("is_default",), condition=Q(is_default=True), name="price_list_one_default"
            ),
        )

    def __str__(self) -> str:
        return self.name


class CustomerPricing(models.Model):
    """The price list a customer is on."""

    customer = models.OneToOneField(Customer, on_delete=models.CASCADE, primary_key=True, related_name="pricing")
    price_list = models.ForeignKey(PriceList, on_delete=models.PROTECT, related_name="customers")

    class Meta:
        ordering = ("customer",)
        verbose_name_plural = "customer pricing"

    def __str__(self) -> str:
        return f"{self.customer}: {self.price_list}"


class PriceQuerySet(models.QuerySet["Price"]):
    def in_force(self, at: datetime) -> "PriceQuerySet":
        """The row that holds at `at` for each product, level and currency.

        The latest `effective_from` wins; of two at the same moment, the one written later.
        """
        level = ("product_id", "price_list_id", "customer_id", "currency")
        return self.filter(effective_from__lte=at).order_by(*level, "-effective_from", "-id").distinct(*level)

    def base(self) -> "PriceQuerySet":
        return self.filter(price_list=None, customer=None)

    def for_products(self, ids: list[int]) -> "PriceQuerySet":
        """As `product__in=ids`, with one parameter instead of thousands.

        ANY and no subquery: joined to one, prices that were just imported (and not yet counted by the
        planner) were read in quadratic time.
        """
        wanted = Func(Value(ids, ArrayField(models.BigIntegerField())), function="ANY")
        is_wanted = Func(
            F("product_id"), wanted, template="%(expressions)s", arg_joiner=" = ", output_field=models.BooleanField()
        )
        return self.filter(is_wanted)

    def latest_last(self) -> "PriceQuerySet":
        """The same rows by when they came into force (an order that DISTINCT ON cannot have itself)."""
        return Price.objects.filter(pk__in=self.values("pk")).order_by("effective_from", "id")

    def newest_first(self) -> "PriceQuerySet":
        return self.order_by("-effective_from", "-id")


class Price(models.Model):
    """A product's price from a moment on, at one of three levels. Never changed, never deleted.

    With neither list nor customer it is the base price. A row in the future is a scheduled
    change; a later row with the same moment replaces it. Without an amount the level has no
    price from then on, and the next level decides.
    """

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="prices")
    price_list = models.ForeignKey(PriceList, on_delete=models.PROTECT, null=True, blank=True, related_name="prices")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, null=True, blank=True, related_name="prices")
    amount = models.DecimalField(
        max_digits=18, decimal_places=6, null=True, blank=True, help_text="Empty: this level has no price from then on."
    )
    currency = models.CharField(max_length=3, default="USD", validators=[CURRENCY])
    effective_from = models.DateTimeField(default=timezone.now)
    note = models.CharField(max_length=200, blank=True, help_text="Why.")
    actor = models.CharField(max_length=80, blank=True, help_text="In words: staff:…, task:….")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PriceQuerySet.as_manager()

    class Meta:
        ordering = ("-effective_from", "-id")
        constraints = (
            models.CheckConstraint(condition=Q(amount__gt=0), name="price_above_zero"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="price_currency_iso"),
            models.CheckConstraint(
                condition=Q(price_list=None) | Q(customer=None), name="price_of_a_list_or_of_a_customer"
            ),
        )
        indexes = (
            models.Index(
                fields=("product", "price_list", "customer", "currency", "-effective_from", "-id"),
                name="price_in_force",
            ),
        )

    def __str__(self) -> str:
        return (
            f"{self.amount.normalize():f} {self.currency}" if self.amount is not None else f"no {self.currency} price"
        )

    @property
    def level(self) -> str:
        """Whose price it is, in words."""
        if self.customer_id is not None:
            return f"customer {self.customer}"
        return f"list {self.price_list}" if self.price_list_id is not None else "base"


class MarkupRuleQuerySet(models.QuerySet["MarkupRule"]):
    def in_force(self, at: datetime) -> "MarkupRuleQuerySet":
        return self.filter(effective_from__lte=at).filter(Q(effective_until=None) | Q(effective_until__gt=at))


class MarkupRule(models.Model):
    """How a price list turns a base price, or a cost, into a price: `basis × (1 + percent/100) + fixed`.

    Of the rules that match, the most specific wins: one that names the service beats one that does
    not; among those, one that names the country; then the provider; then the kind of product. Of two
    equally specific ones the later `effective_from` wins, then the one written later. A rule is
    never changed once written, only ended.
    """

    class Basis(models.TextChoices):
        BASE = "base", "Base price"
        COST = "cost", "Cost"

    price_list = models.ForeignKey(PriceList, on_delete=models.PROTECT, related_name="rules")
    kind = models.CharField(max_length=16, choices=Product.Kind, blank=True, help_text="Empty: every kind.")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    country = models.ForeignKey(Country, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    provider = models.CharField(max_length=32, blank=True, validators=[PROVIDER], help_text="Empty: every provider.")
    basis = models.CharField(max_length=4, choices=Basis, default=Basis.BASE)
    percent = models.DecimalField(max_digits=9, decimal_places=4, default=0, help_text="15 means 15 % more.")
    fixed = price_amount(default=0, help_text="Added after the percentage; may be below zero.")
    fixed_currency = models.CharField(max_length=3, default="USD", validators=[CURRENCY])
    effective_from = models.DateTimeField(default=timezone.now)
    effective_until = models.DateTimeField(null=True, blank=True, help_text="No longer in force from then on.")

    objects = MarkupRuleQuerySet.as_manager()

    class Meta:
        ordering = ("price_list", "-id")
        constraints = (
            models.CheckConstraint(condition=Q(percent__gt=-100), name="markup_percent_above_minus_100"),
            models.CheckConstraint(condition=Q(fixed_currency__regex=r"^[A-Z]{3}$"), name="markup_currency_iso"),
            models.CheckConstraint(
                condition=Q(effective_until=None) | Q(effective_until__gte=F("effective_from")),
                name="markup_ends_after_it_begins",
            ),
        )

    def __str__(self) -> str:
        where = [str(part) for part in (self.kind, self.service, self.country, self.provider) if part]
        markup = f"{self.percent.normalize():f} % + {self.fixed.normalize():f} {self.fixed_currency}"
        return f"{markup} on {self.basis} for {' '.join(where) or 'everything'}"
