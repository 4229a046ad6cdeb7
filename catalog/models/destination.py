"""Where an SMS goes: a country or one network in it, told by the number's prefix.

`0006_destinations.sql` renews the map's stamp whenever any of this changes, whoever changes it.
"""

from decimal import Decimal

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from catalog.models.country import Country, Operator
from catalog.models.offer import CURRENCY, Product, price_amount

PREFIX = RegexValidator(r"\A[1-9][0-9]{0,14}\Z", "Digits from the country code on, without +.")


class SmsDestination(models.Model):
    """What one segment costs to a network, to a whole country, or to everywhere else (the default).

    Its primary key is its product's, and its prices are that product's. `cost` is what a segment is
    expected to cost us.
    """

    product = models.OneToOneField(Product, on_delete=models.PROTECT, primary_key=True, related_name="sms_destination")
    country = models.ForeignKey(
        Country, on_delete=models.PROTECT, null=True, blank=True, related_name="sms_destinations",
        help_text="Empty: the default, for every number that no other destination takes.",
    )  # fmt: skip
    mcc = models.CharField("MCC", max_length=3, blank=True, help_text="Mobile country code, 3 digits.")
    mnc = models.CharField(
        "MNC",
        max_length=3,
        blank=True,
        help_text="Mobile network code, 2 or 3 digits: 04 is not 4. Empty: all of them.",
    )
    operator = models.CharField("network", max_length=100, blank=True, help_text="As customers see it: Telenor.")
    cost = price_amount(default=Decimal(0), validators=[MinValueValidator(0)], help_text="Expected, per segment.")
    cost_currency = models.CharField(max_length=3, default="USD", validators=[CURRENCY])
    is_active = models.BooleanField(default=True, help_text="Off: the next shorter prefix decides.")

    class Meta:
        ordering = ("product",)
        verbose_name = "SMS destination"
        constraints = (
            models.UniqueConstraint(
                fields=("country", "mcc", "mnc"),
                condition=Q(is_active=True),
                nulls_distinct=False,
                name="sms_destination_unique_while_active",
            ),
            models.CheckConstraint(condition=Q(mcc__regex=r"^([0-9]{3})?$"), name="sms_destination_mcc_three_digits"),
            models.CheckConstraint(
                condition=Q(mnc__regex=r"^([0-9]{2,3})?$"), name="sms_destination_mnc_two_or_three_digits"
            ),
            models.CheckConstraint(
                condition=(Q(country=None) & Q(mcc="", mnc="")) | (Q(country__isnull=False) & ~Q(mcc="")),
                name="sms_destination_has_an_mcc_unless_default",
            ),
            models.CheckConstraint(condition=Q(cost__gte=0), name="sms_destination_cost_not_negative"),
            models.CheckConstraint(
                condition=Q(cost_currency__regex=r"^[A-Z]{3}$"), name="sms_destination_cost_currency_iso"
            ),
        )

    def __str__(self) -> str:
        return f"SMS to {f'{self.country.name} {self.operator}'.strip()}" if self.country else "SMS to everywhere else"

    # What pricing must know of a product, whatever its kind (see catalog.services.resolution).

    @property
    def kind(self) -> str:
        return Product.Kind.SMS

    @property
    def service_id(self) -> None:
        return None

    @property
    def provider(self) -> str:
        return ""


class SmsPrefix(models.Model):
    """The numbers of a destination begin with these digits. The longest prefix of a number decides."""

    destination = models.ForeignKey(SmsDestination, on_delete=models.CASCADE, related_name="prefixes")
    digits = models.CharField("prefix", max_length=15, unique=True, validators=[PREFIX])

    class Meta:
        ordering = ("digits",)
        verbose_name = "SMS prefix"
        verbose_name_plural = "SMS prefixes"
        constraints = (models.CheckConstraint(condition=Q(digits__regex=r"^[1-9][0-9]*$"), name="sms_prefix_digits"),)

    def __str__(self) -> str:
        return f"+{self.digits}"


class DestinationMap(models.Model):
    """One row. Another stamp: destinations, prefixes or countries have changed since it was read."""

    stamp = models.UUIDField()

    def __str__(self) -> str:
        return str(self.stamp)


class OperatorPrefix(models.Model):
    """Numbers that were given to a network, as libphonenumber knows it. Ported numbers keep their prefix."""

    operator = models.ForeignKey(Operator, on_delete=models.CASCADE, related_name="prefixes")
    digits = models.CharField("prefix", max_length=15, unique=True, validators=[PREFIX])

    class Meta:
        ordering = ("digits",)
        constraints = (
            models.CheckConstraint(condition=Q(digits__regex=r"^[1-9][0-9]*$"), name="operator_prefix_digits"),
        )

    def __str__(self) -> str:
        return f"+{self.digits}"
