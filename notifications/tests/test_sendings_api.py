"""SMS and e-mail on the native wire: every endpoint, every refusal, and what nobody may see."""

import json
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from django.utils import timezone

from apikeys.models import Scope
from apikeys.tests.factories import make_key
from notifications.models import Message, Route, SandboxMessage, Sending
from notifications.tests import factories
from notifications.tests.factories import customer_of
from notifications.tests.sending_factories import (
    DANE,
    REFUSED,
    hand_over_and_report,
    make_sms_world,
    numbers,
)
from notifications.tests.test_api import V1, Api
from wallets.models import Customer, Wallet

pytestmark = pytest.mark.django_db
MESSAGES, SENDINGS = f"{V1}/messages", f"{V1}/sendings"
HIDDEN = ("sandbox", "cost", "provider", "margin", "credential")


@pytest.fixture
def buyer(db, settings):
    settings.SANDBOX_DELAY_SECONDS = 0
    make_sms_world()
    return factories.make_buyer(funds=Decimal(100))


@pytest.fixture
def api(buyer) -> Api:
    return Api(make_key(customer_of(buyer))[1])


@pytest.fixture
def stranger(db) -> Api:
    return Api(make_key(customer_of(factories.make_buyer(name="Stranger")))[1])


def sms(to=DANE, **facts):
    return {"to": to, "text": "Hello", **facts}


def error_of(answer) -> tuple[int, str]:
    return answer.status_code, answer.json().get("error")


def test_one_message_is_sent_and_followed_to_its_end(api):
    answer = api.post(MESSAGES, sms())
    assert answer.status_code == 201
    body = answer.json()
    (row,) = body["data"]
    assert (body["sending"]["status"], body["sending"]["price"], body["sending"]["sender"]) == ("pending", 0.03, "INFO")
    assert (row["to"], row["status"], row["billing_status"], row["segments"]) == (DANE, "queued", "held", 1)

    hand_over_and_report()

    shown = api.get(f"{MESSAGES}/{row['id']}").json()["data"]
    assert (shown["status"], shown["billing_status"], shown["text"], shown["reason"]) == (
        "delivered", "charged", "Hello", None,
    )  # fmt: skip
    assert api.get(MESSAGES).json()["data"][0]["id"] == row["id"]


@pytest.mark.parametrize("name", ["recipients", "recipients[]", "to"])
def test_a_form_that_repeats_a_recipient_leaves_nobody_out(api, name):
    form = urlencode([("text", "Hello"), *((name, number) for number in numbers(3))])
    answer = api.client.post(SENDINGS, form, content_type="application/x-www-form-urlencoded")

    assert (answer.status_code, answer.json()["data"]["recipients"]) == (201, 3)
    assert set(Message.objects.values_list("to", flat=True)) == set(numbers(3))


def test_the_routes_say_whose_undelivered_are_given_back(api, stranger):
    Route.objects.create(channel="sms", name="gold", provider="fake", refund_undelivered=True)
    Route.objects.create(channel="sms", name="closed", is_active=False)
    Route.objects.create(channel="email", name="otp", refund_undelivered=False)

    answer = api.get(f"{V1}/routes")
    shown = [(row["channel"], row["name"], row["refund_undelivered"]) for row in answer.json()["data"]]
    assert shown == [
        ("sms", "regular", False), ("sms", "otp", True), ("sms", "gold", True),
        ("email", "regular", False), ("email", "otp", False),
    ]  # fmt: skip
    assert "fake" not in answer.content.decode()
    assert error_of(Api("").get(f"{V1}/routes")) == (401, "api_key_required")


def test_a_sending_to_many_counts_and_lists_its_recipients(api):
    made = api.post(SENDINGS, {"recipients": [*numbers(3), REFUSED], "body": "Hello"}).json()["data"]
    hand_over_and_report()

    shown = api.get(f"{SENDINGS}/{made['id']}").json()
    assert shown["counts"] == {"total": 4, "pending": 0, "delivered": 3, "failed": 1}
    assert (shown["data"]["status"], shown["data"]["price"]) == ("completed", 0.12)
    path = f"{SENDINGS}/{made['id']}/recipients"
    first = api.get(path, limit=3).json()
    second = api.get(path, limit=3, cursor=first["meta"]["next_cursor"]).json()
    assert len(first["data"]) == 3
    assert [row["to"] for row in first["data"] + second["data"]] == [REFUSED, *numbers(3)[::-1]]
    assert [row["to"] for row in api.get(path, status="failed").json()["data"]] == [REFUSED]
    assert [row["id"] for row in api.get(SENDINGS, status="completed").json()["data"]] == [made["id"]]


def test_a_scheduled_one_is_canceled_and_again_the_same(api, buyer):
    later = (timezone.now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = api.post(SENDINGS, sms(scheduled_at=later)).json()["data"]
    assert made["scheduled_at"] == later

    for _ in range(2):
        answer = api.post(f"{SENDINGS}/{made['id']}/cancel")
        assert (answer.status_code, answer.json()["data"]["status"]) == (200, "canceled")
    assert Wallet.objects.get(pk=buyer.wallet_id).held == 0


def test_what_was_sent_is_not_canceled(api):
    made = api.post(SENDINGS, sms()).json()["data"]
    hand_over_and_report()

    assert error_of(api.post(f"{SENDINGS}/{made['id']}/cancel")) == (409, "wrong_state")


def test_a_failed_message_is_sent_again_once(api):
    row = api.post(MESSAGES, sms(REFUSED)).json()["data"][0]
    path = f"{MESSAGES}/{row['id']}/retry"
    assert error_of(api.post(path)) == (409, "wrong_state")
    hand_over_and_report()

    again = api.post(path)
    assert (again.status_code, again.json()["data"][0]["retry_of"]) == (201, row["id"])
    assert error_of(api.post(path)) == (409, "wrong_state")


def test_calculate_groups_by_destination_and_charges_nothing(api, buyer):
    asked = {"recipients": [DANE, DANE, "+37120000000"], "text": "x" * 161}
    found = json.loads(api.post(f"{SENDINGS}/calculate", asked).content, parse_float=Decimal)["data"]

    assert (found["segments"], found["recipients"], found["total"]) == (2, 3, Decimal("0.275556"))
    assert [(row["destination"], row["recipients"]) for row in found["destinations"]] == [
        ("Elsewhere", 1), ("DK TDC", 2),
    ]  # fmt: skip
    assert Wallet.objects.get(pk=buyer.wallet_id).held == 0


def test_a_form_sends_the_same(api):
    fields = {"to": json.dumps(numbers(2)), "text": "Hello", "remove_duplicates": "true"}
    answer = api.client.post(SENDINGS, "&".join(f"{k}={v}" for k, v in fields.items()).replace("+", "%2B"),
                             content_type="application/x-www-form-urlencoded")  # fmt: skip

    assert (answer.status_code, answer.json()["data"]["recipients"]) == (201, 2)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "Hello"}, "recipients"),
        ({"to": DANE}, "text"),
        ({"to": []}, "to"),
        ({"to": 4520123456, "text": "Hello"}, "to"),
        ({"to": [4520123456], "text": "Hello"}, "to"),
        (sms("4520123456"), "recipients"),
        (sms("+4520123456\n"), "recipients"),
        (sms("+４520123456"), "recipients"),
        (sms(channel="fax"), "channel"),
        (sms(text=5), "text"),
        (sms(scheduled_at="tomorrow"), "scheduled_at"),
        (sms(no_tracking="perhaps"), "no_tracking"),
        ({"channel": "email", "to": "ann", "subject": "Hello", "text": "Hello"}, "recipients"),
        ({"channel": "email", "to": "a@b.example", "text": "Hello"}, "subject"),
        ({"channel": "email", "to": "a@b.example", "subject": "a\nBcc: c@d.example", "text": "Hello"}, "subject"),
    ],
)
def test_what_is_wrong_is_a_422_by_field(api, body, field):
    answer = api.post(MESSAGES, body)

    assert error_of(answer) == (422, "validation_failed")
    assert field in answer.json()["errors"]
    assert Message.objects.count() == 0


def test_refusals_of_business_have_their_slugs(api, buyer):
    assert error_of(api.post(MESSAGES, sms(sender="STRANGER"))) == (422, "sender_not_ready")
    assert error_of(api.post(MESSAGES, sms(route="pigeon"))) == (422, "route_unknown")
    poor = Api(make_key(customer_of(factories.make_buyer(funds=Decimal("0.01"))))[1])
    refused = poor.post(MESSAGES, sms())
    assert error_of(refused) == (422, "insufficient_balance")
    assert (refused.json()["required"], refused.json()["available"]) == (0.03, 0.01)
    Customer.objects.filter(pk=buyer.customer_id).update(status="suspended")
    assert error_of(api.post(MESSAGES, sms())) == (403, "account_suspended")


def test_repeating_a_request_sends_once(api):
    first, second = (api.post(MESSAGES, sms(), headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert first.content == second.content
    assert second.headers["Idempotency-Replay"] == "true"
    assert Sending.objects.count() == 1

    assert api.post(SENDINGS, sms(), headers={"Idempotency-Key": "k"}).status_code == 201
    assert Sending.objects.count() == 2


PATHS = ("messages/{message}", "sendings/{sending}", "sendings/{sending}/recipients")
POSTS = ("messages/{message}/retry", "sendings/{sending}/cancel")


def test_somebody_elses_do_not_exist(api, stranger):
    made = api.post(MESSAGES, sms()).json()
    ids = {"message": made["data"][0]["id"], "sending": made["sending"]["id"]}

    for path in PATHS:
        assert error_of(stranger.get(f"{V1}/{path.format(**ids)}")) == (404, "not_found")
    for path in POSTS:
        assert error_of(stranger.post(f"{V1}/{path.format(**ids)}")) == (404, "not_found")
    assert stranger.get(MESSAGES).json()["data"] == stranger.get(SENDINGS).json()["data"] == []


def test_without_a_key_or_with_the_wrong_scope_nothing_is_told(api, buyer, client):
    reader = Api(make_key(customer_of(buyer), scopes=[Scope.READ])[1])

    for path in (MESSAGES, SENDINGS, f"{SENDINGS}/1/cancel", f"{MESSAGES}/1/retry"):
        assert client.post(path).status_code == 401
        assert error_of(reader.post(path, sms())) == (403, "missing_scope")
    assert reader.get(SENDINGS).status_code == 200


def test_no_answer_names_the_provider_or_its_cost(api):
    made = api.post(MESSAGES, sms()).json()
    hand_over_and_report()

    ids = {"message": made["data"][0]["id"], "sending": made["sending"]["id"]}
    for path in (*PATHS, "messages", "sendings", "transactions", "wallet/transactions"):
        answer = api.get(f"{V1}/{path.format(**ids)}")
        assert answer.status_code == 200
        assert not [word for word in HIDDEN if word in answer.content.decode().lower()], path


def test_a_test_key_sends_for_nothing(buyer):
    tester = Api(make_key(customer_of(buyer), mode="test")[1])
    row = tester.post(MESSAGES, sms()).json()["data"][0]
    hand_over_and_report()

    shown = tester.get(f"{MESSAGES}/{row['id']}").json()["data"]
    assert (shown["status"], shown["billing_status"], shown["price"], shown["mode"]) == ("delivered", "free", 0, "test")
    assert SandboxMessage.objects.get().to == DANE
