"""The native catalogue endpoints, as printed and under hostile hands."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apikeys.services.keys import issue_key
from catalog.models import Country, Offer, Operator
from catalog.services import pricing
from catalog.services.prices import set_price
from catalog.tests.factories import make_country, make_offer, make_price, make_price_list, make_rate, make_service
from wallets.services import open_customer, open_wallet

pytestmark = pytest.mark.django_db
BASE = "/api/developer/v1"
PATHS = ["services", "countries", "services/telegram/countries", "quote?service=telegram&country=US"]


class Caller:
    """A customer's program: one key, and answers with exact numbers."""

    def __init__(self, client, customer, **terms):
        self.client, self.customer = client, customer
        _, self.key = issue_key(customer=customer, name="Test", actor="test", **terms)

    def get(self, path):
        response = self.client.get(f"{BASE}/{path}", headers={"X-API-Key": self.key})
        return response.status_code, json.loads(response.content, parse_float=Decimal)

    def data(self, path):
        status, body = self.get(path)
        assert status == 200, body
        return body["data"]


@pytest.fixture
def caller(client):
    return Caller(client, open_customer(name="Kilimo"))


@pytest.fixture
def printed():
    """The catalogue as the reference prints it."""
    telegram = make_service("telegram", name="Telegram", min_quantity=1, max_quantity=2500)
    whatsapp = make_service("whatsapp", name="WhatsApp", min_quantity=1, max_quantity=5000)
    us, gb = make_country("US"), make_country("GB")
    make_offer("telegram", "US", price="0.15")
    make_offer("telegram", "GB", price="0.18")
    make_offer("whatsapp", "US", price="0.35")
    for number, country in enumerate([us, us, us, gb, gb]):
        Operator.objects.create(country=country, name=f"Network {number}", mcc="310", mnc=f"{number:02}")
    return telegram, whatsapp, us, gb


# --- As printed --------------------------------------------------------------------------


def test_services_are_as_printed(caller, printed):
    telegram, whatsapp, _, _ = printed
    assert caller.data("services") == [
        {
            "id": telegram.pk, "name": "Telegram", "slug": "telegram", "price": Decimal("0.15"),
            "min_quantity": 1, "max_quantity": 2500,
        },
        {
            "id": whatsapp.pk, "name": "WhatsApp", "slug": "whatsapp", "price": Decimal("0.35"),
            "min_quantity": 1, "max_quantity": 5000,
        },
    ]  # fmt: skip


def test_countries_are_as_printed(caller, printed):
    *_, us, gb = printed
    assert caller.data("countries") == [
        {"id": us.pk, "name": "United States", "code": "US", "is_available": True},
        {"id": gb.pk, "name": "United Kingdom", "code": "GB", "is_available": True},
    ]


def test_prices_by_country_are_as_printed_with_the_code(caller, printed):
    *_, us, gb = printed
    assert caller.data("services/telegram/countries") == [
        {"id": us.pk, "name": "United States", "code": "US", "price": Decimal("0.15"), "operators_count": 3},
        {"id": gb.pk, "name": "United Kingdom", "code": "GB", "price": Decimal("0.18"), "operators_count": 2},
    ]


def test_prices_are_exact_json_numbers(client, caller, printed):
    make_offer("signal", price="0.300000")
    body = client.get(f"{BASE}/services", headers={"X-API-Key": caller.key}).content
    assert b'"price":0.3,' in body.replace(b" ", b"")


def test_a_quote_says_what_is_charged_and_at_which_rate(client, printed):
    make_rate("USD", "NGN", "1530")
    caller = Caller(client, open_customer(name="Lagos", currency="NGN"))
    assert caller.data("quote?service=telegram&country=US") == {
        "service": "telegram",
        "country": "US",
        "amount": Decimal("229.5"),
        "currency": "NGN",
        "original_amount": Decimal("0.15"),
        "original_currency": "USD",
        "rate": 1530,
    }


@pytest.mark.parametrize("path", PATHS)
def test_a_trailing_slash_changes_nothing(caller, printed, path):
    path, _, query = path.partition("?")
    assert caller.get(f"{path}/?{query}") == caller.get(f"{path}?{query}")


# --- What is shown ---------------------------------------------------------------------------


def test_the_same_customer_sees_each_wallets_own_currency(client, caller, printed):
    make_rate("USD", "GBP", "0.8")
    open_wallet(customer=caller.customer, currency="GBP")
    pounds = Caller(client, caller.customer, currency="GBP")
    assert pounds.data("services")[0]["price"] == Decimal("0.12")
    assert caller.data("services")[0]["price"] == Decimal("0.15")


def test_a_customer_sees_their_own_prices_and_nobody_elses(client, caller, printed):
    stranger = Caller(client, open_customer(name="Stranger"))
    offer = make_service("telegram").offers.get(country__code="US")
    make_price(offer, "0.05", customer=caller.customer)
    make_price(offer, "0.04", price_list=make_price_list("Theirs"))
    assert caller.data("services/telegram/countries")[0]["price"] == Decimal("0.05")
    assert stranger.data("services/telegram/countries")[0]["price"] == Decimal("0.15")


def test_a_new_price_shows_at_once_and_a_scheduled_one_not_yet(caller, printed):
    offer = make_service("telegram").offers.get(country__code="US")
    later = timezone.now() + timedelta(hours=1)
    set_price(product=offer.pk, amount=Decimal(9), currency="USD", effective_from=later)
    assert caller.data("quote?service=telegram&country=US")["amount"] == Decimal("0.15")
    set_price(product=offer.pk, amount=Decimal("0.16"), currency="USD")
    assert caller.data("quote?service=telegram&country=US")["amount"] == Decimal("0.16")


def test_the_lowest_price_of_several_providers_is_shown_and_charged(caller, printed):
    make_offer("telegram", "US", provider="cheaper", price="0.09")
    assert caller.data("services")[0]["price"] == Decimal("0.09")
    assert caller.data("services/telegram/countries")[0]["price"] == Decimal("0.09")
    assert caller.data("quote?service=telegram&country=US")["amount"] == Decimal("0.09")


def test_a_service_without_any_current_offer_is_left_out(caller, printed):
    make_service("unsold")
    make_offer("unpriced", price=None)
    make_offer("stopped", is_active=False)
    assert [row["slug"] for row in caller.data("services")] == ["telegram", "whatsapp"]


def test_a_country_is_available_only_while_something_can_be_bought_there(caller):
    make_offer(country="US")
    make_country("GB")
    make_offer(country="KE", is_active=False)
    make_offer("stopped", country="DE")
    Offer.objects.filter(service__slug="stopped").update(stock=0)
    make_offer(country="FR")
    Country.objects.filter(code="FR").update(is_enabled=False)
    shown = {row["code"]: row["is_available"] for row in caller.data("countries")}
    assert shown == {"US": True, "GB": False, "KE": False, "DE": False, "FR": False}


def test_inactive_and_unknown_operators_do_not_count(caller, printed):
    Operator.objects.filter(country__code="US").update(is_active=False)
    counts = [row["operators_count"] for row in caller.data("services/telegram/countries")]
    assert counts == [0, 2]


def test_nothing_about_providers_or_costs_is_shown(client, caller, printed):
    make_offer("telegram", "US", provider="secretprovider", price="0.01", cost=Decimal("0.007777"))
    for path in PATHS:
        body = client.get(f"{BASE}/{path}", headers={"X-API-Key": caller.key}).content
        assert b"secretprovider" not in body
        assert b"7777" not in body


def test_an_unknown_or_inactive_service_is_not_found(caller, printed):
    not_found = (404, {"message": "Not found.", "error": "not_found"})
    assert caller.get("services/nothing/countries") == not_found
    make_service("gone", is_active=False)
    assert caller.get("services/gone/countries") == not_found


# --- Filters -----------------------------------------------------------------------------------


def test_lists_can_be_searched(caller, printed):
    assert [row["slug"] for row in caller.data("services?search=TELE")] == ["telegram"]
    assert [row["code"] for row in caller.data("countries?search=kingdom")] == ["GB"]
    assert [row["code"] for row in caller.data("countries?search=us")] == ["US"]
    assert [row["code"] for row in caller.data("services/telegram/countries?search=states")] == ["US"]
    assert caller.data("services?search=%25") == []


def test_countries_can_be_filtered_by_availability(caller, printed):
    make_country("KE")
    assert [row["code"] for row in caller.data("countries?available=true")] == ["US", "GB"]
    assert [row["code"] for row in caller.data("countries?available=0")] == ["KE"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("countries?available=maybe", "available"),
        ("countries?available=None", "available"),
        ("countries?available=１", "available"),
        (f"services?search={'x' * 101}", "search"),
        (f"countries?search={'x' * 101}", "search"),
        ("quote", "service"),
        ("quote?service=telegram", "country"),
        ("quote?service=&country=US", "service"),
        ("quote?service=telegram&country=USA", "country"),
        (f"quote?service={'x' * 101}&country=US", "service"),
    ],
)
def test_a_bad_value_is_refused_by_name(caller, printed, path, field):
    status, body = caller.get(path)
    assert (status, body["error"]) == (422, "validation_failed")
    assert field in body["errors"]


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("quote?service=nothing&country=US", 400, "invalid_service"),
        ("quote?service=telegram&country=ZZ", 400, "invalid_country"),
        ("quote?service=telegram&country=ß", 400, "invalid_country"),
        ("quote?service=whatsapp&country=GB", 422, "not_offered"),
    ],
)
def test_what_cannot_be_quoted_is_said_plainly(caller, printed, path, status, error):
    answer = caller.get(path)
    assert (answer[0], answer[1]["error"]) == (status, error)


def test_a_missing_exchange_rate_is_said_not_hidden(client, printed):
    caller = Caller(client, open_customer(name="Lagos", currency="NGN"))
    for path in ("services", "services/telegram/countries", "quote?service=telegram&country=US"):
        status, body = caller.get(path)
        assert (status, body["error"]) == (422, "no_exchange_rate")


# --- Who asks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_without_a_key_nothing_is_shown(client, printed, path):
    response = client.get(f"{BASE}/{path}")
    assert (response.status_code, response.json()["message"]) == (401, "API key is required.")
    response = client.get(f"{BASE}/{path}", headers={"X-API-Key": "sgk_garbage"})
    assert (response.status_code, response.json()["message"]) == (401, "Invalid API key.")


@pytest.mark.parametrize("path", PATHS)
def test_a_key_without_the_scope_is_refused(client, printed, path):
    caller = Caller(client, open_customer(name="Narrow"), scopes=["activations"])
    assert caller.get(path)[0] == 403


@pytest.mark.parametrize("path", PATHS)
def test_only_get_is_allowed(client, caller, path):
    response = client.post(f"{BASE}/{path}", headers={"X-API-Key": caller.key})
    assert (response.status_code, response.json()["error"]) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    "path",
    [
        "services?search=%00",
        "countries?search=a%00b",
        "countries?available=%00",
        "quote?service=%00&country=US",
        "quote?service=telegram&country=U%00",
        "services?search=%ed%a0%80",
        "services/%00/countries",
        "services/..%2f..%2fetc/countries",
        "services/" + "x" * 5000 + "/countries",
        "services/' OR 1=1 --/countries",
        "services?" + "&".join(f"search={n}" for n in range(200)),
        "countries?search=%F0%9F%98%80",
        "services?customer=1&is_active=0&__class__=x",
    ],
)
def test_hostile_queries_are_answered_in_json_without_a_crash(client, caller, printed, path):
    response = client.get(f"{BASE}/{path}", headers={"X-API-Key": caller.key})
    assert response.status_code in {200, 400, 404, 422}
    assert isinstance(response.json(), dict)


def test_what_is_shown_is_what_is_quoted_for_purchase(caller, printed):
    telegram, _, us, _ = printed
    shown = caller.data("services/telegram/countries")[0]["price"]
    (quote,) = pricing.quote(customer_id=caller.customer.pk, service=telegram, country=us, currency="USD")
    assert shown == quote.amount
