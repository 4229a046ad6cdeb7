"""SMM services: priced per 1,000 by the very same rules as everything else, and the demo's."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from catalog.demo import ensure_demo_catalogue
from catalog.demo_smm import ensure_demo_smm
from catalog.models import MarkupRule, Price, Product, SmmService
from catalog.services.prices import set_price
from catalog.services.smm import create_smm_service, price_of, quote_smm, set_active
from catalog.tests.factories import make_price, make_price_list, make_rate, make_service
from wallets.errors import NoExchangeRate
from wallets.models import Customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer():
    return Customer.objects.create(name="Kilimo")


@pytest.fixture
def followers():
    service = create_smm_service(
        name="Instagram Followers", provider="sandbox", provider_service_id="1", cost=Decimal("0.3")
    )
    make_price(service, "0.5")
    return service


def rate(customer, currency="USD", at=None) -> list[Decimal]:
    quotes = quote_smm(SmmService.objects.all(), customer_id=customer.pk, currency=currency, at=at)
    return [quote.amount for quote in quotes]


def test_a_service_is_a_product_with_a_rate(customer, followers):
    assert (rate(customer), followers.product.kind, str(followers.product)) == (
        [Decimal("0.5")],
        Product.Kind.SMM,
        "Instagram Followers",
    )


def test_the_customers_own_price_goes_before_the_lists_before_the_base(customer, followers):
    wholesale = make_price_list("Wholesale", customer)
    make_price(followers, "0.45", price_list=wholesale)
    assert rate(customer) == [Decimal("0.45")]
    make_price(followers, "0.4", customer=customer)
    assert rate(customer) == [Decimal("0.4")]
    assert rate(Customer.objects.create(name="Other")) == [Decimal("0.5")]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"percent": 20}, "0.6"),
        ({"percent": 100, "basis": "cost"}, "0.6"),
        ({"kind": "smm", "percent": 10}, "0.55"),
        ({"provider": "sandbox", "percent": 0, "fixed": Decimal("0.1")}, "0.6"),
        ({"kind": "activation", "percent": 900}, "0.5"),
        ({"provider": "pool", "percent": 900}, "0.5"),
    ],
)
def test_markup_rules_reach_it_by_kind_and_provider(customer, followers, rule, expected):
    MarkupRule.objects.create(price_list=make_price_list("Wholesale", customer), **rule)
    assert rate(customer) == [Decimal(expected)]


def test_markup_of_a_named_service_never_reaches_it(customer, followers):
    service = make_service()
    MarkupRule.objects.create(price_list=make_price_list("Wholesale", customer), service=service, percent=900)
    assert rate(customer) == [Decimal("0.5")]


def test_a_rate_is_converted_once(customer, followers):
    make_rate("USD", "NGN", "1530.123457")
    assert rate(customer, "NGN") == [Decimal("765.061729")]
    with pytest.raises(NoExchangeRate):
        rate(customer, "KES")


def test_a_scheduled_rate_holds_from_its_moment_on(customer, followers):
    later = timezone.now() + timedelta(days=1)
    set_price(product=followers.pk, amount=Decimal("0.7"), currency="USD", effective_from=later)
    assert (rate(customer), rate(customer, at=later)) == ([Decimal("0.5")], [Decimal("0.7")])


def test_what_is_off_or_has_no_price_is_not_quoted(customer, followers):
    create_smm_service(name="Unpriced", provider="sandbox", provider_service_id="2")
    assert rate(customer) == [Decimal("0.5")]
    assert set_active(ids=[followers.pk], active=False) == 1
    assert rate(customer) == []


@pytest.mark.parametrize(
    ("per_thousand", "quantity", "charged"),
    [
        ("0.5", 1000, "0.5"),
        ("0.5", 1, "0.0005"),
        ("0.0005", 1, "0.000001"),
        ("0.000499", 1, "0"),
        ("0.2", 12345, "2.469"),
        ("999999999999.999999", 1_000_000_000, "999999999999999999.000000"),
        ("0.333333", 1500, "0.5"),
    ],
)
def test_a_quantity_costs_its_part_of_the_rate_rounded_half_up(per_thousand, quantity, charged):
    assert price_of(Decimal(per_thousand), quantity) == Decimal(charged)


@pytest.mark.parametrize(
    "broken",
    [
        "min_quantity = 0",
        "max_quantity = 0",
        "min_quantity = 500, max_quantity = 499",
        "max_quantity = 1000000001",
        "cost = -1",
        "cost_currency = 'usd'",
        "provider = 'Not a word'",
    ],
)
def test_the_database_refuses_a_service_that_cannot_be(followers, broken):
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE catalog_smmservice SET {broken}")


def test_a_provider_has_each_of_its_services_once(followers):
    with pytest.raises(IntegrityError), transaction.atomic():
        create_smm_service(name="Again", provider="sandbox", provider_service_id="1")


# --- The demo ------------------------------------------------------------------------------------------


def test_the_demo_sells_what_the_reference_prints(customer):
    ensure_demo_catalogue()
    quotes = quote_smm(SmmService.objects.all(), customer_id=customer.pk, currency="USD")
    first, second = quotes[:2]
    assert (first.offer.name, first.amount) == ("Instagram Followers", Decimal("0.5"))
    assert (first.offer.min_quantity, first.offer.max_quantity) == (100, 10_000)
    assert (second.offer.name, second.amount) == ("TikTok Views", Decimal("0.2"))
    assert len(quotes) == SmmService.objects.count() >= 20


def test_the_demo_sells_no_smm_service_below_cost_and_each_in_every_wallet(customer):
    ensure_demo_catalogue()
    for currency in ("USD", "NGN", "GBP", "GHS"):
        assert len(rate(customer, currency)) == SmmService.objects.count()
    quotes = quote_smm(SmmService.objects.all(), customer_id=customer.pk, currency="USD")
    assert all(0 < quote.offer.cost < quote.amount for quote in quotes)


def test_the_demo_adds_only_what_is_missing(customer):
    added = ensure_demo_smm()
    SmmService.objects.filter(provider_service_id="1").update(name="Renamed", is_active=False)
    assert (added, ensure_demo_smm(), Price.objects.count()) == (SmmService.objects.count(), 0, added)
    assert SmmService.objects.get(provider_service_id="1").name == "Renamed"
