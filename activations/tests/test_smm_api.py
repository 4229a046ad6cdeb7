"""SMM services and orders over the native API: as printed, by whom, and under hostile hands."""

import json
from decimal import Decimal
from urllib.parse import urlencode

import pytest

from activations.models import SmmOrder
from activations.providers.smm import OutcomeUnknown, ProviderError
from activations.tests.factories import FUNDS, differences
from activations.tests.smm import LINK, PRICE, Status, make_smm_service, report
from apikeys.services.keys import issue_key
from catalog.tests.factories import make_price, make_rate
from wallets.models import Customer, Transaction, Wallet
from wallets.services import deposit, open_customer

pytestmark = pytest.mark.django_db
BASE = "/api/developer/v1"


class Caller:
    """A customer's program: one key, and answers with exact numbers."""

    def __init__(self, client, name="Acme", funds=FUNDS, currency="USD", **terms):
        self.client = client
        self.customer = open_customer(name=name, currency=currency)
        if funds:
            deposit(wallet=self.wallet, amount=funds, reference=f"deposit:{self.customer.pk}")
        _, self.key = issue_key(customer=self.customer, name="Test", actor="test", **terms)

    @property
    def wallet(self):
        return Wallet.objects.get(customer=self.customer)

    def get(self, path, **query):
        return self._read(self.client.get(f"{BASE}/{path}", query, headers={"X-API-Key": self.key}))

    def post(self, path, body=None, **headers):
        data = body if isinstance(body, bytes) else json.dumps(body or {})
        sent = self.client.post(
            f"{BASE}/{path}", data, content_type="application/json", headers={"X-API-Key": self.key, **headers}
        )
        return self._read(sent)

    def order(self, service, **facts):
        body = {"smm_service_id": service.pk, "link": LINK, "quantity": 1000, **facts}
        return self.post("smm/orders", {name: value for name, value in body.items() if value is not ...})

    def _read(self, response):
        assert response["Content-Type"] == "application/json"
        self.headers = response.headers
        return response.status_code, json.loads(response.content, parse_float=Decimal)


@pytest.fixture
def caller(client, booster):
    return Caller(client)


def starts_with(shown: dict, printed: str) -> bool:
    """The printed keys and values first, in the printed order; more may follow."""
    wanted = json.loads(printed, parse_float=Decimal)
    return list(shown.items())[: len(wanted)] == list(wanted.items())


# --- As printed -----------------------------------------------------------------------------------


def test_services_are_listed_as_printed(caller, followers):
    views = make_smm_service("TikTok Views", rate="0.2")
    status, body = caller.get("smm/services")
    first, second = body["data"]
    assert (status, list(body)) == (200, ["data"])
    assert starts_with(first, f'{{"id": {followers.pk}, "name": "Instagram Followers", "rate": 0.5}}')
    assert starts_with(second, f'{{"id": {views.pk}, "name": "TikTok Views", "rate": 0.2}}')


def test_a_service_is_shown_as_printed(caller, followers):
    status, body = caller.get(f"smm/services/{followers.pk}")
    printed = f'{{"id": {followers.pk}, "name": "Instagram Followers", "min": 100, "max": 10000, "rate": 0.5}}'
    assert status == 200
    assert starts_with(body["data"], printed)


def test_an_order_is_made_shown_and_listed_as_printed(booster, caller, followers):
    status, body = caller.order(followers)
    made = body["data"]
    assert (status, starts_with(made, f'{{"id": {made["id"]}, "status": "pending", "quantity": 1000}}')) == (201, True)
    order = SmmOrder.objects.get()
    report(booster, order, "in_progress", remains=580)
    _, body = caller.get(f"smm/orders/{order.pk}")
    assert starts_with(body["data"], f'{{"id": {order.pk}, "status": "in_progress", "progress": 42}}')
    report(booster, order, "completed")
    caller.order(followers)
    _, body = caller.get("smm/orders")
    newest, oldest = body["data"]
    assert starts_with(oldest, f'{{"id": {order.pk}, "status": "completed"}}')
    assert (newest["id"] > order.pk, newest["status"]) == (True, "pending")
    assert body["meta"] == {"next_cursor": None, "previous_cursor": None, "limit": 50}


def test_the_platform_list_tells_orders_and_refunds(booster, caller, followers):
    caller.order(followers)
    report(booster, SmmOrder.objects.get(), "partial", remains=200)
    _, body = caller.get("transactions")
    assert [(row["type"], row["amount"]) for row in body["data"][:2]] == [
        ("smm_refund", Decimal("0.1")), ("smm_order", Decimal("0.5")),
    ]  # fmt: skip


def test_the_rate_shown_is_the_rate_charged(client, booster, followers):
    make_rate("USD", "NGN", "1530.5")
    caller = Caller(client, funds=Decimal(100_000), currency="NGN")
    make_price(followers, "0.4", customer=caller.customer)
    _, shown = caller.get(f"smm/services/{followers.pk}")
    _, made = caller.order(followers, quantity=2500)
    assert (shown["data"]["rate"], shown["data"]["currency"]) == (Decimal("612.2"), "NGN")
    assert made["data"]["charge"] == shown["data"]["rate"] * 25 / 10 == FUNDS * 10_000 - caller.wallet.balance


def test_nothing_about_providers_or_costs_is_shown(caller, followers):
    caller.order(followers)
    said = json.dumps([caller.get(path)[1] for path in ("smm/services", "smm/orders")], default=str)
    assert "fake" not in said
    assert "cost" not in said
    assert "provider" not in said


def test_without_an_answer_of_the_provider_it_is_202_and_pending(booster, caller, followers):
    booster.after["place"] = OutcomeUnknown()
    status, body = caller.order(followers)
    assert (status, body["data"]["status"], body["data"]["progress"]) == (202, "pending", 0)


def test_a_form_is_as_good_as_json(client, caller, followers):
    fields = {"smm_service_id": followers.pk, "link": LINK, "quantity": "1000"}
    assert client.post(f"{BASE}/smm/orders/", fields, headers={"X-API-Key": caller.key}).status_code == 415
    sent = client.post(
        f"{BASE}/smm/orders/",
        urlencode(fields),
        content_type="application/x-www-form-urlencoded",
        headers={"X-API-Key": caller.key},
    )
    assert sent.status_code == 201


# --- What is refused -----------------------------------------------------------------------------------


HOSTILE = [
    ("smm_service_id", value)
    for value in (..., None, "", "x", 0, -1, 10**17, 10**30, 1.5, True, [], {}, "١", "1_0", "1\n", "1e2")
] + [
    ("quantity", value)
    for value in (..., None, "", "x", 0, -1, 99, 10_001, 10**9, 10**30, 1000.5, True, [1000], {}, "１０００", "1000\n")
] + [
    ("link", value)
    for value in (
        ..., None, "", 5, [], {}, "instagram.com", "javascript:alert(1)", "ftp://a.example", "https://", "http://[::1",
        "https://a.example/\n", "https://a.example/ x", "https://a.example/\u202e", "https://a.example/" + "x" * 500,
    )
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), HOSTILE)
def test_a_bad_value_is_refused_by_name_and_costs_nothing(booster, caller, followers, field, value):
    status, body = caller.order(followers, **{field: value})
    assert (status, body["error"], list(body["errors"])) == (422, "validation_failed", [field])
    assert (SmmOrder.objects.count(), booster.calls, caller.wallet.balance) == (0, [], FUNDS)


@pytest.mark.parametrize("raw", [
    b"", b"[]", b'"x"', b"{", b"[" * 2000, b'{"quantity": 1e999}', b'{"a": 1, "a": 2}', b"\xff", b'{"link": "\\u0000"}',
    b'{"smm_service_id": NaN}',
])  # fmt: skip
def test_a_body_that_is_none_is_refused(caller, followers, raw):
    status, body = caller.post("smm/orders", raw)
    assert status in {400, 422}
    assert list(body)[:2] == ["message", "error"]
    assert not SmmOrder.objects.exists()


def test_an_empty_wallet_is_told_what_is_missing(client, booster, followers):
    status, body = Caller(client, funds=0).order(followers)
    assert (status, body["message"], body["error"]) == (422, "Insufficient balance", "insufficient_balance")
    assert (body["required"], body["available"]) == (PRICE, 0)


def test_a_refusal_of_the_provider_charges_nothing(booster, caller, followers):
    booster.before["place"] = ProviderError()
    status, body = caller.order(followers)
    assert (status, body["error"]) == (422, "provider_error")
    assert (caller.wallet.balance, differences()) == (FUNDS, [])


def test_a_suspended_customer_cannot_order(booster, caller, followers):
    Customer.objects.update(status="suspended")
    assert caller.order(followers)[0] == 403
    assert caller.get("smm/services")[0] == 200


@pytest.mark.parametrize("query", [
    {"status": "sleeping"}, {"status": "requested"}, {"limit": "0"}, {"limit": "x"}, {"since": "yesterday"},
    {"status": "\x00"}, {"status": "'"},
])  # fmt: skip
def test_a_senseless_filter_is_refused(caller, query):
    assert caller.get("smm/orders", **query)[0] in {400, 422}


def test_orders_are_filtered_by_their_public_state(booster, caller, followers):
    for _ in range(2):
        caller.order(followers)
    done, waiting = SmmOrder.objects.order_by("pk")
    report(booster, done, "partial", remains=10)
    SmmOrder.objects.filter(pk=waiting.pk).update(status=Status.UNKNOWN)
    for word, expected in (("partial", [done.pk]), ("pending", [waiting.pk]), ("failed", [])):
        assert [row["id"] for row in caller.get("smm/orders", status=word)[1]["data"]] == expected


def test_services_are_searched_by_name_and_category(caller, followers):
    make_smm_service("TikTok Views", category="TikTok")
    names = [[row["name"] for row in caller.get("smm/services", **query)[1]["data"]] for query in (
        {"search": "view"}, {"category": "tiktok"}, {"search": "nothing"},
    )]  # fmt: skip
    assert names == [["TikTok Views"], ["TikTok Views"], []]


@pytest.mark.parametrize("facts", [{"is_active": False}, {"rate": None}])
def test_what_is_not_sold_is_not_shown(caller, facts):
    hidden = make_smm_service(**facts)
    assert caller.get("smm/services")[1]["data"] == []
    assert caller.get(f"smm/services/{hidden.pk}")[0] == 404


@pytest.mark.parametrize("path", ["smm/services/0", "smm/services/999999999999999999", "smm/orders/1", "smm/orders/x"])
def test_what_is_not_there_is_404(caller, followers, path):
    status, body = caller.get(path)
    assert (status, body["error"]) == (404, "not_found")


# --- Who may -----------------------------------------------------------------------------------------------


def test_without_a_key_nothing_is_said(client, followers):
    for method, path in (("get", "smm/services"), ("get", "smm/orders"), ("post", "smm/orders")):
        answer = getattr(client, method)(f"{BASE}/{path}")
        assert (answer.status_code, answer.json()["message"]) == (401, "API key is required.")


def test_ordering_needs_the_scope_of_orders(client, booster, followers):
    reader = Caller(client, scopes=["read"])
    assert reader.get("smm/services")[0] == 200
    for path in ("smm/orders", "smm/orders/1/cancel", "smm/orders/1/refill"):
        assert reader.post(path)[0] == 403
    assert Caller(client, name="Two", scopes=["orders"]).order(followers)[0] == 201


def test_somebody_elses_order_does_not_exist(client, booster, caller, followers):
    caller.order(followers)
    order, stranger = SmmOrder.objects.get(), Caller(client, name="Stranger")
    assert stranger.get(f"smm/orders/{order.pk}")[0] == 404
    assert [stranger.post(f"smm/orders/{order.pk}/{verb}")[0] for verb in ("cancel", "refill")] == [404, 404]
    assert stranger.get("smm/orders")[1]["data"] == []


def test_a_test_key_orders_without_money(client, booster, followers):
    tester = Caller(client, funds=0, mode="test")
    status, body = tester.order(followers)
    assert (status, body["data"]["mode"], Transaction.objects.count(), booster.calls) == (201, "test", 0, [])


# --- Again ---------------------------------------------------------------------------------------------------


def test_the_same_key_orders_once(booster, caller, followers):
    key = {"Idempotency-Key": "k1"}
    body = {"smm_service_id": followers.pk, "link": LINK, "quantity": 1000}
    first, again = caller.post("smm/orders", body, **key), caller.post("smm/orders", body, **key)
    assert (first, first[0], caller.headers["Idempotency-Replay"]) == (again, 201, "true")
    assert caller.post("smm/orders", body | {"quantity": 500}, **key)[0] == 422
    assert (SmmOrder.objects.count(), booster.calls, caller.wallet.balance) == (1, ["place"], FUNDS - PRICE)


def test_a_202_is_asked_again_under_the_same_key(booster, caller, followers):
    booster.after["place"] = OutcomeUnknown()
    body, key = {"smm_service_id": followers.pk, "link": LINK, "quantity": 1000}, {"Idempotency-Key": "k1"}
    first, second = caller.post("smm/orders", body, **key), caller.post("smm/orders", body, **key)
    assert [first[0], second[0]] == [202, 201]
    assert (first[1]["data"]["id"], booster.calls) == (second[1]["data"]["id"], ["place", "find"])


def test_cancel_is_asked_for_and_told(booster, caller):
    caller.order(make_smm_service(can_cancel=True))
    order = SmmOrder.objects.get()
    status, body = caller.post(f"smm/orders/{order.pk}/cancel")
    assert (status, body["data"]["status"], body["data"]["cancel_requested"]) == (202, "pending", True)
    report(booster, order, "canceled")
    status, body = caller.post(f"smm/orders/{order.pk}/cancel")
    assert (status, body["data"]["status"], caller.wallet.balance) == (200, "canceled", FUNDS)


def test_what_cannot_be_canceled_or_refilled_is_409(booster, caller, followers):
    caller.order(followers)
    order = SmmOrder.objects.get()
    assert caller.post(f"smm/orders/{order.pk}/cancel")[1]["error"] == "order_not_cancelable"
    status, body = caller.post(f"smm/orders/{order.pk}/refill")
    assert (status, body["error"]) == (409, "order_not_refillable")


def test_a_silent_provider_is_503_and_may_be_asked_again(booster, caller):
    caller.order(make_smm_service(can_cancel=True))
    booster.before["cancel"] = OutcomeUnknown()
    status, body = caller.post(f"smm/orders/{SmmOrder.objects.get().pk}/cancel")
    assert (status, body["error"], caller.headers["Retry-After"]) == (503, "provider_unavailable", "5")


def test_a_refill_is_asked_for(booster, caller):
    caller.order(make_smm_service(can_refill=True))
    order = SmmOrder.objects.get()
    report(booster, order, "completed")
    status, body = caller.post(f"smm/orders/{order.pk}/refill")
    assert (status, body["data"]["status"], booster.calls[-1]) == (202, "completed", "refill")
