from django.db import models
from django.db.models import Count, Exists, OuterRef, Q


class CountryQuerySet(models.QuerySet["Country"]):
    def with_availability(self) -> "CountryQuerySet":
        """Adds `is_available`: enabled, and at least one offer can be bought there."""
        from catalog.models.offer import Offer

        offers = Offer.objects.sellable().filter(country=OuterRef("pk"))
        return self.annotate(is_available=Q(is_enabled=True) & Exists(offers))

    def with_operators_count(self) -> "CountryQuerySet":
        """Adds `operators_count`: the active operators we know there, 0 when none."""
        count = Count("operators", filter=Q(operators__is_active=True))
        # Said again: a query that groups forgets the model's own order.
        return self.annotate(operators_count=count).order_by("id")


class Country(models.Model):
    """A country of ISO 3166, loaded by `load_countries`. Staff only switch it on and off."""

    code = models.CharField(max_length=2, unique=True, help_text="ISO 3166 alpha-2.")
    alpha3 = models.CharField(max_length=3, unique=True, help_text="ISO 3166 alpha-3.")
    name = models.CharField(max_length=100)
    dial_code = models.CharField(max_length=4, blank=True, help_text="Without +; empty where no numbers exist.")
    is_enabled = models.BooleanField(default=True, help_text="Off: nothing is sold there, to anybody.")

    objects = CountryQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        verbose_name_plural = "countries"
        constraints = (
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z]{2}$"), name="country_code_iso"),
            models.CheckConstraint(condition=Q(alpha3__regex=r"^[A-Z]{3}$"), name="country_alpha3_iso"),
            models.CheckConstraint(condition=Q(dial_code__regex=r"^[0-9]*$"), name="country_dial_code_digits"),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"


class Operator(models.Model):
    """A mobile network, known to the world by its MCC and MNC."""

    country = models.ForeignKey(Country, on_delete=models.PROTECT, related_name="operators")
    name = models.CharField(max_length=100)
    mcc = models.CharField("MCC", max_length=3, help_text="Mobile country code, 3 digits.")
    mnc = models.CharField("MNC", max_length=3, help_text="Mobile network code, 2 or 3 digits: 04 is not 4.")
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ("country", "name")
        constraints = (
            models.UniqueConstraint(fields=("mcc", "mnc"), name="operator_mcc_mnc_unique"),
            models.CheckConstraint(condition=Q(mcc__regex=r"^[0-9]{3}$"), name="operator_mcc_three_digits"),
            models.CheckConstraint(condition=Q(mnc__regex=r"^[0-9]{2,3}$"), name="operator_mnc_two_or_three_digits"),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.mcc}/{self.mnc}"
