"""Sending over plainsms: what is charged, to whom it goes, and every no."""

from decimal import Decimal
from typing import Any

import pytest
import time_machine

from apikeys.services import keys
from notifications.models import Message, Sending
from notifications.tests.sending_factories import PRICE, make_sms_world
from wallets.models import Customer, Wallet
from wallets.services import deposit

pytestmark = pytest.mark.django_db
V1, V2 = "/v1/sms/send", "/api/v2/sms/send"
SMS = {"numbers": "+4520123456, +4520123457", "message_body": "Hello, this is a test message."}


@pytest.fixture(autouse=True)
def world(customer) -> None:
    make_sms_world()
    deposit(wallet=customer.wallets.get(), amount=Decimal(10), reference="funds", actor="test")


def key_of(customer: Customer, **terms: Any) -> dict[str, str]:
    return {"X-API-Key": keys.issue_key(customer=customer, name="Key", actor="test", **terms)[1]}


def test_it_answers_with_recipients_segments_and_cost(post, login, customer):
    answer = post(V1, login | SMS)
    sending = Sending.objects.get()
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "message": "SMS sent successfully.",
            "message_id": sending.pk,
            "recipients": 2,
            "segments": 1,
            "cost": float(PRICE * 2),
        },
    )
    assert Wallet.objects.get(customer=customer).available == 10 - PRICE * 2
    assert sending.credential == "user123"


def test_local_numbers_go_to_the_customers_country(post, login):
    post(V1, login | SMS | {"numbers": "0701234567,0712 345 678"})
    assert list(Message.objects.order_by("id").values_list("to", flat=True)) == ["+254701234567", "+254712345678"]


def test_by_get_it_sends_as_well(api, customer):
    assert api.get(V2, SMS, headers=key_of(customer)).status_code == 200
    assert Sending.objects.count() == 1


@pytest.mark.parametrize(
    "numbers", ["nonsense", "+4520123456,", "+4520123456;+4520123457", "12", "+4520123456\n", 7, []]
)
def test_a_bad_number_sends_nothing(post, login, numbers):
    answer = post(V1, login | SMS | {"numbers": numbers})
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert not Sending.objects.exists()


@pytest.mark.parametrize("field", SMS)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_field_is_400(post, login, field, value):
    answer = post(V1, login | SMS | {field: value})
    assert (answer.status_code, answer.json()) == (400, {"error": f"The {field} field is required."})


def test_without_money_it_is_402_and_nothing_is_made(post, login):
    Wallet.objects.update(credit_limit=0)
    answer = post(V1, login | SMS | {"message_body": "a" * 9_999, "numbers": ",".join(["+4520123456"] * 9)})
    assert (answer.status_code, answer.json()) == (402, {"error": "Insufficient balance."})
    assert not Sending.objects.exists()


def test_a_suspended_customer_looks_but_does_not_send(post, api, login, customer):
    headers = key_of(customer)
    Customer.objects.update(status="suspended")
    for answer in (post(V1, login | SMS), post(V2, SMS, **headers)):
        assert (answer.status_code, answer.json()) == (403, {"error": "This account is suspended."})
    assert api.get("/api/v2/account/balance", headers=headers).status_code == 200


def test_a_key_that_may_only_read_does_not_send(post, customer):
    assert post(V2, SMS, **key_of(customer, scopes=["read"])).status_code == 403
    assert not Sending.objects.exists()


@pytest.mark.parametrize("mode", ["test", "dryrun"])
def test_in_test_and_dry_run_nothing_is_paid(post, customer, mode):
    Wallet.objects.filter(customer=customer).update(credit_limit=0)
    answer = post(V2, SMS, **key_of(customer, mode=mode))
    assert answer.status_code == 200
    assert Wallet.objects.get(customer=customer).available == 10


def test_a_repeat_with_the_same_idempotency_key_is_the_first_answer(post, login):
    headers = {"Idempotency-Key": "once"}
    first, again = (post(V1, login | SMS, **headers) for _ in range(2))
    assert (again.content, again["Idempotency-Replay"]) == (first.content, "true")
    assert int(again["x-ratelimit-remaining"]) < int(first["x-ratelimit-remaining"])
    assert post(V1, login | SMS | {"numbers": "+4520123456"}, **headers).status_code == 422
    assert Sending.objects.count() == 1


def test_the_same_idempotency_key_on_the_other_version_is_another_request(post, login, customer):
    headers = {"Idempotency-Key": "once"}
    ids = {
        post(V1, login | SMS, **headers).json()["message_id"],
        post(V2, SMS, **headers, **key_of(customer)).json()["message_id"],
    }
    assert len(ids) == 2


def test_twenty_wrong_passwords_are_answered_and_a_right_one_always(post, login):
    wrong = login | SMS | {"password": "wrong"}
    with time_machine.travel("2026-04-17T09:10:00Z", tick=False):
        answers = [post(V1, wrong).status_code for _ in range(40)]
        assert answers[:20] == [401] * 20
        assert answers[-1] == 429
        assert post(V1, login | SMS).status_code == 200
