"""Monthly numbers on the native wire: as printed, and under hostile hands."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from activations.models import Subscription
from activations.providers import OutcomeUnknown, ProviderError
from activations.services import receive_text, subscriptions
from activations.services.subscriptions.months import months_after
from activations.tests.factories import differences, make_buyer
from activations.tests.number_factories import PRICE, make_plan, set_plan_price
from apikeys.services.keys import issue_key
from wallets.models import Customer, Wallet
from wallets.services import adjust, deposit

pytestmark = pytest.mark.django_db
V1 = "/api/developer/v1/monthly-numbers"
MOMENT = re.compile(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")


class Caller:
    """A customer's program: one key, and answers with exact numbers."""

    def __init__(self, client, customer, **terms):
        self.client, self.customer = client, customer
        _, self.key = issue_key(customer=customer, name="Test", actor="test", **terms)

    def call(self, method, path, body=None, **headers):
        sent = {} if body is None else {"data": body if isinstance(body, str) else json.dumps(body)}
        response = self.client.generic(
            method, f"{V1}/{path}", content_type="application/json", headers={"X-API-Key": self.key, **headers}, **sent
        )
        return response.status_code, json.loads(response.content, parse_float=Decimal)

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body=None, **headers):
        return self.call("POST", path, body, **headers)

    def buy(self, **body):
        status, answer = self.post("purchase", {"country": "US", **body})
        assert status == 201, answer
        return answer["data"]


@pytest.fixture
def plans(provider):
    return make_plan("US", "6.0"), make_plan("GB", "5.0")


@pytest.fixture
def customer(db):
    return Customer.objects.get(pk=make_buyer(Decimal(100)).customer_id)


@pytest.fixture
def caller(client, customer):
    return Caller(client, customer)


@pytest.fixture
def stranger(client):
    return Caller(client, Customer.objects.get(pk=make_buyer(name="Stranger").customer_id))


# --- As printed -------------------------------------------------------------------------------


def test_the_inventory_is_as_printed(caller, plans):
    status, body = caller.get("inventory")
    assert status == 200
    assert [{"country": row["country"], "price": row["price"]} for row in body["data"]] == [
        {"country": "US", "price": Decimal("6")}, {"country": "GB", "price": Decimal("5")},
    ]  # fmt: skip


def test_a_purchase_is_as_printed_and_takes_the_price_shown(caller, plans, customer):
    status, body = caller.post("purchase", {"country": "US"})
    assert (status, {name: body["data"][name] for name in ("country", "status")}) == (
        201, {"country": "US", "status": "active"},
    )  # fmt: skip
    assert isinstance(body["data"]["id"], int)
    assert Wallet.objects.get(customer=customer).balance == 100 - PRICE


def test_the_list_and_the_detail_are_as_printed_with_what_the_detail_adds(caller, plans):
    bought = caller.buy()
    status, listed = caller.get("subscriptions")
    (row,) = listed["data"]
    assert (status, row["id"], row["country"], row["status"]) == (200, bought["id"], "US", "active")
    status, shown = caller.get(f"subscriptions/{bought['id']}")
    assert status == 200
    assert shown["data"] == bought
    assert (bought["phone"], bought["auto_renew"], bought["next_renewal_at"], bought["grace_until"]) == (
        "+12025551000", False, None, None,
    )  # fmt: skip
    assert MOMENT.match(bought["expires_at"])


def test_auto_renew_is_updated_as_printed(caller, plans):
    bought = caller.buy()
    status, body = caller.call("PATCH", f"subscriptions/{bought['id']}/auto-renew", {"auto_renew": True})
    assert (status, body) == (200, {"message": "Auto renew updated successfully"})
    shown = caller.get(f"subscriptions/{bought['id']}")[1]["data"]
    assert (shown["auto_renew"], shown["next_renewal_at"]) == (True, shown["expires_at"])


def test_auto_renew_may_be_asked_for_with_the_purchase(caller, plans):
    assert caller.buy(auto_renew=True)["auto_renew"] is True


def test_incoming_messages_are_as_printed_newest_first(caller, plans):
    bought = caller.buy()
    for number, text in enumerate(["first", "Your code is 123456"]):
        receive_text(
            provider="fake", provider_message_id=str(number), to=bought["phone"], text=text, sender="+1234567890"
        )
    status, body = caller.get(f"subscriptions/{bought['id']}/messages")
    newest, oldest = body["data"]
    assert (status, newest["from"], newest["message"], oldest["message"]) == (
        200, "+1234567890", "Your code is 123456", "first",
    )  # fmt: skip
    assert list(newest) == ["from", "message", "id", "received_at"]
    assert MOMENT.match(newest["received_at"])


# --- Refusals ---------------------------------------------------------------------------------


def test_a_lack_of_money_says_how_much(client, plans):
    poor = Caller(client, Customer.objects.get(pk=make_buyer(Decimal(1)).customer_id))
    status, body = poor.post("purchase", {"country": "US"})
    assert (status, body["error"], body["required"], body["available"]) == (422, "insufficient_balance", 6, 1)


def test_no_stock_is_422_and_nothing_is_taken(caller, plans, provider, customer):
    provider.before["order"] = ProviderError("no_numbers_available")
    status, body = caller.post("purchase", {"country": "US"})
    assert (status, body["error"]) == (422, "no_numbers_available")
    assert Wallet.objects.get(customer=customer).balance == 100


def test_an_unknown_outcome_is_202_and_pending(caller, plans, provider):
    provider.after["order"] = OutcomeUnknown("silence")
    status, body = caller.post("purchase", {"country": "US"})
    assert (status, body["data"]["status"], body["data"]["phone"], body["data"]["expires_at"]) == (
        202, "pending", None, None,
    )  # fmt: skip
    assert caller.post(f"subscriptions/{body['data']['id']}/cancel")[0] == 409


@pytest.mark.parametrize("body", [
    {}, {"country": None}, {"country": 1}, {"country": ["US"]}, {"country": {"a": 1}}, {"country": "ZZ"},
    {"country": ""}, {"country": "USA"}, {"country": "us\n"}, {"country": "ＵＳ"},
    {"country": "US", "auto_renew": "maybe"}, {"country": "US", "auto_renew": None},
    {"country": "US", "auto_renew": 1}, {"country": "US", "auto_renew": [True]},
])  # fmt: skip
def test_bad_input_is_422_per_field_and_buys_nothing(caller, plans, body):
    status, answer = caller.post("purchase", body)
    assert (status, answer["error"]) == (422, "validation_failed")
    assert set(answer["errors"]) <= {"country", "auto_renew"}
    assert Subscription.objects.count() == 0


@pytest.mark.parametrize("body", ['{"country": "U\\u0000"}', "[]", '"US"', "{", '{"country": 1e999}', "[" * 990])
def test_a_malformed_body_is_400(caller, plans, body):
    assert caller.post("purchase", body)[0] == 400


@pytest.mark.parametrize("body", [{}, {"auto_renew": None}, {"auto_renew": "yes"}, {"auto_renew": 0}])
def test_auto_renew_must_be_said(caller, plans, body):
    bought = caller.buy(auto_renew=True)
    status, answer = caller.call("PATCH", f"subscriptions/{bought['id']}/auto-renew", body)
    assert (status, list(answer["errors"])) == (422, ["auto_renew"])
    assert Subscription.objects.get().auto_renew is True


def test_a_form_without_the_field_does_not_turn_auto_renew_off(caller, plans, client):
    bought = caller.buy(auto_renew=True)
    path = f"{V1}/subscriptions/{bought['id']}/auto-renew"
    form = {"content_type": "application/x-www-form-urlencoded", "headers": {"X-API-Key": caller.key}}
    assert client.patch(path, "other=1", **form).status_code == 422
    assert client.patch(path, "auto_renew=false", **form).status_code == 200
    assert Subscription.objects.get().auto_renew is False


def test_turning_auto_renew_on_for_a_released_one_is_422(caller, plans):
    bought = caller.buy()
    subscriptions.take_back(subscription=Subscription.objects.get())
    status, body = caller.call("PATCH", f"subscriptions/{bought['id']}/auto-renew", {"auto_renew": True})
    assert (status, body["error"]) == (422, "subscription_inactive")
    assert caller.get(f"subscriptions/{bought['id']}")[1]["data"]["status"] == "released"


@pytest.mark.parametrize(("method", "path", "body"), [
    ("GET", "subscriptions/{}", None), ("GET", "subscriptions/{}/messages", None),
    ("PATCH", "subscriptions/{}/auto-renew", {"auto_renew": True}), ("POST", "subscriptions/{}/cancel", {"now": True}),
])  # fmt: skip
def test_somebody_elses_number_does_not_exist(caller, stranger, plans, method, path, body):
    bought = caller.buy()
    assert stranger.call(method, path.format(bought["id"]), body)[0] == 404
    assert caller.call(method, path.format(10**17), body)[0] == 404
    assert Subscription.objects.get().status == "active"
    assert stranger.get("subscriptions")[1]["data"] == []


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "inventory"), ("POST", "purchase"), ("GET", "subscriptions"), ("GET", "subscriptions/1"),
    ("PATCH", "subscriptions/1/auto-renew"), ("POST", "subscriptions/1/cancel"), ("GET", "subscriptions/1/messages"),
    ("GET", "outlook"),
])  # fmt: skip
def test_nothing_is_answered_without_a_key(client, db, method, path):
    response = client.generic(method, f"{V1}/{path}", "{}", content_type="application/json")
    assert (response.status_code, response.json()["message"]) == (401, "API key is required.")


@pytest.mark.parametrize(("method", "path"), [
    ("POST", "purchase"), ("PATCH", "subscriptions/1/auto-renew"), ("POST", "subscriptions/1/cancel"),
])  # fmt: skip
def test_a_key_without_the_scope_changes_nothing(client, customer, plans, method, path):
    reader = Caller(client, customer, scopes=["read"])
    assert reader.call(method, path, {})[0] == 403
    assert reader.get("inventory")[0] == 200


def test_a_suspended_customer_may_look_but_not_buy(caller, plans, customer):
    bought = caller.buy()
    Customer.objects.filter(pk=customer.pk).update(status="suspended")
    status, body = caller.post("purchase", {"country": "US"})
    assert (status, body["error"]) == (403, "account_suspended")
    assert caller.get(f"subscriptions/{bought['id']}")[0] == 200


def test_the_same_idempotency_key_buys_once(caller, plans):
    first = caller.post("purchase", {"country": "US"}, **{"Idempotency-Key": "k"})
    again = caller.post("purchase", {"country": "US"}, **{"Idempotency-Key": "k"})
    assert first == again
    assert caller.post("purchase", {"country": "GB"}, **{"Idempotency-Key": "k"})[0] == 422
    assert Subscription.objects.count() == 1


# --- Lists ------------------------------------------------------------------------------------


def test_subscriptions_are_filtered_and_paged_newest_first(caller, plans):
    ids = [caller.buy(country=country)["id"] for country in ("US", "GB", "US")]
    caller.post(f"subscriptions/{ids[0]}/cancel", {"now": True})

    def listed(query):
        return [row["id"] for row in caller.get(f"subscriptions?{query}")[1]["data"]]

    assert listed("") == ids[::-1]
    assert listed("country=GB") == [ids[1]]
    assert listed("status=canceled") == [ids[0]]
    assert listed("status=active&auto_renew=false") == [ids[2], ids[1]]
    assert listed("phone=%2B12025551001") == listed("phone=12025551001") == [ids[1]]
    page = caller.get("subscriptions?limit=2")[1]
    assert listed(f"limit=2&cursor={page['meta']['next_cursor']}") == [ids[0]]


@pytest.mark.parametrize("query", ["status=nonsense", "limit=0", "limit=x", "auto_renew=maybe", "cursor=%00"])
def test_a_filter_that_makes_no_sense_is_refused(caller, plans, query):
    assert caller.get(f"subscriptions?{query}")[0] in {400, 422}


def test_a_failed_order_is_listed_as_canceled(caller, plans, provider):
    provider.before["order"] = ProviderError("provider_error")
    caller.post("purchase", {"country": "US"})
    (row,) = caller.get("subscriptions")[1]["data"]
    assert (row["status"], row["phone"]) == ("canceled", None)


# --- Cancel -----------------------------------------------------------------------------------


def test_canceled_with_its_period_it_stays_active_until_then(caller, plans):
    bought = caller.buy(auto_renew=True)
    status, body = caller.post(f"subscriptions/{bought['id']}/cancel")
    assert (status, body["data"]["status"], body["data"]["auto_renew"]) == (200, "active", False)


def test_canceled_at_once_it_is_over_and_not_refunded(caller, plans, customer):
    bought = caller.buy()
    for _ in range(2):
        status, body = caller.post(f"subscriptions/{bought['id']}/cancel", {"now": True})
        assert (status, body["data"]["status"]) == (200, "canceled")
    assert Wallet.objects.get(customer=customer).balance == 100 - PRICE


@pytest.mark.parametrize("now", ["soon", 1, None])
def test_cancel_understands_only_true_and_false(caller, plans, now):
    bought = caller.buy()
    assert caller.post(f"subscriptions/{bought['id']}/cancel", {"now": now})[0] == 422
    assert Subscription.objects.get().status == "active"


# --- Outlook ----------------------------------------------------------------------------------


def renew_on(subscription_id: int, *, days: float) -> datetime:
    """Let it end in so many days."""
    end = timezone.now() + timedelta(days=days)
    start = months_after(end, -1, end.day)
    Subscription.objects.filter(pk=subscription_id).update(
        started_at=start, period_started_at=start, anchor_day=end.day, expires_at=end, due_at=end
    )
    return end


def test_the_outlook_says_what_when_for_how_much_and_whether_it_is_covered(caller, plans):
    ids = [caller.buy(country=country, auto_renew=True)["id"] for country in ("US", "GB", "US")]
    caller.buy()  # not renewed by itself
    moments = [renew_on(each, days=day) for each, day in zip(ids, (20, 3, 10), strict=True)]
    wallet = Wallet.objects.get(customer=caller.customer)
    adjust(wallet=wallet, amount=12 - wallet.balance, reference="poor", reason="test", actor="test")
    status, body = caller.get("outlook")
    rows = body["data"]
    assert status == 200
    assert [row["subscription_id"] for row in rows] == [ids[1], ids[2], ids[0]]
    assert [row["renews_at"] for row in rows] == [
        moments[index].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for index in (1, 2, 0)
    ]
    assert [row["price"] for row in rows] == [5, 6, 6]
    assert [row["available_after"] for row in rows] == [7, 1, -5]
    assert [row["covered"] for row in rows] == [True, True, False]
    assert (body["meta"]["total"], body["meta"]["available"], body["meta"]["shortfall"]) == (17, 12, 5)
    assert body["meta"]["currency"] == "USD"


def test_the_outlook_knows_a_price_that_is_to_come(caller, plans):
    first, second = (caller.buy(auto_renew=True)["id"] for _ in range(2))
    renew_on(first, days=5)
    renew_on(second, days=15)
    set_plan_price(plans[0], "9", effective_from=timezone.now() + timedelta(days=10))
    assert [row["price"] for row in caller.get("outlook")[1]["data"]] == [6, 9]


def test_the_outlook_promises_what_the_renewal_then_takes(caller, plans):
    bought = caller.buy(auto_renew=True)
    end = renew_on(bought["id"], days=5)
    (promised,) = caller.get("outlook")[1]["data"]
    before = Wallet.objects.get(customer=caller.customer).balance
    subscriptions.renew_due(now=end)
    assert before - Wallet.objects.get(customer=caller.customer).balance == promised["price"]


def test_in_grace_the_outlook_shows_the_next_try(client, plans):
    poor = Caller(client, Customer.objects.get(pk=make_buyer(PRICE).customer_id))
    poor.buy(auto_renew=True)
    subscriptions.renew_due(now=Subscription.objects.get().expires_at)
    renew_on(Subscription.objects.get().pk, days=-1)
    Subscription.objects.update(due_at=timezone.now() + timedelta(days=1))
    row = poor.get("outlook")[1]["data"][0]
    assert (row["covered"], row["price"], row["period"]) == (False, 6, 2)
    deposit(wallet=Wallet.objects.get(customer=poor.customer), amount=Decimal(6), reference="saved")
    assert poor.get("outlook")[1]["data"][0]["covered"] is True
    shown = poor.get("subscriptions")[1]["data"][0]
    assert shown["status"] == "grace"
    assert MOMENT.match(shown["grace_until"])


def test_every_cent_is_in_the_books(caller, plans):
    caller.buy()
    assert differences() == []


# --- Sending from a number --------------------------------------------------------------------


@pytest.fixture
def rented(caller, plans):
    """A number that messages can go out from, in a world with rates."""
    from notifications.tests.sending_factories import make_sms_world

    make_sms_world()
    return caller.buy()


def test_a_message_goes_out_from_the_number_as_printed(caller, rented):
    from notifications import services as messages
    from notifications.models import SandboxMessage

    sent = caller.post(f"subscriptions/{rented['id']}/messages", {"to": "+1234567890", "message": "Hello from SMSGang"})
    assert sent == (201, {"message": "Message sent successfully"})

    messages.dispatch_due()
    SandboxMessage.objects.update(next_report_at=timezone.now())
    from notifications.services.sandbox import deliver_due_reports

    deliver_due_reports()
    messages.settle_chunks()
    from wallets.models import Transaction

    assert Transaction.objects.filter(kind="number_sms", amount=Decimal("0.077778")).exists()
    assert differences() == []


def test_a_message_is_sent_once_however_often_it_is_asked_for(caller, rented):
    from notifications.models import Sending

    for _ in range(2):
        body = {"to": "+1234567890", "message": "Hello"}
        assert caller.post(f"subscriptions/{rented['id']}/messages", body, **{"Idempotency-Key": "k"})[0] == 201
    assert Sending.objects.get().from_number == Subscription.objects.get().phone


def test_messages_from_a_number_are_refused_as_everything_is(caller, stranger, rented):
    path, body = f"subscriptions/{rented['id']}/messages", {"to": "+1234567890", "message": "Hello"}
    assert stranger.post(path, body)[0] == 404
    for wrong in ({}, {"to": "1234567890", "message": "x"}, {"to": "+1234567890"}, {"to": "+1234567890", "message": 5}):
        assert caller.post(path, wrong)[0] == 422
    adjust(wallet=caller.customer.wallets.get(), amount=Decimal(-94), reference="spent", reason="Spent", actor="test")
    assert caller.post(path, body)[1]["error"] == "insufficient_balance"
    Subscription.objects.update(status="released")
    status, answer = caller.post(path, body)
    assert (status, answer["error"]) == (422, "subscription_inactive")
