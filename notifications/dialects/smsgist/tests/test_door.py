"""SMSGist's door: its envelope whatever goes wrong, one 401, and its balance."""

from decimal import Decimal

import pytest
import time_machine
from django.test import Client

from apikeys.models import ClientCredential
from apikeys.services.client_tokens import make_token
from apikeys.tests.factories import make_client
from config.api import Problem
from config.errors import InvalidInput
from notifications.dialects.smsgist.base import SMSGIST
from wallets.models import Customer
from wallets.services import deposit, place_hold

pytestmark = pytest.mark.django_db
BALANCE = "/api/credits/balance"
UNAUTHENTICATED = {
    "status": "error", "message": "Authentication failed — check your X-Client-Id and token", "data": None,
}  # fmt: skip


def error(message):
    return {"status": "error", "message": message, "data": None}


def test_the_balance_is_exact_and_reserved_is_set_aside(gist, customer):
    wallet = customer.wallets.get()
    deposit(wallet=wallet, amount=Decimal("125.5"), reference="test:1", actor="test")
    place_hold(wallet=wallet, amount=Decimal("0.06"), reference="test:2")
    answer = gist.get(BALANCE)
    assert answer.status_code == 200
    assert answer.content == (
        b'{"status": "success", "message": "Action performed successfully", "data": '
        b'{"balance": 125.5, "reserved": 0.06, "available": 125.44, "currency": "GHS"}}'
    )


def test_a_trailing_slash_is_taken_and_never_redirected(gist):
    assert gist.get(f"{BALANCE}/").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Client-Id": "sgcid_0123456789abcdef"}, {"Authorization": "Bearer x"},
     {"X-Client-Id": "sgcid_0123456789abcdef", "Authorization": "Bearer x"},
     {"X-Client-Id": "ü", "Authorization": "Bearer é"}, {"X-Client-Id": "x", "Authorization": "Basic x"}],
)  # fmt: skip
def test_whoever_is_not_known_gets_one_and_the_same_401(headers):
    answer = Client().get(BALANCE, headers=headers)
    assert (answer.status_code, answer.json()) == (401, UNAUTHENTICATED)
    assert answer["WWW-Authenticate"] == "Bearer"


def test_an_api_key_is_no_client_credential(customer):
    answer = Client().get(BALANCE, headers={"X-API-Key": "sgk_x"})
    assert (answer.status_code, answer.json()) == (401, UNAUTHENTICATED)


def test_30_wrong_tokens_a_minute_are_answered_as_such_and_a_right_one_is_never_locked_out(gist, issued):
    wrong = {"X-Client-Id": issued[1].client_id, "Authorization": f"Bearer {make_token('x', 'y')}"}
    with time_machine.travel("2026-04-17T09:10:00Z", tick=False):
        answers = [Client().get(BALANCE, headers=wrong) for _ in range(31)]
        assert {answer.status_code for answer in answers[:30]} == {401}
        assert (answers[30].status_code, answers[30]["Retry-After"]) == (429, "60")
        assert answers[30].json() == error("Rate limit exceeded")
        assert gist.get(BALANCE).status_code == 200


def test_a_rate_limit_is_told_with_the_time_to_wait(gist):
    ClientCredential.objects.update(rate_limit_per_minute=1)
    with time_machine.travel("2026-04-17T09:10:40Z", tick=False):
        assert gist.get(BALANCE).status_code == 200
        answer = gist.get(BALANCE)
    assert (answer.status_code, answer["Retry-After"], answer.json()) == (429, "20", error("Rate limit exceeded"))


def test_a_credential_without_the_scope_is_refused(gist):
    ClientCredential.objects.update(scopes=["messages"])
    answer = gist.get(BALANCE)
    assert (answer.status_code, answer.json()["status"]) == (403, "error")


def test_a_revoked_credential_is_a_wrong_one(gist, customer):
    ClientCredential.objects.update(revoked_at="2026-01-01T00:00:00Z")
    assert gist.get(BALANCE).json() == UNAUTHENTICATED


def test_a_closed_customers_credential_is_a_wrong_one(gist):
    Customer.objects.update(status="closed")
    assert gist.get(BALANCE).json() == UNAUTHENTICATED


def test_use_is_noted(gist, customer):
    make_client(customer)
    gist.get(BALANCE)
    assert [bool(each.last_used_at) for each in ClientCredential.objects.order_by("id")] == [True, False]


@pytest.mark.parametrize("path", ["/api/sms", "/api/sms/nothing", "/api/email/", "/api/message/x", "/api/credits/"])
def test_a_path_that_is_not_there_is_404_in_the_envelope_for_a_browser_too(path):
    answer = Client().get(path, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.json()) == (404, error("Resource not found"))


def test_another_method_is_405_in_the_envelope(gist):
    answer = gist.post(BALANCE, {}, "application/json")
    assert (answer.status_code, answer.json()) == (405, error("Method not allowed."))


@pytest.mark.parametrize(
    ("problem", "status", "message"),
    [
        (Problem(422, "insufficient_balance", "Insufficient balance"), 402, "Insufficient credits"),
        (Problem(409, "wrong_state", "This cannot be done."), 422, "This cannot be done."),
        (Problem(500, "server_error", "Server Error"), 500, "Server error — please retry"),
        (Problem(404, "not_found", "Not found."), 404, "Resource not found"),
        (
            Problem(422, "validation_failed", "…", {"subject": ["Too long."], "text": ["No."]}),
            422,
            "subject: Too long.",
        ),
        (Problem(422, "validation_failed", "…", {"recipients": ["No number: 1"]}), 422, "No number: 1"),
    ],
)
def test_a_refusal_is_told_in_the_references_words(problem, status, message):
    answer = SMSGIST.plain_response(problem)
    assert answer.status_code == status
    assert SMSGIST.render(problem) == error(message)


def test_an_error_of_several_fields_names_the_first():
    response = SMSGIST.response(InvalidInput({"subject": ["Too long."], "from_name": ["No."]}))
    assert (response.status_code, response.data) == (422, error("subject: Too long."))
