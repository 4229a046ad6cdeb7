"""The native list of SMS rates."""

from decimal import Decimal

import pytest

from catalog.models import SmsDestination
from catalog.tests.factories import make_country, make_destination, make_price, make_rate
from catalog.tests.test_api import BASE, Caller
from wallets.services import open_customer, open_wallet

pytestmark = pytest.mark.django_db


@pytest.fixture
def caller(client):
    return Caller(client, open_customer(name="Kilimo"))


@pytest.fixture
def telenor():
    make_destination(price="0.2"), make_destination("DK", mcc="238", price="0.05")
    make_destination("LV", mcc="247", price="0.06")
    return make_destination("DK", mcc="238", mnc="02", operator="Telenor", prefixes=["4530"], price="0.04")


def listed(caller, query=""):
    return [(row["mcc"], row["mnc"], row["price"]) for row in caller.data(f"rates?{query}")]


def test_a_row_tells_where_and_how_much(caller, telenor):
    row = caller.data("rates?mcc=238&mnc=02")[0]
    assert row == {
        "id": telenor.pk, "country_id": telenor.country_id, "country": "DK", "network": "Telenor", "mcc": "238",
        "mnc": "02", "price": Decimal("0.04"), "currency": "USD",
    }  # fmt: skip


def test_rates_are_listed_by_country_without_the_default(caller, telenor):
    assert listed(caller) == [
        ("238", None, Decimal("0.05")), ("238", "02", Decimal("0.04")), ("247", None, Decimal("0.06")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("mcc=238", 2),
        ("mcc=238&mnc=null", 1),
        ("mcc=238&mnc=99", 0),
        ("country=d", 2),
        ("prefix=%2B4530", 1),
        ("prefix=+45301", 1),
        ("prefix=45", 2),
        ("country_id=1", 0),
    ],
)
def test_rates_are_found(caller, telenor, query, found):
    assert SmsDestination.objects.exclude(country=1).count() == 4
    assert len(listed(caller, query)) == found


def test_rates_of_one_country(caller, telenor):
    assert len(listed(caller, f"country_id={make_country('LV').pk}")) == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("mnc=02", "mcc"), ("mcc=23", "mcc"), ("mcc=٢٣٨", "mcc"), ("mcc=238&mnc=2", "mnc"),
        ("country_id=x", "country_id"), ("country_id=0", "country_id"),

        ("prefix=45a", "prefix"), ("limit=0", "limit"), ("cursor=7x", "cursor"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_field(caller, telenor, query, field):
    status, body = caller.get(f"rates?{query}")
    assert (status, list(body["errors"])) == (422, [field])


def test_pages_follow_each_other_both_ways(caller, telenor):
    _, first = caller.get("rates?limit=2")
    _, second = caller.get(f"rates?limit=2&cursor={first['meta']['next_cursor']}")
    assert [row["mcc"] for row in second["data"]] == ["247"]
    assert (first["meta"]["previous_cursor"], second["meta"]["next_cursor"]) == (None, None)
    assert caller.get(f"rates?limit=2&cursor={second['meta']['previous_cursor']}")[1] == first


def test_prices_are_this_customers_in_the_keys_currency(client, telenor):
    make_rate("USD", "GHS", "12.4")
    customer = open_customer(name="Kilimo")
    make_price(telenor, "0.01", customer=customer)
    caller = Caller(client, customer, wallet=open_wallet(customer=customer, currency="GHS"))
    assert caller.data("rates?mcc=238&mnc=02")[0]["price"] == Decimal("0.124")
    assert caller.data("rates?mcc=238&mnc=02")[0]["currency"] == "GHS"


def test_it_needs_a_key(client):
    assert client.get(f"{BASE}/rates").status_code == 401
