"""A request with a key happens once: repeated, refused, raced, crashed, unknown."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from rest_framework.response import Response

from apikeys.models import IdempotencyKey
from apikeys.services import idempotency
from apikeys.tests import views
from apikeys.tests.factories import make_customer, make_key
from wallets.errors import InsufficientFunds

pytestmark = [pytest.mark.django_db, pytest.mark.urls("apikeys.tests.views")]
SHOP = "/api/developer/v1/shop"


@pytest.fixture(autouse=True)
def closed_shop():
    views.runs.clear()
    views.behaviour.clear()


@pytest.fixture
def buy(api, plain):
    def post(body=None, key="order-1", path=SHOP, plain=plain, header="Idempotency-Key", **options):
        headers = {"X-API-Key": plain} | ({header: key} if key is not None else {})
        return api.post(path, {} if body is None else body, "application/json", headers=headers, **options)

    return post


def raising(error):
    def answer(view):
        raise error

    return answer


def crash_while_running():
    """What a kill -9 leaves: a claim that nobody ends."""
    IdempotencyKey.objects.update(state="running", answer_status=None, locked_until=timezone.now() + timedelta(hours=1))


def test_without_a_key_every_request_runs(buy):
    assert [buy(key=None).json()["data"]["id"] for _ in range(2)] == [1, 2]
    assert views.runs[0]["key"] is None
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize("mode", ["dryrun", "test"])
def test_what_was_only_played_does_not_answer_for_the_real_request(buy, customer, mode):
    played = make_key(customer, mode=mode)[1]
    longest = "k" * 255
    for _ in range(2):
        assert [buy(key=longest, plain=played).status_code, buy(key=longest).status_code] == [201, 201]
    assert [run["key"] for run in views.runs] == [f"{mode}:{longest}", longest]


@pytest.mark.parametrize("header", ["Idempotency-Key", "X-Idempotency-Key"])
def test_a_repeat_gets_the_first_answer_again_byte_for_byte(buy, header):
    first, second = (buy({"service": "telegram"}, header=header) for _ in range(2))
    assert len(views.runs) == 1
    assert views.runs[0]["key"] == "order-1"
    assert (second.status_code, second.content, second["X-Order"]) == (201, first.content, "1")
    assert second["Content-Type"] == first["Content-Type"] == "application/json"
    assert second["Idempotency-Replay"] == "true"
    assert "Idempotency-Replay" not in first


def test_the_same_body_written_differently_is_the_same_request(buy):
    buy('{"a": 12.50, "b": {"c": 10, "d": [1]}}')
    assert buy('{"b": {"d": [1], "c": 10.0},  "a": 12.5}')["Idempotency-Replay"] == "true"
    assert buy('{"b": {"d": [1], "c": 10.0},  "a": 12.5}', path=SHOP + "/")["Idempotency-Replay"] == "true"


@pytest.mark.parametrize("other", ['{"a": 2}', '{"a": "1"}', '{"a": 1, "b": null}', "{}"])
def test_another_body_under_the_same_key_is_refused(buy, other):
    buy('{"a": 1}')
    answer = buy(other)
    assert (answer.status_code, answer.json()["error"]) == (422, "idempotency_conflict")
    assert len(views.runs) == 1


def test_another_query_or_another_item_is_another_request(buy):
    buy(query_params={"to": "1"})
    assert buy(query_params={"to": "2"}).status_code == 422
    assert buy(key="item", path=f"{SHOP}/1").status_code == 201
    assert buy(key="item", path=f"{SHOP}/2").status_code == 422


def test_a_key_belongs_to_one_customer_and_one_route(buy):
    other = make_key(make_customer("Other"))[1]
    answers = [buy(), buy(plain=other), buy(path="/api/developer/v1/other-shop")]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert len(views.runs) == 3


def test_two_keys_of_one_customer_share_it(buy, customer):
    buy()
    assert buy(plain=make_key(customer)[1])["Idempotency-Replay"] == "true"


@pytest.mark.parametrize("bad", ["", "x" * 256, "two words", "é"])
def test_a_key_has_1_to_255_visible_characters(buy, bad):
    answer = buy(key=bad)
    assert (answer.status_code, answer.json()["error"]) == (422, "validation_failed")
    assert views.runs == []


def test_the_longest_key_is_taken(buy):
    assert buy(key="~" * 255).status_code == 201


@pytest.mark.parametrize(
    "refusal", [raising(InsufficientFunds()), lambda view: Response({"message": "no"}, status=422)]
)
def test_after_a_refusal_the_key_may_be_used_again_even_with_another_body(buy, refusal):
    views.behaviour["answer"] = refusal
    assert buy({"a": 1}).status_code == 422
    assert not IdempotencyKey.objects.exists()
    views.behaviour.clear()
    assert buy({"a": 2}).status_code == 201


def test_a_body_that_cannot_be_read_leaves_no_trace(buy):
    assert buy("{").status_code == 400
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (lambda view: Response({"data": {"status": "unknown"}}, status=202), 202),
        (raising(OperationalError("gone")), 503),
        (raising(ZeroDivisionError()), 500),
        (raising(idempotency.RequestInProgress(retry_after_seconds=1)), 409),
    ],
)
def test_while_the_outcome_is_open_the_same_request_runs_again_and_another_body_does_not(buy, outcome, status):
    views.behaviour["answer"] = outcome
    assert buy({"a": 1}).status_code == status
    assert buy({"a": 2}).status_code == 422
    views.behaviour.clear()
    repeated = buy({"a": 1})
    assert (repeated.status_code, len(views.runs)) == (201, 2)
    assert "Idempotency-Replay" not in repeated
    assert buy({"a": 1})["Idempotency-Replay"] == "true"


def test_while_the_first_runs_a_repeat_is_told_to_wait(buy):
    buy()
    crash_while_running()
    answer = buy()
    assert (answer.status_code, answer.json()["error"]) == (409, "request_in_progress")
    assert 1 <= int(answer["Retry-After"]) <= 5
    assert len(views.runs) == 1


def test_a_claim_is_held_for_the_request_deadline(customer, settings):
    settings.REQUEST_DEADLINE_SECONDS = 7
    idempotency.claim(customer_id=customer.pk, route="shop", key="k", body_hash="a")
    row = IdempotencyKey.objects.get()
    assert row.locked_until - row.created_at == timedelta(seconds=7)
    assert row.expires_at - row.created_at == timedelta(hours=24)


def test_after_a_crash_the_same_request_may_run_again_but_not_another_body(buy):
    buy({"a": 1})
    crash_while_running()
    IdempotencyKey.objects.update(locked_until=timezone.now() - timedelta(seconds=1))
    assert buy({"a": 2}).status_code == 422
    assert buy({"a": 1}).status_code == 201
    assert len(views.runs) == 2


def test_a_run_that_was_taken_over_can_no_longer_write(customer):
    asked = {"customer_id": customer.pk, "route": "shop", "key": "k", "body_hash": "a"}
    slow = idempotency.claim(**asked)
    idempotency.reopen(slow)
    second = idempotency.claim(**asked)
    idempotency.forget(slow)
    idempotency.keep(slow, idempotency.Answer(201, "slow", {}))
    idempotency.keep(second, idempotency.Answer(201, "second", {}))
    assert idempotency.claim(**asked) == idempotency.Answer(201, "second", {})


def test_after_a_day_the_key_is_new(buy):
    buy({"a": 1})
    IdempotencyKey.objects.update(expires_at=timezone.now())
    assert buy({"a": 2}).status_code == 201
    assert len(views.runs) == 2


def test_expired_answers_are_erased_and_others_stay(customer):
    for key in ("old", "new"):
        idempotency.claim(customer_id=customer.pk, route="shop", key=key, body_hash="a")
    IdempotencyKey.objects.filter(key="old").update(expires_at=timezone.now())
    assert [idempotency.erase_expired(), idempotency.erase_expired()] == [1, 0]
    assert IdempotencyKey.objects.get().key == "new"


def both_at_once(work) -> list:
    barrier = threading.Barrier(2, timeout=20)

    def run(_):
        try:
            connection.ensure_connection()
            barrier.wait()
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(run, range(2)))


@pytest.mark.django_db(transaction=True)
def test_of_two_first_requests_at_once_exactly_one_runs():
    _, plain = make_key(make_customer())
    for number in range(10):
        views.runs.clear()
        other_answered = threading.Event()
        # The winner runs on until the loser has its answer, so they truly overlap.
        views.behaviour["answer"] = lambda view, done=other_answered: Response({"waited": done.wait(20)}, status=201)

        def post(number=number, done=other_answered):
            headers = {"X-API-Key": plain, "Idempotency-Key": f"race-{number}"}
            answer = Client().post(SHOP, {}, "application/json", headers=headers)
            done.set()
            return answer.status_code

        assert sorted(both_at_once(post)) == [201, 409]
        assert len(views.runs) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_takeovers_at_once_exactly_one_runs():
    asked = {"customer_id": make_customer().pk, "route": "shop", "body_hash": "a"}

    def take_over(key):
        try:
            return type(idempotency.claim(**asked, key=key)).__name__
        except idempotency.RequestInProgress:
            return "wait"

    for number in range(10):
        key = f"crashed-{number}"
        idempotency.reopen(idempotency.claim(**asked, key=key))
        assert sorted(both_at_once(lambda key=key: take_over(key))) == ["Claim", "wait"]


@pytest.mark.django_db(transaction=True)
def test_control_without_the_unique_constraint_a_look_before_the_insert_lets_both_run():
    customer = make_customer()
    both_have_looked = threading.Barrier(2, timeout=20)

    def look_then_insert():
        free = not IdempotencyKey.objects.filter(customer=customer, key="k").exists()
        both_have_looked.wait()
        if free:
            # Another route each: what the constraint would not stop.
            now = timezone.now()
            IdempotencyKey.objects.create(
                customer=customer, route=str(threading.get_ident()), key="k", body_hash="a", state="running",
                run=1, locked_until=now, created_at=now, expires_at=now,
            )  # fmt: skip
        return free

    assert both_at_once(look_then_insert) == [True, True]
