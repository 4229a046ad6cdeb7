"""What an SMS costs by the number it goes to."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import UnknownDestination
from catalog.models import DestinationMap, MarkupRule, SmsDestination, SmsPrefix
from catalog.services.destinations import CLOSED, ELSEWHERE, Destination, Destinations
from catalog.services.rates import rate_rows, rates_for
from catalog.services.sms_destinations import set_prefixes
from catalog.tests.factories import make_country, make_destination, make_price, make_price_list, make_rate
from wallets.errors import NoExchangeRate
from wallets.models import Customer

pytestmark = pytest.mark.django_db
DANE, JERSEY, MANX = "4530123456", "447797123456", "447624123456"


@pytest.fixture
def customer():
    return Customer.objects.create(name="Kilimo")


@pytest.fixture
def ask(customer):
    def asked(*numbers, currency="USD", **facts):
        return rates_for(customer_id=customer.pk, currency=currency, numbers=numbers, **facts)

    return asked


def telenor(**facts):
    return make_destination("DK", mcc="238", mnc="02", operator="Telenor", prefixes=["4530", "4540"], **facts)


def amounts(rates):
    return [str(rate.amount) for rate in rates]


def test_the_longest_prefix_decides_else_the_country_else_the_default(ask):
    telenor(price="0.04"), make_destination("DK", mcc="238", price="0.05"), make_destination(price="0.2")
    rates = ask(DANE, "+4540123456", "+4520123456", "37120000000")
    assert amounts(rates) == ["0.040000", "0.040000", "0.050000", "0.200000"]
    assert [rate.destination for rate in rates] == ["DK Telenor", "DK Telenor", "DK ", " "]
    assert rates[0] is rates[1]


def test_a_rate_tells_where_it_leads_and_how_the_price_came_about(ask):
    make_rate("USD", "GHS", "12.4")
    destination = telenor(price="0.04", cost=Decimal("0.02"))
    (rate,) = ask(DANE, currency="GHS")
    assert rate == (
        destination.pk, destination.country_id, "DK", "Telenor", "238", "02", Decimal("0.496"), "GHS",
        Decimal("0.04"), "USD", Decimal("12.4"), Decimal("0.02"), "USD",
    )  # fmt: skip


def test_a_number_without_any_rate_is_refused_by_name(ask):
    telenor()
    with pytest.raises(UnknownDestination) as refusal:
        ask(DANE, "+37120000000", "37120000001")
    assert refusal.value.facts == {"numbers": ["+37120000000", "37120000001"]}


def test_customers_lists_and_markup_price_destinations_like_everything_else(ask, customer):
    destination, other = telenor(price="0.04"), make_destination("DK", mcc="238", price="0.05")
    price_list = make_price_list("Resellers", customer)
    MarkupRule.objects.create(price_list=price_list, kind="sms", country=destination.country, percent=10)
    assert amounts(ask(DANE, "4520123456")) == ["0.044000", "0.055000"]
    make_price(other, "0.07", price_list=price_list)
    make_price(destination, "0.01", customer=customer)
    assert amounts(ask(DANE, "4520123456")) == ["0.010000", "0.070000"]


def test_a_network_without_a_price_costs_what_its_country_costs(ask):
    telenor(price=None)
    with pytest.raises(UnknownDestination):
        ask(DANE)
    default = make_destination(price="0.2")
    assert ask(DANE)[0].product_id == default.pk
    country = make_destination("DK", mcc="238", price="0.05")
    assert ask(DANE)[0].product_id == country.pk


def test_a_price_that_cannot_be_converted_is_refused_not_replaced_by_the_default(ask):
    telenor(price="0.04", currency="DKK"), make_destination(price="0.001")
    with pytest.raises(NoExchangeRate):
        ask(DANE)


def test_no_numbers_cost_no_query_beyond_the_map(ask):
    assert ask() == []


# --- Countries that share a dial code ---------------------------------------------------------


def test_a_shared_dial_code_tells_its_countries_apart(ask):
    for code in ("US", "CA", "JM", "RU", "KZ", "GB", "JE", "IM"):
        make_destination(code)
    numbers = {
        "12025550143": "US", "12345678901": "US", "18005550100": "US", "16045550100": "CA", "18765550100": "JM",
        "79161234567": "RU", "77011234567": "KZ", "447400123456": "GB", JERSEY: "JE", MANX: "IM",
    }  # fmt: skip
    codes = [SmsDestination.objects.get(pk=rate.product_id).country.code for rate in ask(*numbers)]
    assert codes == list(numbers.values())


def test_a_neighbour_without_a_rate_costs_the_default_not_the_rate_of_who_shares_its_code(ask):
    make_country("JE"), make_destination("GB", price="0.04")
    with pytest.raises(UnknownDestination):
        ask(JERSEY)
    make_destination(price="0.2")
    assert amounts(ask("447400123456", JERSEY)) == ["0.040000", "0.200000"]


def test_nothing_is_sold_in_a_country_that_is_switched_off(ask):
    telenor(), make_destination("GB"), make_destination(price="0.2")
    make_country("JE", is_enabled=False)
    denmark = make_country("DK")
    denmark.is_enabled = False
    denmark.save()
    for closed in (DANE, "4520123456", JERSEY):
        with pytest.raises(UnknownDestination):
            ask(closed)
    assert len(ask("447400123456")) == 1


# --- The map is kept, and never stale ---------------------------------------------------------


def test_the_map_is_read_once(ask, django_assert_num_queries):
    telenor()
    ask(DANE)
    with django_assert_num_queries(3):  # the stamp, the customer's list or the default one, prices
        ask(DANE, "4540123456")


@pytest.mark.parametrize(
    "change",
    [
        lambda one: set_prefixes({one.pk: ["4599"]}),
        lambda one: SmsDestination.objects.filter(pk=one.pk).update(is_active=False),
        lambda one: SmsPrefix.objects.filter(destination=one.pk).delete(),
        lambda one: connection.cursor().execute("UPDATE catalog_smsprefix SET digits = '99' WHERE digits = '4530'"),
    ],
)
def test_whoever_changes_destinations_or_prefixes_renews_the_map(ask, change):
    one = telenor()
    ask(DANE)
    change(one)
    with pytest.raises(UnknownDestination):
        ask(DANE)


def test_a_change_that_is_rolled_back_is_forgotten(ask):
    telenor(price="0.04")
    ask(DANE)
    with transaction.atomic():
        SmsDestination.objects.update(is_active=False)
        with pytest.raises(UnknownDestination):
            ask(DANE)
        transaction.set_rollback(True)
    assert amounts(ask(DANE)) == ["0.040000"]


def test_stamps_never_repeat():
    stamps = set()
    for name in ("Telenor", "Telia", "Telenor"):
        SmsDestination.objects.update(operator=name)
        stamps.add(DestinationMap.objects.get().stamp)
    assert len(stamps) == 3


# --- Rows -------------------------------------------------------------------------------------


@pytest.fixture
def rows(customer):
    telenor(price="0.04"), make_destination("DK", mcc="238", price="0.05"), make_destination(price="0.2")
    make_destination("LV", mcc="247", price="0.06")

    def listed(**filters):
        found = rate_rows(customer_id=customer.pk, currency="USD", **filters)
        return [(rate.mcc, rate.mnc, str(rate.amount)) for rate in found]

    return listed


DENMARK, TELENOR, LATVIA = ("238", None, "0.050000"), ("238", "02", "0.040000"), ("247", None, "0.060000")


def test_rows_are_listed_by_country_without_the_default(rows):
    assert rows() == [DENMARK, TELENOR, LATVIA]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"mcc": "238"}, [DENMARK, TELENOR]),
        ({"mcc": "238", "mnc": "02"}, [TELENOR]),
        ({"mcc": "238", "mnc": ""}, [DENMARK]),
        ({"mcc": "999"}, []),
        ({"country": "dk"}, [DENMARK, TELENOR]),
        ({"country": "v"}, [LATVIA]),
        ({"prefix": "4530"}, [TELENOR]),
        ({"prefix": "45301"}, [TELENOR]),
        ({"prefix": "4520"}, [DENMARK]),
        ({"prefix": "45"}, [DENMARK, TELENOR]),
        ({"prefix": "33"}, []),
    ],
)
def test_rows_are_found(rows, filters, expected):
    assert rows(**filters) == expected


def test_rows_of_one_country(rows):
    assert rows(country_id=make_country("LV").pk) == [LATVIA]


# --- Prefixes ---------------------------------------------------------------------------------


def test_a_prefix_belongs_to_one_destination(ask):
    one, other = telenor(), make_destination("DK", mcc="238", prefixes=["45"])
    with pytest.raises(IntegrityError), transaction.atomic():
        SmsPrefix.objects.create(destination=other, digits="4530")
    set_prefixes({other.pk: ["45", "4530"]})
    assert ask(DANE)[0].product_id == other.pk
    assert [prefix.digits for prefix in one.prefixes.all()] == ["4540"]


def test_a_destination_is_sold_once_but_may_have_been_sold_before():
    one = telenor()
    with pytest.raises(IntegrityError), transaction.atomic():
        make_destination("DK", mcc="238", mnc="02", prefixes=[])
    SmsDestination.objects.filter(pk=one.pk).update(is_active=False)
    make_destination("DK", mcc="238", mnc="02", prefixes=[])


def test_there_is_one_default():
    make_destination()
    with pytest.raises(IntegrityError), transaction.atomic():
        make_destination()


@given(
    prefixes=st.dictionaries(st.text("123", min_size=1, max_size=4), st.sampled_from([CLOSED, ELSEWHERE, 1, 2, 3])),
    number=st.text("123", min_size=1, max_size=6),
    without=st.frozensets(st.sampled_from([1, 2, 3, 9])),
)
def test_the_map_finds_what_trying_every_prefix_finds(prefixes, number, without):
    by_id = {pk: Destination(pk, 1, "", "", "", "", Decimal(0), "USD") for pk in (1, 2, 3)}
    by_id[9] = by_id[1]._replace(product_id=9, country_id=None)
    fitting = [
        one for digits, one in sorted(prefixes.items(), key=lambda row: -len(row[0])) if number.startswith(digits)
    ]
    default = None if 9 in without else 9
    wanted = next((one for one in fitting if one not in without), ELSEWHERE)
    expected = {CLOSED: None, ELSEWHERE: default}.get(wanted, wanted)
    assert Destinations(by_id, prefixes).find(number, without) == expected
