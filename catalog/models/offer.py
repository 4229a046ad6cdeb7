"""What is sold: a product is whatever carries a price, an offer is one kind of product."""

from datetime import datetime
from decimal import Decimal

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery

from catalog.models.country import Country

CURRENCY = RegexValidator(r"\A[A-Z]{3}\Z", "Three capital letters, such as USD.")
PROVIDER = RegexValidator(r"\A[a-z0-9_]{1,32}\Z", "Small letters, digits and _ only.")


def price_amount(name: str | None = None, **options: object) -> "models.DecimalField[Decimal, Decimal]":
    """A price or a cost: below 10^12, 6 places."""
    return models.DecimalField(name, max_digits=18, decimal_places=6, **options)  # type: ignore[arg-type]


class Product(models.Model):
    """Anything that carries a price. Prices point here, so every kind shares lists, overrides and markup.

    A kind keeps its own facts in a table of its own whose primary key is the product's.
    """

    class Kind(models.TextChoices):
        ACTIVATION = "activation", "Number activation"  # one number, one service, minutes
        MONTHLY_NUMBER = "monthly_number", "Monthly number"  # one number for a month, by country
        SMM = "smm", "SMM service"  # priced per 1,000
        SMS = "sms", "SMS"  # priced per segment, by destination
        EMAIL = "email", "E-mail"  # priced per recipient
        WHATSAPP = "whatsapp", "WhatsApp notification"  # priced per message

    kind = models.CharField(max_length=16, choices=Kind)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        names = ("offer", "smm_service", "number_plan", "notification", "sms_destination")
        kinds = (getattr(self, name, None) for name in names)
        return next((str(kind) for kind in kinds if kind is not None), f"{self.get_kind_display()} {self.pk}")


class Service(models.Model):
    """A website or app whose codes are received: Telegram, WhatsApp …"""

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=100, unique=True, help_text="What API clients send: telegram.")
    min_quantity = models.PositiveIntegerField(default=1, validators=[MinValueValidator(1)])
    max_quantity = models.PositiveIntegerField(default=1000, validators=[MinValueValidator(1)])
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(min_quantity__gte=1, max_quantity__gte=F("min_quantity")),
                name="service_quantities_in_order",
            ),
        )

    def __str__(self) -> str:
        return self.name


class OfferQuerySet(models.QuerySet["Offer"]):
    def sellable(self) -> "OfferQuerySet":
        """Offers that may be bought now: all switches on and not known to be out of stock.

        `stock` is what the provider last reported; a provider that counts its own numbers
        (the pool) leaves it empty and answers when it is asked.
        """
        return self.filter(is_active=True, service__is_active=True, country__is_enabled=True).exclude(stock=0)

    def with_base_price(self, at: datetime) -> "OfferQuerySet":
        """Adds `base_amount` and `base_currency`: the latest base price at `at`, for staff to see."""
        from catalog.models.price import Price

        latest = Price.objects.base().filter(product=OuterRef("pk"), effective_from__lte=at).newest_first()
        return self.annotate(
            base_amount=Subquery(latest.values("amount")[:1]), base_currency=Subquery(latest.values("currency")[:1])
        )


class Offer(models.Model):
    """A service in a country through one provider; its primary key is its product's."""

    product = models.OneToOneField(Product, on_delete=models.PROTECT, primary_key=True, related_name="offer")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="offers")
    country = models.ForeignKey(Country, on_delete=models.PROTECT, related_name="offers")
    provider = models.CharField(max_length=32, validators=[PROVIDER], help_text="sandbox, pool …")
    cost = price_amount(default=Decimal(0), validators=[MinValueValidator(0)], help_text="What the provider takes.")
    cost_currency = models.CharField(max_length=3, default="USD", validators=[CURRENCY])
    ttl_seconds = models.PositiveIntegerField(
        "time to live, seconds", default=900, validators=[MinValueValidator(1)], help_text="How long a code may take."
    )
    multiple_sms = models.BooleanField("several SMS", default=False, help_text="The number stays after its first SMS.")
    stock = models.PositiveIntegerField(
        null=True, blank=True, help_text="As the provider reports it; empty: unknown or unlimited."
    )
    is_active = models.BooleanField(default=True)

    objects = OfferQuerySet.as_manager()

    class Meta:
        ordering = ("product",)
        constraints = (
            models.UniqueConstraint(
                fields=("service", "country", "provider"), name="offer_unique_per_service_country_provider"
            ),
            models.CheckConstraint(condition=Q(provider__regex=r"^[a-z0-9_]+$"), name="offer_provider_word"),
            models.CheckConstraint(condition=Q(cost__gte=0), name="offer_cost_not_negative"),
            models.CheckConstraint(condition=Q(cost_currency__regex=r"^[A-Z]{3}$"), name="offer_cost_currency_iso"),
            models.CheckConstraint(condition=Q(ttl_seconds__gte=1), name="offer_ttl_positive"),
        )

    def __str__(self) -> str:
        return f"{self.service.name} {self.country.code} ({self.provider})"

    @property
    def kind(self) -> str:
        return Product.Kind.ACTIVATION
