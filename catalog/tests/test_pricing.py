"""Which price holds, for whom, from when, in which currency."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from catalog.models import MarkupRule
from catalog.services import pricing
from catalog.services.prices import set_price
from catalog.services.resolution import Source
from catalog.tests.factories import make_country, make_offer, make_price, make_price_list, make_rate, make_service
from wallets.errors import NoExchangeRate
from wallets.models import Customer

pytestmark = pytest.mark.django_db
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def customer():
    return Customer.objects.create(name="Kilimo")


def quotes(customer, currency="USD", at=None, service="telegram", country="US"):
    return pricing.quote(
        customer_id=customer.pk,
        service=make_service(service),
        country=make_country(country),
        currency=currency,
        at=at,
    )


def amount(customer, currency="USD", **where):
    return quotes(customer, currency, **where)[0].amount


def make_rule(price_list, percent="10", **conditions):
    return MarkupRule.objects.create(
        price_list=price_list,
        percent=Decimal(percent),
        **{"effective_from": datetime(2020, 1, 1, tzinfo=UTC), **conditions},
    )


# --- Which level decides ---------------------------------------------------------------


def test_without_anything_else_the_base_price_holds(customer):
    make_offer(price="0.15")
    (quote,) = quotes(customer)
    assert (quote.amount, quote.currency, quote.source) == (Decimal("0.15"), "USD", Source.BASE)
    assert (quote.original_amount, quote.original_currency, quote.rate) == (Decimal("0.15"), "USD", Decimal(1))


def test_a_markup_rule_goes_before_the_base_price(customer):
    make_offer(price="0.20")
    rule = make_rule(make_price_list("Retail", customer), "25")
    (quote,) = quotes(customer)
    assert (quote.amount, quote.source, quote.source_id) == (Decimal("0.25"), Source.MARKUP, rule.pk)


def test_a_list_price_goes_before_markup(customer):
    offer, retail = make_offer(price="0.20"), make_price_list("Retail", customer)
    make_rule(retail, "25")
    price = make_price(offer, "0.18", price_list=retail)
    (quote,) = quotes(customer)
    assert (quote.amount, quote.source, quote.source_id) == (Decimal("0.18"), Source.LIST, price.pk)


def test_a_customers_own_price_goes_before_their_list(customer):
    offer, retail = make_offer(price="0.20"), make_price_list("Retail", customer)
    make_price(offer, "0.18", price_list=retail)
    make_price(offer, "0.11", customer=customer)
    (quote,) = quotes(customer)
    assert (quote.amount, quote.source) == (Decimal("0.11"), Source.CUSTOMER)


def test_another_customers_price_and_another_list_change_nothing(customer):
    offer, stranger = make_offer(price="0.20"), Customer.objects.create(name="Stranger")
    theirs = make_price_list("Theirs", stranger)
    make_price(offer, "0.01", price_list=theirs)
    make_price(offer, "0.02", customer=stranger)
    make_rule(theirs, "-50")
    assert amount(customer) == Decimal("0.20")


def test_who_is_on_no_list_is_on_the_default_one(customer):
    offer = make_offer(price="0.20")
    make_price(offer, "0.17", price_list=make_price_list("Everyone", is_default=True))
    assert amount(customer) == Decimal("0.17")
    make_price_list("Empty", customer)
    assert amount(customer) == Decimal("0.20")


def test_an_ended_price_lets_the_next_level_decide(customer):
    offer = make_offer(price="0.20")
    make_price(offer, "0.11", customer=customer)
    make_price(offer, None, customer=customer, effective_from=NEW_YEAR)
    assert amount(customer, at=NEW_YEAR - timedelta(seconds=1)) == Decimal("0.11")
    assert amount(customer, at=NEW_YEAR) == Decimal("0.20")


def test_an_offer_without_any_price_is_not_quoted(customer):
    make_offer(price=None)
    assert quotes(customer) == []


# --- From when ---------------------------------------------------------------------------


def test_the_latest_price_that_has_begun_holds(customer):
    offer = make_offer(price="0.10")
    make_price(offer, "0.20", effective_from=NEW_YEAR)
    make_price(offer, "0.30", effective_from=NEW_YEAR + timedelta(days=1))
    moments = [NEW_YEAR - timedelta(microseconds=1), NEW_YEAR, NEW_YEAR + timedelta(days=1)]
    assert [amount(customer, at=moment) for moment in moments] == [Decimal("0.10"), Decimal("0.20"), Decimal("0.30")]


def test_of_two_prices_from_the_same_moment_the_later_written_holds(customer):
    offer = make_offer(price="0.10")
    make_price(offer, "0.20", effective_from=NEW_YEAR)
    make_price(offer, "0.25", effective_from=NEW_YEAR)
    assert amount(customer, at=NEW_YEAR) == Decimal("0.25")


def test_a_scheduled_price_does_not_hold_yet(customer):
    offer = make_offer(price="0.10")
    set_price(product=offer.pk, amount=Decimal("9"), currency="USD", effective_from=timezone.now() + timedelta(hours=1))
    assert amount(customer) == Decimal("0.10")
    assert amount(customer, at=timezone.now() + timedelta(hours=2)) == Decimal(9)


def test_a_rule_holds_from_its_beginning_until_its_end(customer):
    make_offer(price="1")
    retail = make_price_list("Retail", customer)
    make_rule(retail, "50", effective_from=NEW_YEAR, effective_until=NEW_YEAR + timedelta(days=1))
    moments = [NEW_YEAR - timedelta(seconds=1), NEW_YEAR, NEW_YEAR + timedelta(days=1)]
    assert [amount(customer, at=moment) for moment in moments] == [Decimal(1), Decimal("1.5"), Decimal(1)]


# --- Markup --------------------------------------------------------------------------------


def test_the_most_specific_rule_wins(customer):
    offer, retail = make_offer(price="1"), make_price_list("Retail", customer)
    conditions = [
        {},
        {"kind": "activation"},
        {"provider": "sandbox"},
        {"country": offer.country},
        {"country": offer.country, "provider": "sandbox"},
        {"service": offer.service},
        {"service": offer.service, "provider": "sandbox"},
        {"service": offer.service, "country": offer.country},
        {"service": offer.service, "country": offer.country, "provider": "sandbox", "kind": "activation"},
    ]
    for percent, condition in enumerate(conditions, start=1):
        make_rule(retail, str(percent), **condition)
        assert amount(customer) == 1 + Decimal(percent) / 100


def test_a_less_specific_rule_never_replaces_a_more_specific_one(customer):
    offer, retail = make_offer(price="1"), make_price_list("Retail", customer)
    make_rule(retail, "5", service=offer.service)
    make_rule(retail, "90", country=offer.country, provider="sandbox", kind="activation")
    assert amount(customer) == Decimal("1.05")


def test_rules_for_something_else_do_not_match(customer):
    make_offer(price="1")
    retail = make_price_list("Retail", customer)
    make_rule(retail, "90", service=make_service("whatsapp"))
    make_rule(retail, "90", country=make_country("GB"))
    make_rule(retail, "90", provider="pool")
    make_rule(retail, "90", kind="smm")
    assert amount(customer) == Decimal(1)


def test_of_two_equal_rules_the_later_one_wins(customer):
    make_offer(price="1")
    retail = make_price_list("Retail", customer)
    make_rule(retail, "20", effective_from=NEW_YEAR)
    make_rule(retail, "10")
    assert amount(customer, at=NEW_YEAR) == Decimal("1.2")


def test_markup_on_cost_needs_no_base_price(customer):
    make_offer(price=None, cost=Decimal("0.40"), cost_currency="USD")
    make_rule(make_price_list("Retail", customer), "50", basis="cost")
    assert amount(customer) == Decimal("0.60")


def test_markup_on_a_base_price_that_is_not_there_sells_nothing(customer):
    make_offer(price=None)
    make_rule(make_price_list("Retail", customer), "50")
    assert quotes(customer) == []


def test_a_fixed_part_is_added_after_the_percentage_in_its_own_currency(customer):
    make_offer(price="1", currency="EUR")
    make_rate("EUR", "USD", "2")
    make_rule(make_price_list("Retail", customer), "10", fixed=Decimal("0.50"), fixed_currency="USD")
    assert amount(customer, "EUR") == Decimal("1.35")
    assert amount(customer, "USD") == Decimal("2.70")


def test_a_discount_below_nothing_sells_nothing(customer):
    make_offer(price="0.10")
    make_rule(make_price_list("Retail", customer), "0", fixed=Decimal("-0.10"))
    assert quotes(customer) == []


# --- Currencies and rounding ------------------------------------------------------------------


def test_a_price_is_converted_to_the_wallets_currency(customer):
    make_offer(price="0.15")
    make_rate("USD", "NGN", "1530")
    (quote,) = quotes(customer, "NGN")
    assert (quote.amount, quote.currency, quote.rate) == (Decimal("229.5"), "NGN", Decimal(1530))
    assert (quote.original_amount, quote.original_currency) == (Decimal("0.15"), "USD")


def test_a_price_in_the_wallets_own_currency_is_not_converted(customer):
    offer = make_offer(price="0.15")
    make_price(offer, "200", "NGN")
    make_price(offer, "0.16", "USD", effective_from=NEW_YEAR)
    make_rate("USD", "NGN", "1530")
    assert amount(customer, "NGN") == Decimal(200)


def test_of_several_foreign_prices_the_latest_is_converted(customer):
    offer = make_offer(price="1", currency="USD")
    make_price(offer, "3", "EUR", effective_from=NEW_YEAR)
    make_rate("USD", "GHS", "10")
    make_rate("EUR", "GHS", "20")
    assert amount(customer, "GHS") == Decimal(60)


def test_the_rate_of_the_moment_holds(customer):
    make_offer(price="1")
    make_rate("USD", "NGN", "1000")
    make_rate("USD", "NGN", "2000", at=NEW_YEAR)
    assert amount(customer, "NGN", at=NEW_YEAR - timedelta(seconds=1)) == Decimal(1000)
    assert amount(customer, "NGN", at=NEW_YEAR) == Decimal(2000)


def test_without_a_rate_there_is_no_price(customer):
    make_offer(price="1")
    with pytest.raises(NoExchangeRate) as refusal:
        quotes(customer, "NGN")
    assert refusal.value.facts == {"base": "USD", "quote": "NGN"}


def test_a_missing_rate_leaves_out_only_what_needs_it(customer):
    make_offer(price="1", currency="EUR", provider="first")
    make_offer(price="5", currency="USD", provider="second")
    assert [quote.offer.provider for quote in quotes(customer)] == ["second"]


@pytest.mark.parametrize(
    ("price", "rate", "expected"),
    [
        ("0.000001", "0.5", "0.000001"),
        ("0.000003", "0.5", "0.000002"),
        ("0.000005", "0.5", "0.000003"),
        ("1", "0.0000004", None),
        ("1", "0.0000005", "0.000001"),
        ("1.000001", "0.3333333", "0.333334"),
        ("999999999999.999999", "1530.123456789012", "1530123456789011.998470"),
    ],
)
def test_an_amount_is_rounded_once_half_up_to_six_places(customer, price, rate, expected):
    make_offer(price=price)
    make_rate("USD", "NGN", rate)
    assert [str(quote.amount) for quote in quotes(customer, "NGN")] == ([expected] if expected else [])


def test_nothing_is_rounded_before_the_end(customer):
    # 0.333333 × 1.005 = 0.334999665; rounded first it would be 0.335000, and 33.5 after.
    make_offer(price="0.333333")
    make_rate("USD", "NGN", "100")
    make_rule(make_price_list("Retail", customer), "0.5")
    assert amount(customer, "NGN") == Decimal("33.499967")


# --- What is offered --------------------------------------------------------------------------


def test_the_cheapest_provider_comes_first(customer):
    make_offer(price="0.30", provider="dear")
    make_offer(price="0.10", provider="cheap")
    make_offer(price="0.20", provider="fair")
    assert [quote.offer.provider for quote in quotes(customer)] == ["cheap", "fair", "dear"]


def test_what_is_switched_off_or_out_of_stock_is_not_quoted(customer):
    make_offer(provider="off", is_active=False)
    make_offer(provider="empty", stock=0)
    make_offer(provider="stocked", stock=3)
    assert [quote.offer.provider for quote in quotes(customer)] == ["stocked"]


@pytest.mark.parametrize("switch", ["service", "country"])
def test_an_inactive_service_or_country_is_not_quoted(customer, switch):
    offer = make_offer()
    if switch == "service":
        offer.service.is_active = False
        offer.service.save()
    else:
        offer.country.is_enabled = False
        offer.country.save()
    assert quotes(customer) == []


def test_another_kind_of_product_is_priced_by_the_same_rules(customer):
    from catalog.models import Price, Product
    from catalog.services.resolution import resolve

    class Plan:
        product_id = Product.objects.create(kind="monthly_number").pk
        kind, service_id, country_id, provider = "monthly_number", None, make_country("US").pk, "pool"
        cost, cost_currency = Decimal(3), "USD"

    Price.objects.create(product_id=Plan.product_id, amount=Decimal(6))
    retail = make_price_list("Retail", customer)
    make_rule(retail, "50", service=make_service())
    make_rule(retail, "10", kind="monthly_number")
    (quote,) = resolve([Plan()], customer_id=customer.pk, currency="USD")
    assert quote.amount == Decimal("6.6")


def test_a_whole_catalogue_is_priced_in_a_handful_of_queries(customer, django_assert_max_num_queries):
    for service in ("telegram", "whatsapp"):
        for country in ("US", "GB", "KE"):
            make_offer(service, country)
    make_rate("USD", "NGN", "1530")
    make_rule(make_price_list("Retail", customer))
    with django_assert_max_num_queries(6):
        cheapest = pricing.cheapest_by_service(customer_id=customer.pk, currency="NGN")
    assert len(cheapest) == 2
