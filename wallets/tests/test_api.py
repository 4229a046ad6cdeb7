"""The native wallet endpoints: as printed, exact to the last place, and under hostile hands."""

import json
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from apikeys.models import Scope
from apikeys.services.keys import issue_key
from wallets.models import Customer, Transaction
from wallets.services import (
    Conversion,
    adjust,
    capture,
    charge,
    deposit,
    open_customer,
    open_wallet,
    place_hold,
    refund,
    set_credit_limit,
)

pytestmark = pytest.mark.django_db
BASE = "/api/developer/v1"
BALANCE, TRANSACTIONS, HISTORY, PLATFORM = "wallet/balance", "wallet/transactions", "wallet/history", "transactions"
LISTS = (TRANSACTIONS, HISTORY, PLATFORM)
EVERY = (BALANCE, *LISTS)


class Caller:
    """A customer's program: one wallet, one key; answers with exact numbers, keys in their order."""

    def __init__(self, name="Acme", currency="USD", **terms):
        self.customer = open_customer(name=name, currency=currency)
        self.wallet = self.customer.wallets.get()
        self.key = issue_key(customer=self.customer, name="Test", actor="test", **terms)[1]
        self.client = Client(raise_request_exception=False)

    def request(self, path, method="GET", body="", **headers):
        given = {"X-API-Key": self.key} | headers
        return self.client.generic(method, f"{BASE}/{path}", body, "application/json", headers=given)

    def get(self, path):
        return told(self.request(path))

    def data(self, path):
        status, body = self.get(path)
        assert status == 200, body
        return body["data"]

    def put(self, amount, reference="d1", **facts):
        return deposit(wallet=self.wallet, amount=Decimal(amount), reference=reference, **facts)

    def spend(self, amount, reference, kind="sms_purchase", **facts):
        return charge(
            wallet=self.wallet, amount=Decimal(amount), kind=kind, reference=reference,
            account="revenue:activations", description=f"Spent on {reference}", **facts,
        )  # fmt: skip

    def hold(self, amount, reference="h1"):
        return place_hold(wallet=self.wallet, amount=Decimal(amount), reference=reference)


def told(response):
    assert response["Content-Type"] == "application/json"
    return response.status_code, json.loads(response.content, parse_float=Decimal)


@pytest.fixture
def caller(db):
    return Caller()


# --- Balance --------------------------------------------------------------------------------------------


def test_the_balance_is_as_printed(caller):
    caller.put("150.50")
    caller.hold("10")
    data = caller.data(BALANCE)
    assert list(data) == ["balance", "hold", "available", "currency", "credit_limit"]
    assert list(data.values())[:4] == [Decimal("150.5"), 10, Decimal("140.5"), "USD"]


def test_an_empty_wallet_is_zero(caller):
    assert caller.request(BALANCE).content == (
        b'{"data": {"balance": 0, "hold": 0, "available": 0, "currency": "USD", "credit_limit": 0}}'
    )


def test_money_has_no_float_noise(caller):
    caller.put("0.1")
    caller.put("0.2", "d2")
    caller.hold("0.000001")
    assert b'"balance": 0.3, "hold": 0.000001, "available": 0.299999' in caller.request(BALANCE).content


def test_the_largest_amounts_are_exact(caller):
    caller.put("99999999999999.999999")
    assert b'"balance": 99999999999999.999999' in caller.request(BALANCE).content


def test_credit_is_told_beside_the_balance(caller):
    caller.put("5")
    set_credit_limit(wallet=caller.wallet, credit_limit=Decimal(100))
    caller.spend("20", "a")
    data = caller.data(BALANCE)
    assert (data["balance"], data["available"], data["credit_limit"]) == (-15, -15, 100)


def test_a_key_tells_of_its_own_wallet(caller):
    naira = open_wallet(customer=caller.customer, currency="NGN")
    deposit(wallet=naira, amount=Decimal(5000), reference="n1")
    caller.key = issue_key(customer=caller.customer, name="NGN", actor="test", currency="NGN")[1]
    assert (caller.data(BALANCE)["balance"], caller.data(BALANCE)["currency"]) == (5000, "NGN")
    assert [row["currency"] for row in caller.data(TRANSACTIONS)] == ["NGN"]


# --- Statement ------------------------------------------------------------------------------------------------


@pytest.fixture
def statement(caller):
    """100 in, 15 out, 5 of them back, 3 corrected away, 2 held and 1.5 of it captured."""
    caller.put("100")
    spent = caller.spend("15", "activation:1:charge")
    refund(original=spent, amount=Decimal(5), reference="activation:1:refund", kind="sms_refund", description="Back")
    adjust(wallet=caller.wallet, amount=Decimal(-3), reference="adj", reason="Mistake", actor="staff:ann")
    hold = caller.hold("2")
    capture(
        hold=hold, amount=Decimal("1.5"), kind="sms_purchase", reference="activation:2:capture",
        account="revenue:activations", description="Telegram rental #2",
    )  # fmt: skip
    return list(Transaction.objects.statement(caller.wallet.pk))


def test_movements_are_as_printed_and_newest_first(caller, statement):
    rows = caller.data(TRANSACTIONS)
    assert [list(row)[:3] for row in rows] == [["id", "type", "amount"]] * 5
    assert [(row["type"], row["amount"]) for row in rows] == [
        ("debit", Decimal("1.5")), ("debit", 3), ("credit", 5), ("debit", 15), ("credit", 100),
    ]  # fmt: skip
    assert [row["id"] for row in rows] == [row.pk for row in statement]
    assert [row["balance_after"] for row in rows] == [Decimal("85.5"), 87, 90, 85, 100]


def test_a_movement_tells_its_cause(caller, statement):
    row = caller.data(TRANSACTIONS)[3]
    assert row == {
        "id": statement[3].pk, "type": "debit", "amount": 15, "currency": "USD", "kind": "sms_purchase",
        "reference": "activation:1:charge", "description": "Spent on activation:1:charge", "balance_after": 85,
        "created_at": f"{statement[3].posted_at:%Y-%m-%dT%H:%M:%SZ}", "original_amount": None,
        "original_currency": None,
    }  # fmt: skip


def test_a_converted_movement_tells_its_original(caller):
    caller.put("10")
    caller.spend("0.0131", "a", conversion=Conversion(Decimal(20), "NGN", Decimal("0.000655")))
    row = caller.data(TRANSACTIONS)[0]
    assert (row["amount"], row["original_amount"], row["original_currency"]) == (Decimal("0.0131"), 20, "NGN")


def test_a_hold_is_no_movement_until_it_is_captured(caller):
    caller.put("10")
    caller.hold("1")
    assert len(caller.data(TRANSACTIONS)) == 1


def test_transactions_and_history_are_identical(caller, statement):
    for query in ("", "?limit=2", "?type=credit"):
        assert caller.request(TRANSACTIONS + query).content == caller.request(HISTORY + query).content


def test_the_platform_list_names_the_product(caller, statement):
    rows = caller.data(PLATFORM)
    assert list(rows[0])[:5] == ["id", "type", "amount", "currency", "direction"]
    assert [(row["type"], row["direction"]) for row in rows] == [
        ("sms_purchase", "debit"), ("adjustment", "debit"), ("sms_refund", "credit"), ("sms_purchase", "debit"),
        ("deposit", "credit"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "query", "indexes"),
    [
        (TRANSACTIONS, "type=credit", [2, 4]),
        (TRANSACTIONS, "type=debit", [0, 1, 3]),
        (TRANSACTIONS, "kind=sms_purchase", [0, 3]),
        (TRANSACTIONS, "kind=sms_purchase&type=credit", []),
        (TRANSACTIONS, "reference=activation:1:refund", [2]),
        (TRANSACTIONS, "since=2000-01-01T00:00:00Z", [0, 1, 2, 3, 4]),
        (TRANSACTIONS, "until=2000-01-01", []),
        (TRANSACTIONS, "since=0001-01-02T00:00:00%2B14:00", [0, 1, 2, 3, 4]),
        (HISTORY, "type=credit", [2, 4]),
        (PLATFORM, "type=sms_purchase", [0, 3]),
        (PLATFORM, "kind=deposit", [4]),
        (PLATFORM, "type=nothing", []),
    ],
)
def test_lists_are_filtered(caller, statement, path, query, indexes):
    assert [row["id"] for row in caller.data(f"{path}?{query}")] == [statement[index].pk for index in indexes]


@pytest.mark.parametrize("path", LISTS)
def test_pages_stay_where_they_are_while_money_moves(caller, statement, path):
    pages, cursor = [], ""
    for number in range(3):
        status, body = caller.get(f"{path}?limit=2{cursor}")
        assert status == 200
        pages += [row["id"] for row in body["data"]]
        cursor = f"&cursor={body['meta']['next_cursor']}"
        caller.put("1", f"late{number}")
    assert pages == [row.pk for row in statement]
    assert body["meta"]["next_cursor"] is None


@pytest.mark.parametrize("path", LISTS)
def test_a_list_of_nothing_is_empty(caller, path):
    assert caller.get(path) == (200, {"data": [], "meta": {"next_cursor": None, "previous_cursor": None, "limit": 50}})


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("query", ["limit=3", "type=credit", "limit=100"])
def test_a_page_costs_the_same_queries_however_long(caller, path, query, django_assert_max_num_queries):
    caller.put("100")
    for number in range(20):
        caller.spend("1", f"a{number}")
    caller.get(path)
    with django_assert_max_num_queries(3):
        caller.get(f"{path}?{query}")


# --- What cannot be asked ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        (TRANSACTIONS, "type=refund", "type"),
        (TRANSACTIONS, "type=Credit", "type"),
        (TRANSACTIONS, "reference=" + "x" * 121, "reference"),
        *((path, "since=yesterday", "since") for path in LISTS),
        *((path, "until=2024-02-30T00:00:00Z", "until") for path in LISTS),
        *((path, f"limit={bad}", "limit") for path in LISTS for bad in ("0", "-1", "x", "", "1.5", "9" * 30)),
        *((path, f"cursor={bad}", "cursor") for path in LISTS for bad in ("garbage", "cD1hYmM%3D", "bz0tMQ%3D%3D")),
    ],
)
def test_what_cannot_be_asked_of_a_list_is_422(caller, path, query, field):
    status, body = caller.get(f"{path}?{query}")
    assert (status, body["error"], list(body["errors"])) == (422, "validation_failed", [field])


@pytest.mark.parametrize("path", EVERY)
def test_a_nul_in_the_query_is_400(caller, path):
    status, body = caller.get(f"{path}?kind=a%00b")
    assert (status, body["error"]) == (400, "malformed")


@pytest.mark.parametrize("path", EVERY)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_405(caller, path, method):
    assert told(caller.request(path, method, "{}")) == (
        405, {"message": "Method not allowed.", "error": "method_not_allowed"},
    )  # fmt: skip


@pytest.mark.parametrize("path", EVERY)
def test_a_trailing_slash_and_a_head_change_nothing(caller, path):
    caller.put("1")
    assert caller.request(f"{path}/").content == caller.request(path).content
    head = caller.request(path, "HEAD")
    assert (head.status_code, head.content) == (200, b"")


# --- For whom ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", EVERY)
def test_without_a_key_nothing_is_answered(db, path):
    assert told(Client().get(f"{BASE}/{path}")) == (
        401, {"message": "API key is required.", "error": "api_key_required"},
    )  # fmt: skip


@pytest.mark.parametrize("path", EVERY)
def test_with_a_wrong_key_nothing_is_answered(caller, path):
    status, body = told(caller.request(path, **{"X-API-Key": "sgk_wrong"}))
    assert (status, body["message"]) == (401, "Invalid API key.")


@pytest.mark.parametrize("path", EVERY)
def test_a_key_needs_the_scope(path):
    caller = Caller(scopes=[Scope.ACTIVATIONS])
    status, body = caller.get(path)
    assert (status, body["error"], body["scope"]) == (403, "missing_scope", "read")


@pytest.mark.parametrize("path", LISTS)
def test_a_strangers_movements_do_not_exist(caller, statement, path):
    stranger = Caller(name="Stranger")
    assert stranger.data(path) == []
    cursor = caller.get(f"{path}?limit=2")[1]["meta"]["next_cursor"]
    assert stranger.data(f"{path}?cursor={cursor}") == []
    assert stranger.data(f"{path}?reference=activation:1:charge") == []


@pytest.mark.parametrize("path", EVERY)
def test_a_suspended_customer_may_look(caller, path):
    Customer.objects.update(status="suspended")
    assert caller.get(path)[0] == 200


def test_the_books_tell_no_customer_who_moved_their_money(caller, statement):
    content = caller.request(TRANSACTIONS).content
    assert b"staff:ann" not in content
    assert b"revenue:" not in content


def test_a_movement_from_now_is_since_now(caller):
    before = timezone.now()
    caller.put("1")
    assert len(caller.data(f"{TRANSACTIONS}?since={before:%Y-%m-%dT%H:%M:%S.%fZ}")) == 1
    assert caller.data(f"{TRANSACTIONS}?until={before:%Y-%m-%dT%H:%M:%S.%fZ}") == []


# --- Alerts -------------------------------------------------------------------------------------------------

ALERTS = "wallet/alerts"


def set_levels(caller, body):
    return told(caller.request(ALERTS, "PUT", json.dumps(body)))


def test_levels_are_set_shown_and_taken_away(caller):
    assert caller.data(ALERTS) == {"levels": [], "currency": "USD"}
    status, body = set_levels(caller, {"levels": [20, "50.50", 0]})
    assert (status, body["data"]["levels"]) == (200, [Decimal("50.5"), 20, 0])
    assert caller.data(ALERTS) == body["data"]
    assert set_levels(caller, {"levels": []})[1]["data"]["levels"] == []


@pytest.mark.parametrize("levels", [[-1], ["x"], [True], [[1]], "20", None, list(range(11)), [10**30]])
def test_levels_that_are_no_amounts_are_refused(caller, levels):
    status, body = set_levels(caller, {"levels": levels})
    assert (status, body["error"]) == (422, "validation_failed")
    assert set_levels(caller, {})[0] == 422


def test_a_key_that_only_reads_does_not_set_levels(db):
    reader = Caller(scopes=["read"])
    assert reader.data(ALERTS)["levels"] == []
    assert set_levels(reader, {"levels": [1]})[0] == 403
