"""SMSGig's endpoints: as printed, each refusal in its envelope, and every state of a rental."""

import json
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from activations.models import Activation, PoolNumber
from activations.providers import OutcomeUnknown, ProviderError
from activations.services import receive_text
from activations.tests.factories import FUNDS, PRICE, let_pass, make_fake_offer
from apikeys.services.keys import issue_key, revoke_key
from catalog.models import Country
from catalog.tests.factories import make_offer
from wallets.models import Customer, Transaction
from wallets.services import adjust, deposit, open_customer

pytestmark = pytest.mark.django_db
MOMENT = re.compile(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z")


class Caller:
    """A reseller's program that was written for SMSGig."""

    def __init__(self, name="Acme", funds=FUNDS, **terms):
        self.customer = open_customer(name=name)
        self.wallet = self.customer.wallets.get()
        if funds:
            deposit(wallet=self.wallet, amount=funds, reference=f"deposit:{self.customer.pk}")
        self.row, self.key = issue_key(customer=self.customer, name="Test", actor="test", **terms)
        self.client = Client(raise_request_exception=False)

    def request(self, method, path, body="", *, headers=None, content_type="application/json"):
        data = body if isinstance(body, str) else json.dumps(body)
        given = {"Authorization": f"Bearer {self.key}"} | (headers or {})
        response = self.client.generic(method, f"/api/v1{path}", data, content_type, headers=given)
        assert response["Content-Type"] == "application/json"
        return response

    def get(self, path, **options):
        return told(self.request("GET", path, **options))

    def post(self, path, body, **options):
        return told(self.request("POST", path, body, **options))

    def rent(self, **fields):
        status, body = self.post("/s1/rent", {"service_code": "telegram"} | fields)
        assert (status, body["status"]) == (200, "success"), body
        return body["rental"]

    def look(self, rental):
        """The state, however recently it was asked for."""
        return self.post("/s1/rentals/status", {"activation_id": rental["activation_id"]})[1]["rental"]

    def finish(self, rental):
        return self.post("/s1/rentals/status", {"activation_id": rental["activation_id"], "action": "finished"})

    def cancel(self, rental):
        return self.post("/s1/rentals/cancel", {"activation_id": rental["activation_id"]})

    @property
    def balance(self):
        return self.get("/balance")[1]["balance"]


def told(response):
    return response.status_code, json.loads(response.content, parse_float=Decimal)


@pytest.fixture
def caller(provider, offer):
    return Caller()


def sms(rental, text="Your WhatsApp code is 123456", message_id="sms-1"):
    to = f"+{rental['phone_number']}"
    return receive_text(provider="fake", provider_message_id=message_id, to=to, text=text)


def order_of(rental):
    return Activation.objects.get(pk=rental["activation_id"])


def asked_a_while_ago():
    from apikeys.models import ThrottleWindow

    ThrottleWindow.objects.update(ends_at=timezone.now() - timedelta(seconds=1))


def assert_refused(answer, status, message=None, errors=None):
    code, body = answer
    assert (code, body["status"]) == (status, "error"), body
    assert set(body) <= {"status", "message", "errors"}
    assert list(body.get("errors", {})) == (errors or [])
    assert message is None or body["message"] == message


# --- Balance and transactions -----------------------------------------------------------------------


def test_the_balance_is_what_can_be_spent(caller):
    assert caller.get("/balance") == (200, {"status": "success", "balance": FUNDS, "currency": "USD"})


def test_transactions_are_told_as_printed(caller):
    rental = caller.rent()
    caller.cancel(rental)

    status, body = caller.get("/transactions?limit=20")

    refund, purchase, paid_in = body["data"]
    assert (status, list(body), body["meta"]) == (
        200, ["status", "data", "meta"], {"current_page": 1, "last_page": 1, "total": 3},
    )  # fmt: skip
    assert list(refund) == ["id", "type", "amount", "description", "created_at"]
    assert (refund["type"], refund["amount"]) == ("refund", PRICE)
    assert refund["description"] == f"Refund for Telegram rental #{rental['activation_id']}"
    assert MOMENT.match(refund["created_at"])
    assert (purchase["type"], purchase["amount"], paid_in["type"]) == ("purchase", PRICE, "deposit")


@pytest.mark.parametrize(
    ("word", "count"), [("purchase", 2), ("refund", 1), ("deposit", 2)]
)  # the spend, a downward correction; its refund; the first deposit, an upward correction
def test_a_filtered_list_holds_one_type_alone(caller, word, count):
    caller.cancel(caller.rent())
    adjust(wallet=caller.wallet, amount=Decimal(1), reference="up", reason="Goodwill", actor="test")
    adjust(wallet=caller.wallet, amount=Decimal(-1), reference="down", reason="Correction", actor="test")

    body = caller.get(f"/transactions?type={word}")[1]

    assert ({row["type"] for row in body["data"]}, body["meta"]["total"]) == ({word}, count)


def test_transactions_come_in_pages_newest_first_and_end_empty(caller):
    for number in range(4):
        deposit(wallet=caller.wallet, amount=Decimal(1), reference=f"d{number}")
    newest = list(Transaction.objects.order_by("-id").values_list("id", flat=True))

    pages = [caller.get(f"/transactions?limit=2&page={page}")[1] for page in (1, 2, 3, 4, 999_999_999_999_999_999)]

    assert [[row["id"] for row in page["data"]] for page in pages] == [newest[:2], newest[2:4], newest[4:], [], []]
    assert pages[1]["meta"] == {"current_page": 2, "last_page": 3, "total": 5}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("limit=", "limit"), ("limit=-1", "limit"),
        ("page=0", "page"), ("page=1.5", "page"), ("type=spend", "type"), ("type=", "type"), ("limit=１０", "limit"),
    ],
)  # fmt: skip
def test_a_bad_parameter_is_named(caller, query, field):
    assert_refused(caller.get(f"/transactions?{query}"), 422, "The given data was invalid.", [field])


# --- Services ------------------------------------------------------------------------------------------


def test_services_are_listed_as_printed(caller, offer):
    status, body = caller.get("/s1/services")

    assert (status, list(body)) == (200, ["status", "data", "meta"])
    assert list(body["data"][0].items()) == [
        ("service_code", "telegram"), ("name", "Telegram"), ("price", PRICE), ("ttl", offer.ttl_seconds),
        ("count", 1000), ("multiple_sms", False),
    ]  # fmt: skip
    assert (body["meta"]["total"], body["meta"]["per_page"]) == (1, 100)


def test_server_1_sells_us_numbers_alone(caller):
    make_offer("viber", "GB", provider="fake")

    assert [row["service_code"] for row in caller.get("/s1/services")[1]["data"]] == ["telegram"]
    assert_refused(caller.post("/s1/rent", {"service_code": "viber"}), 422)


def test_the_stock_is_what_can_be_leased_now(caller, monkeypatch):
    make_offer("viber", provider="pool")
    make_offer("signal", provider="fake", stock=7)
    for number in range(3):
        PoolNumber.objects.create(
            phone=f"+1202555014{number}", country=Country.objects.get(code="US"), is_active=number != 0
        )

    counts = {row["service_code"]: row["count"] for row in caller.get("/s1/services")[1]["data"]}

    assert (counts["viber"], counts["signal"]) == (2, 7)


def test_the_price_shown_is_the_lowest_and_the_one_that_is_taken(caller):
    make_offer("telegram", provider="dearer", price="0.20", stock=5)

    (shown,) = caller.get("/s1/services")[1]["data"]

    assert (shown["price"], shown["count"]) == (PRICE, 1000)
    assert caller.rent()["price"] == PRICE


def test_services_come_in_pages_of_100(caller):
    for number in range(100):
        make_offer(f"service-{number}", provider="fake")

    pages = [caller.get(f"/s1/services?page={page}")[1] for page in (1, 2, 3)]

    assert [len(page["data"]) for page in pages] == [100, 1, 0]
    assert pages[0]["meta"] == {"total": 101, "per_page": 100, "current_page": 1, "last_page": 2}
    assert_refused(caller.get("/s1/services?page=0"), 422, errors=["page"])


# --- Renting ---------------------------------------------------------------------------------------------


def test_renting_answers_as_printed_and_charges_at_once(caller, offer):
    rental = caller.rent(area_code="212")

    assert list(rental) == [
        "activation_id", "phone_number", "status", "service_code", "price", "ttl", "created_at",
    ]  # fmt: skip
    assert (rental["phone_number"], rental["status"], rental["price"]) == ("12025551000", "waiting", PRICE)
    assert (rental["service_code"], rental["ttl"]) == ("telegram", offer.ttl_seconds)
    assert MOMENT.match(rental["created_at"])
    assert caller.balance == FUNDS - PRICE
    assert Transaction.objects.get(kind="sms_purchase").credential == caller.row.public_id


def test_area_code_and_carrier_are_preferences(caller, provider):
    caller.rent(area_code="212", carrier="T-Mobile")
    caller.rent(area_code="no such area", carrier="")
    caller.rent(area_code=None, carrier=None)

    first, second, third = provider.requests
    assert (first.area_code, first.carrier) == ("212", "T-Mobile")
    assert {(each.area_code, each.carrier) for each in (second, third)} == {("", "")}


def test_the_ttl_is_what_was_granted_not_what_is_left(caller, offer):
    rental = caller.rent()
    let_pass(order_of(rental), minutes=5)

    assert caller.look(rental)["ttl"] == offer.ttl_seconds


@pytest.mark.parametrize("body", [{}, {"service_code": None}, {"service_code": 7}, {"service_code": ""},
                                  {"service_code": ["telegram"]}])  # fmt: skip
def test_a_missing_or_mistyped_service_code_is_named(caller, body):
    assert_refused(caller.post("/s1/rent", body), 422, errors=["service_code"])


def test_an_unknown_service_is_unprocessable(caller):
    assert_refused(caller.post("/s1/rent", {"service_code": "no-such"}), 422, "Invalid service.")


def test_without_money_nothing_is_rented(provider, offer):
    poor = Caller(funds=0)

    assert_refused(poor.post("/s1/rent", {"service_code": "telegram"}), 422, "Insufficient balance")
    assert not Activation.objects.exists()


def test_out_of_stock_gives_the_money_back(caller, provider):
    provider.before["order"] = ProviderError("no_numbers_available")

    assert_refused(caller.post("/s1/rent", {"service_code": "telegram"}), 422)
    assert caller.balance == FUNDS


def test_a_number_nobody_has_confirmed_yet_is_pending(caller, provider):
    provider.before["order"] = OutcomeUnknown()

    status, body = caller.post("/s1/rent", {"service_code": "telegram"})

    assert (status, body["rental"]["status"], body["rental"]["phone_number"]) == (202, "pending", "")
    rental = body["rental"]
    assert caller.get(f"/s1/status?activation_id={rental['activation_id']}")[1]["status"] == "pending"
    assert_refused(caller.cancel(rental), 409)


def test_an_idempotency_key_rents_once(caller):
    again = {"headers": {"Idempotency-Key": "k1"}}

    first = caller.request("POST", "/s1/rent", {"service_code": "telegram"}, **again)
    second = caller.request("POST", "/s1/rent", {"service_code": "telegram"}, **again)

    assert (first.content, second["Idempotency-Replay"]) == (second.content, "true")
    assert (Activation.objects.count(), caller.balance) == (1, FUNDS - PRICE)
    assert_refused(caller.post("/s1/rent", {"service_code": "other"}, **again), 422)


def test_a_form_is_understood(caller):
    status, body = caller.post("/s1/rent", "service_code=telegram&area_code=212",
                               content_type="application/x-www-form-urlencoded")  # fmt: skip
    assert (status, body["rental"]["status"]) == (200, "waiting")


def test_what_curl_sends_without_a_header_is_understood(caller):
    form = {"content_type": "application/x-www-form-urlencoded"}
    assert caller.post("/s1/rent", '{"service_code": "telegram"}', **form)[0] == 200
    assert_refused(caller.post("/s1/rent", '{"service_code": ', **form), 400)


# --- Looking --------------------------------------------------------------------------------------------


def test_status_before_and_after_the_sms_is_as_printed(caller):
    rental = caller.rent()
    path = f"/s1/status?activation_id={rental['activation_id']}"
    assert caller.get(path) == (200, {"status": "waiting", "message": "No SMS received yet"})

    sms(rental)
    asked_a_while_ago()

    answer = {"status": "received", "code": "123456", "text": "Your WhatsApp code is 123456"}
    assert caller.get(path) == (200, answer)


def test_a_second_look_within_a_second_is_too_many(caller):
    first, second = caller.rent(), caller.rent()
    path = f"/s1/status?activation_id={first['activation_id']}"

    assert caller.get(path)[0] == 200
    refused = caller.request("GET", path)
    assert_refused(told(refused), 429, "Too many requests.")
    assert refused["Retry-After"] == "1"
    assert caller.get(f"/s1/status?activation_id={second['activation_id']}")[0] == 200


def test_a_text_without_a_code_has_an_empty_one(caller):
    rental = caller.rent()
    sms(rental, "Welcome!")

    assert (caller.look(rental)["code"], caller.look(rental)["text"]) == ("", "Welcome!")


def test_a_rental_is_shown_as_printed(caller, offer):
    rental = caller.rent()
    sms(rental)

    status, body = caller.post("/s1/rentals/status", {"activation_id": rental["activation_id"]})

    assert status == 200
    shown = body["rental"]
    assert list(shown)[:8] == [
        "activation_id", "phone_number", "service_code", "status", "code", "text", "price", "created_at",
    ]  # fmt: skip
    assert (shown["phone_number"], shown["status"], shown["code"]) == ("12025551000", "received", "123456")
    assert (shown["text"], shown["ttl"]) == ("Your WhatsApp code is 123456", offer.ttl_seconds)


def test_a_rental_of_several_sms_shows_the_latest_and_all(provider, db):
    make_fake_offer(multiple_sms=True)
    caller = Caller()
    rental = caller.rent()
    for number in (1, 2, 3):
        sms(rental, f"Your code is {number}{number}{number}{number}", f"sms-{number}")

    shown = caller.look(rental)

    assert (shown["code"], [each["code"] for each in shown["messages"]]) == ("3333", ["1111", "2222", "3333"])
    assert caller.balance == FUNDS - PRICE


def test_whoever_reads_that_it_expired_has_the_money_back(caller):
    rental = caller.rent()
    let_pass(order_of(rental), hours=1)

    status, body = caller.get(f"/s1/status?activation_id={rental['activation_id']}")

    assert (status, body) == (200, {"status": "expired", "message": "Rental expired and refund processed"})
    assert caller.balance == FUNDS


@pytest.mark.parametrize("asked", ["", "activation_id=", "activation_id=x", "activation_id=1.5", "activation_id=-1",
                                   f"activation_id={10**30}"])  # fmt: skip
def test_a_bad_activation_id_is_named(caller, asked):
    assert_refused(caller.get(f"/s1/status?{asked}"), 422, errors=["activation_id"])


# --- Finishing ---------------------------------------------------------------------------------------------


def test_a_received_rental_is_finished_and_keeps_its_code(caller, provider):
    rental = caller.rent()
    sms(rental)

    first, again = caller.finish(rental), caller.finish(rental)

    assert (first[0], first[1]["rental"]["status"], first) == (200, "finished", again)
    assert provider.returned == ["n1"]
    told_later = caller.get(f"/s1/status?activation_id={rental['activation_id']}")[1]
    assert (told_later["status"], told_later["code"]) == ("finished", "123456")
    assert told_later["text"] == "Your WhatsApp code is 123456"
    assert caller.balance == FUNDS - PRICE


def test_what_got_no_sms_cannot_be_finished(caller):
    waiting, canceled, expired = caller.rent(), caller.rent(), caller.rent()
    caller.cancel(canceled)
    let_pass(order_of(expired), hours=1)

    for rental in (waiting, canceled, expired):
        assert_refused(caller.finish(rental), 400)
    assert caller.look(waiting)["status"] == "waiting"


@pytest.mark.parametrize("action", ["cancel", "FINISHED", "", "finished\n"])
def test_an_unknown_action_is_a_bad_request(caller, action):
    rental = caller.rent()
    sent = {"activation_id": rental["activation_id"], "action": action}
    assert_refused(caller.post("/s1/rentals/status", sent), 400, "Unknown action.")


def test_a_mistyped_action_is_named(caller):
    sent = {"activation_id": caller.rent()["activation_id"], "action": 7}
    assert_refused(caller.post("/s1/rentals/status", sent), 422, errors=["action"])


# --- Canceling ----------------------------------------------------------------------------------------------


def test_canceling_refunds_once_and_says_the_same_again(caller):
    rental = caller.rent()

    answers = [caller.cancel(rental) for _ in range(3)]

    assert answers == [(200, {"status": "success", "message": "Rental canceled and refund processed"})] * 3
    assert (caller.balance, Transaction.objects.filter(kind="sms_refund").count()) == (FUNDS, 1)
    assert caller.get(f"/s1/status?activation_id={rental['activation_id']}") == (
        200, {"status": "canceled", "message": "Rental canceled and refund processed"},
    )  # fmt: skip


def test_canceling_what_has_expired_says_the_same(caller):
    rental = caller.rent()
    let_pass(order_of(rental), hours=1)

    assert caller.cancel(rental)[0] == 200
    assert caller.balance == FUNDS


def test_after_an_sms_there_is_no_refund(caller):
    rental = caller.rent()
    sms(rental)

    assert_refused(caller.cancel(rental), 400)
    assert (caller.balance, caller.look(rental)["status"]) == (FUNDS - PRICE, "received")


def test_while_the_provider_is_silent_the_cancel_is_under_way(caller, provider):
    rental = caller.rent()
    provider.before["give_back"] = OutcomeUnknown()

    status, body = caller.cancel(rental)

    assert (status, body["message"]) == (202, "Rental is being canceled, the refund follows")
    assert caller.balance == FUNDS - PRICE


# --- Whose it is, and who may ------------------------------------------------------------------------------


def test_another_customers_rental_does_not_exist(caller):
    rental = caller.rent()
    stranger = Caller("Stranger")
    sent = {"activation_id": rental["activation_id"]}

    assert_refused(stranger.get(f"/s1/status?activation_id={rental['activation_id']}"), 404, "Not found.")
    assert_refused(stranger.post("/s1/rentals/status", sent), 404)
    assert_refused(stranger.finish(rental), 404)
    assert_refused(stranger.cancel(rental), 404)
    assert caller.look(rental)["status"] == "waiting"


PATHS = ("/balance", "/transactions", "/s1/services", "/s1/status?activation_id=1")
POSTS = ("/s1/rent", "/s1/rentals/status", "/s1/rentals/cancel")


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer x", "Basic eDp4", "Bearer sgk_" + "a" * 49])
def test_without_a_good_key_all_is_401(caller, authorization):
    headers = {"headers": {"Authorization": authorization or ""}}
    for answer in [*(caller.get(path, **headers) for path in PATHS), *(caller.post(p, {}, **headers) for p in POSTS)]:
        assert_refused(answer, 401, "Invalid or missing API key")


def test_a_revoked_key_is_no_key(caller):
    revoke_key(key=caller.row, actor="test")
    assert_refused(caller.get("/balance"), 401, "Invalid or missing API key")


def test_a_key_for_reading_may_look_and_nothing_else(caller, provider):
    rental = caller.rent()
    caller.key = issue_key(customer=caller.customer, name="Reader", actor="test", scopes=["read"])[1]

    assert caller.look(rental)["status"] == "waiting"
    assert_refused(caller.finish(rental), 403)
    assert_refused(caller.cancel(rental), 403)
    assert_refused(caller.post("/s1/rent", {"service_code": "telegram"}), 403)


def test_a_suspended_customer_looks_but_does_not_rent(caller):
    rental = caller.rent()
    Customer.objects.update(status="suspended")

    assert_refused(caller.post("/s1/rent", {"service_code": "telegram"}), 403)
    assert caller.cancel(rental)[0] == 200


def test_a_test_key_moves_no_money(provider, offer, settings):
    tester = Caller(mode="test")

    assert tester.rent()["status"] == "waiting"
    assert tester.balance == FUNDS


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/nothing", 404), ("GET", "", 404), ("GET", "/s1/rent", 405), ("POST", "/balance", 405),
    ("DELETE", "/s1/rentals/cancel", 405),
])  # fmt: skip
def test_a_wrong_path_or_method_has_the_same_shape(caller, method, path, status):
    assert_refused(told(caller.request(method, path)), status)


@pytest.mark.parametrize("body", ["{", "[1]", '"x"', '{"a":1,"a":2}', '{"activation_id": NaN}', "[" * 990])
def test_a_malformed_body_is_a_bad_request(caller, body):
    for path in POSTS:
        assert_refused(told(caller.request("POST", path, body)), 400)


def test_a_crash_is_told_in_the_same_shape(caller, monkeypatch):
    from activations.dialects.smsgig import views

    monkeypatch.setattr(views.wire, "balance", lambda wallet: 1 / 0)
    assert_refused(caller.get("/balance"), 500, "Server Error")


def test_a_trailing_slash_is_accepted(caller):
    assert caller.get("/balance/")[0] == 200
