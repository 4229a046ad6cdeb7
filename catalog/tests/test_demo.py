"""Countries of the world, and the demo catalogue."""

import re
from decimal import Decimal

import pytest

from catalog.demo import ensure_demo_catalogue
from catalog.models import Country, MonthlyNumberPlan, Offer, Operator, Price, Service
from catalog.services import number_plans, pricing
from catalog.services.countries import load_countries
from catalog.services.prices import set_price
from wallets.models import Customer, ExchangeRate

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("demo")]


def test_every_country_is_loaded_with_its_dial_code():
    assert load_countries() == Country.objects.count() >= 249
    codes = dict(Country.objects.values_list("code", "dial_code"))
    assert (codes["US"], codes["GB"], codes["KE"], codes["DK"], codes["LV"]) == ("1", "44", "254", "45", "371")
    assert codes["AQ"] == ""
    assert all(re.fullmatch(r"[0-9]{0,3}", code) for code in codes.values())


def test_countries_have_the_names_people_use():
    load_countries()
    names = dict(Country.objects.values_list("code", "name"))
    assert (names["US"], names["GB"], names["KR"], names["TW"]) == (
        "United States", "United Kingdom", "South Korea", "Taiwan",
    )  # fmt: skip


def test_the_united_states_come_first_as_printed():
    load_countries()
    assert list(Country.objects.values_list("code", flat=True)[:3]) == ["US", "GB", "AF"]


def test_loading_again_keeps_ids_and_switches():
    load_countries()
    ids = dict(Country.objects.values_list("code", "id"))
    Country.objects.filter(code="RU").update(is_enabled=False)
    Country.objects.filter(code="US").update(name="Renamed")
    load_countries()
    assert dict(Country.objects.values_list("code", "id")) == ids
    assert Country.objects.get(code="RU").is_enabled is False
    assert Country.objects.get(code="US").name == "United States"


def test_the_demo_has_real_services_in_many_countries(demo):
    assert demo.services >= 45
    assert demo.countries >= 60
    assert demo.added == demo.offers == Offer.objects.count()
    assert Price.objects.filter(product__kind="activation").count() == demo.offers
    assert set(Offer.objects.values_list("provider", flat=True)) == {"sandbox"}


@pytest.mark.parametrize(
    ("slug", "code", "price"), [("telegram", "US", "0.15"), ("telegram", "GB", "0.18"), ("whatsapp", "US", "0.35")]
)
def test_the_demo_has_the_printed_prices(demo, slug, code, price):
    customer = Customer.objects.create(name="Kilimo")
    (quote,) = pricing.quote(
        customer_id=customer.pk,
        service=Service.objects.get(slug=slug),
        country=Country.objects.get(code=code),
        currency="USD",
    )
    assert quote.amount == Decimal(price)
    assert quote.offer.ttl_seconds == 900


def test_the_demo_sells_nothing_below_cost(demo):
    costs = dict(Offer.objects.values_list("pk", "cost")) | dict(MonthlyNumberPlan.objects.values_list("pk", "cost"))
    prices = Price.objects.filter(product__in=costs).values_list("product_id", "amount")
    assert all(amount > costs[product] > 0 for product, amount in prices)


def test_the_demo_has_the_printed_quantities_and_operators(demo):
    rows = Service.objects.values_list("slug", "min_quantity", "max_quantity")
    quantities = {slug: (low, high) for slug, low, high in rows}
    assert (quantities["telegram"], quantities["whatsapp"]) == ((1, 2500), (1, 5000))
    assert Operator.objects.filter(country__code="US").count() == 3
    assert Operator.objects.filter(country__code="GB").count() == 2
    assert Operator.objects.values("country").distinct().count() >= 15


def test_the_sandbox_services_are_there(demo):
    silent, several = (Offer.objects.filter(service__slug=slug) for slug in ("sandbox-silent", "sandbox-multi"))
    assert set(silent.values_list("country__code", "ttl_seconds")) == {("US", 5), ("GB", 5)}
    assert set(several.values_list("multiple_sms", flat=True)) == {True}
    assert Service.objects.filter(slug__startswith="sandbox-").count() == 5


def test_every_wallet_of_the_demo_can_be_charged(demo):
    customer = Customer.objects.create(name="Kilimo")
    for currency in ("USD", "NGN", "GBP", "GHS", "EUR", "KES"):
        assert len(pricing.cheapest_by_service(customer_id=customer.pk, currency=currency)) == Service.objects.count()


def test_the_demo_adds_only_what_is_missing(demo):
    offer = Offer.objects.get(service__slug="telegram", country__code="US")
    set_price(product=offer.pk, amount=Decimal("0.99"), currency="USD")
    rates = ExchangeRate.objects.count()
    assert ensure_demo_catalogue().added == 0
    assert Price.objects.in_force(Price.objects.latest("id").effective_from).get(product=offer.pk).amount == Decimal(
        "0.99"
    )
    assert ExchangeRate.objects.count() == rates


def test_the_demo_sells_monthly_numbers_as_printed_and_a_dozen_more(demo):
    ensure_demo_catalogue()
    customer = Customer.objects.create(name="Kilimo")
    quotes = number_plans.quote_plans(customer_id=customer.pk, currency="USD")
    prices = {Country.objects.get(pk=quote.offer.country_id).code: quote.amount for quote in quotes}
    assert (prices["US"], prices["GB"]) == (6, 5)
    assert len(prices) == len(quotes) >= 14
