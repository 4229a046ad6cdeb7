"""The native activation endpoints: as printed, for whom they are, and under hostile hands."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from activations.models import Activation, InboundMessage
from activations.providers import OutcomeUnknown, ProviderError
from activations.services import buy, erase_texts, receive_text
from activations.tests.factories import FUNDS, PRICE, buyer_of, let_pass, make_fake_offer, purse, together, wish
from apikeys.models import IdempotencyKey, Scope
from apikeys.services.keys import issue_key, revoke_key
from catalog.tests.factories import make_offer
from wallets.models import Customer
from wallets.services import deposit, open_customer, set_spend_cap

pytestmark = pytest.mark.django_db
BASE = "/api/developer/v1/activations"
WANTED = {"service": "telegram", "country": "US"}


class Caller:
    """A customer's program: one key; answers with exact numbers, keys in their order."""

    def __init__(self, name="Acme", funds=FUNDS, **terms):
        self.customer = open_customer(name=name)
        if funds:
            deposit(wallet=self.customer.wallets.get(), amount=funds, reference=f"deposit:{self.customer.pk}")
        self.row, self.key = issue_key(customer=self.customer, name="Test", actor="test", **terms)
        self.client = Client(raise_request_exception=False)
        self.buyer = buyer_of(self.customer)

    def request(self, method, path="", body=None, headers=None, content_type="application/json", **options):
        data = body if isinstance(body, str | bytes) else json.dumps(body) if body is not None else ""
        given = {"X-API-Key": self.key} | (headers or {})
        path = path if path.startswith("/api") else f"{BASE}{path}"
        return self.client.generic(method, path, data, content_type, headers=given, **options)

    def get(self, path="", **options):
        return told(self.request("GET", path, **options))

    def post(self, path, body=None, **options):
        return told(self.request("POST", path, body, **options))

    def buy(self, body=WANTED, **options):
        return self.post("/buy", body, **options)

    def ordered(self, **options):
        status, body = self.buy(**options)
        assert status == 201, body
        return body["data"]


def told(response):
    assert response["Content-Type"] == "application/json"
    return response.status_code, json.loads(response.content, parse_float=Decimal)


@pytest.fixture
def caller(provider, offer):
    return Caller()


def sms(order, text="Your code is 123456", message_id="sms-1"):
    return receive_text(provider="fake", provider_message_id=message_id, to=order["phone"], text=text)


def over(order):
    return let_pass(Activation.objects.get(pk=order["id"]), hours=1)


# --- As printed -------------------------------------------------------------------------------------------


def test_buying_answers_as_printed(caller):
    data = caller.ordered()
    assert list(data)[:6] == ["id", "phone", "service", "country", "timeout", "created_at"]
    assert (data["phone"], data["service"], data["country"]) == ("+12025551000", "telegram", "US")
    assert 895 <= data["timeout"] <= 900
    assert data["created_at"] == f"{Activation.objects.get().created_at:%Y-%m-%dT%H:%M:%SZ}"
    assert (data["status"], data["price"], data["currency"], data["code"]) == ("pending", PRICE, "USD", None)


def test_an_answer_never_tells_whose_number_it_is_and_what_it_cost(caller):
    response = caller.request("POST", "/buy", WANTED)
    assert set(json.loads(response.content)["data"]) == {
        "id", "phone", "service", "country", "timeout", "created_at", "uuid", "status", "price", "currency",
        "expires_at", "code", "mode",
    }  # fmt: skip


def test_while_waiting_there_is_no_code(caller):
    order = caller.ordered()
    status, body = caller.get(f"/{order['id']}/check-sms")
    assert (status, list(body["data"].items())[:2]) == (200, [("code", None), ("status", "pending")])
    assert body["data"]["messages"] == []


def test_the_code_is_answered_as_printed_and_for_ever(caller):
    order = caller.ordered()
    sms(order)
    for _ in range(2):
        status, body = caller.get(f"/{order['id']}/check-sms")
        assert (status, list(body["data"].items())[:2]) == (200, [("code", "123456"), ("status", "completed")])
        over(order)
    (message,) = body["data"]["messages"]
    assert (message["code"], message["text"]) == ("123456", "Your code is 123456")


def test_a_text_without_a_code_is_answered_as_it_is(caller):
    order = caller.ordered()
    sms(order, "Welcome to Telegram!")
    assert caller.get(f"/{order['id']}/check-sms")[1]["data"]["code"] == "Welcome to Telegram!"


def test_an_extra_sms_is_not_shown(caller):
    order = caller.ordered()
    sms(order)
    sms(order, "Your code is 999999", "sms-2")
    data = caller.get(f"/{order['id']}/check-sms")[1]["data"]
    assert (data["code"], len(data["messages"])) == ("123456", 1)


def test_several_sms_are_shown_in_their_order(provider):
    make_fake_offer(multiple_sms=True)
    caller = Caller()
    order = caller.ordered()
    for number in range(3):
        sms(order, f"Your code is 11111{number}", f"sms-{number}")
    messages = caller.get(f"/{order['id']}/check-sms")[1]["data"]["messages"]
    assert [message["code"] for message in messages] == ["111110", "111111", "111112"]


def test_after_its_time_it_is_gone_and_the_money_is_back_already(caller):
    order = caller.ordered()
    assert purse(caller.buyer) == (FUNDS, PRICE)
    over(order)
    for _ in range(2):
        status, body = caller.get(f"/{order['id']}/check-sms")
        assert (status, body["error"], body["id"]) == (410, "activation_expired", order["id"])
        assert purse(caller.buyer) == (FUNDS, 0)


def test_a_check_at_the_last_moment_finds_the_sms(caller, provider):
    order = caller.ordered()
    provider.send(Activation.objects.get(), "code 123456")
    over(order)
    assert caller.get(f"/{order['id']}/check-sms")[1]["data"]["code"] == "123456"


def test_while_the_provider_is_silent_it_is_pending(caller, provider):
    order = caller.ordered()
    provider.before["texts"] = OutcomeUnknown()
    over(order)
    assert caller.get(f"/{order['id']}/check-sms")[1]["data"]["status"] == "pending"


def test_canceling_gives_the_money_back_and_says_so_every_time(caller):
    order = caller.ordered()
    for _ in range(2):
        status, body = caller.post(f"/{order['id']}/cancel")
        assert (status, body["data"]["id"], body["data"]["status"]) == (200, order["id"], "canceled")
        assert body["data"]["timeout"] == 0
    assert purse(caller.buyer) == (FUNDS, 0)
    status, body = caller.get(f"/{order['id']}/check-sms")
    assert (status, body["error"]) == (410, "activation_canceled")


def test_after_an_sms_it_cannot_be_canceled(caller):
    order = caller.ordered()
    sms(order)
    status, body = caller.post(f"/{order['id']}/cancel")
    assert (status, body["error"], purse(caller.buyer)) == (409, "activation_completed", (FUNDS - PRICE, 0))


def test_finishing_is_for_what_was_received(caller):
    order = caller.ordered()
    assert caller.post(f"/{order['id']}/finish")[1]["error"] == "activation_not_received"
    sms(order)
    for _ in range(2):
        status, body = caller.post(f"/{order['id']}/finish")
        assert (status, body["data"]["status"], body["data"]["code"]) == (200, "completed", "123456")
    assert Activation.objects.get().status == "finished"


def test_a_buyer_may_prefer_an_area_and_pay_up_front(caller, provider):
    wanted = WANTED | {"area_code": "212", "carrier": "T-Mobile", "settlement": "upfront"}
    caller.ordered(body=wanted)
    (request,) = provider.requests
    assert (request.area_code, request.carrier) == ("212", "T-Mobile")
    assert purse(caller.buyer) == (FUNDS - PRICE, 0)
    status, body = caller.buy(body=WANTED | {"settlement": "later"})
    assert (status, list(body["errors"])) == (422, ["settlement"])


def test_a_cancel_that_the_provider_has_not_taken_yet_is_accepted(caller, provider):
    order = caller.ordered()
    provider.before["give_back"] = OutcomeUnknown()
    status, body = caller.post(f"/{order['id']}/cancel")
    assert (status, body["data"]["status"]) == (202, "pending")


def test_one_activation_is_shown(caller):
    order = caller.ordered()
    status, body = caller.get(f"/{order['id']}")
    assert (status, body["data"]["id"], list(body["data"])) == (200, order["id"], list(order))
    sms(order)
    shown = caller.get(f"/{order['id']}")[1]["data"]
    assert (shown["status"], shown["code"]) == ("completed", "123456")


def test_a_failed_one_is_shown_and_gone(caller, provider):
    provider.before["order"] = ProviderError()
    caller.buy()
    failed = Activation.objects.get()
    shown = caller.get(f"/{failed.pk}")[1]["data"]
    assert (shown["status"], shown["phone"], shown["timeout"]) == ("failed", None, 0)
    assert caller.get(f"/{failed.pk}/check-sms")[0] == 410
    assert caller.post(f"/{failed.pk}/cancel")[1]["data"]["status"] == "failed"


# --- What cannot be bought -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "invalid_service"),
        ({"country": "US"}, "invalid_service"),
        ({"service": "", "country": "US"}, "invalid_service"),
        ({"service": None, "country": "US"}, "invalid_service"),
        ({"service": 1, "country": "US"}, "invalid_service"),
        ({"service": ["telegram"], "country": "US"}, "invalid_service"),
        ({"service": {"slug": "telegram"}, "country": "US"}, "invalid_service"),
        ({"service": "nothing", "country": "US"}, "invalid_service"),
        ({"service": "telegram ", "country": "US"}, "invalid_service"),
        ({"service": "x" * 10_000, "country": "US"}, "invalid_service"),
        ({"service": "telegram"}, "invalid_country"),
        ({"service": "telegram", "country": None}, "invalid_country"),
        ({"service": "telegram", "country": True}, "invalid_country"),
        ({"service": "telegram", "country": "USA"}, "invalid_country"),
        ({"service": "telegram", "country": "ZZ"}, "invalid_country"),
        ({"service": "telegram", "country": "🇺🇸"}, "invalid_country"),
        ({"service": "telegram", "country": "US\n"}, "invalid_country"),
    ],
)
def test_an_invalid_service_or_country_is_400(caller, body, error):
    status, answer = caller.buy(body)
    assert (status, answer["error"]) == (400, error)
    assert set(answer) == {"message", "error"}
    assert not Activation.objects.exists()


def test_a_country_may_be_written_small_and_unknown_fields_are_ignored(caller):
    assert caller.buy({"service": "telegram", "country": "us", "quantity": 5})[0] == 201


def test_without_money_it_says_what_is_missing(provider, offer):
    poor = Caller(funds=Decimal("0.1"))
    status, body = poor.buy()
    assert (status, body["error"], body["message"]) == (422, "insufficient_balance", "Insufficient balance")
    assert (body["required"], body["available"]) == (PRICE, Decimal("0.1"))
    assert b'"required": 0.15, "available": 0.1, ' in poor.request("POST", "/buy", WANTED).content


@pytest.mark.parametrize(
    ("code", "error"), [("no_numbers_available", "no_numbers_available"), ("provider_error", "provider_error")]
)
def test_when_the_provider_says_no_nothing_is_held(caller, provider, code, error):
    provider.before["order"] = ProviderError(code)
    status, body = caller.buy()
    assert (status, body["error"], purse(caller.buyer)) == (422, error, (FUNDS, 0))
    assert "fake" not in json.dumps(body)


@pytest.mark.parametrize("silence", [OutcomeUnknown(), ZeroDivisionError()])
def test_when_nobody_knows_it_is_accepted_and_pending(caller, provider, silence):
    provider.before["order"] = silence
    status, body = caller.buy()
    assert (status, body["data"]["status"], body["data"]["phone"]) == (202, "pending", None)
    status, body = caller.get(f"/{body['data']['id']}/check-sms")
    assert (status, body["data"]["code"], body["data"]["status"]) == (200, None, "pending")
    assert purse(caller.buyer) == (FUNDS, PRICE)


def test_an_unknown_one_cannot_be_canceled_yet(caller, provider):
    provider.before["order"] = OutcomeUnknown()
    order = caller.buy()[1]["data"]
    response = caller.request("POST", f"/{order['id']}/cancel")
    assert (response.status_code, response["Retry-After"]) == (409, "1")
    assert json.loads(response.content)["error"] == "request_in_progress"


@pytest.mark.parametrize("mode", ["test", "dryrun"])
def test_a_test_key_needs_no_money(offer, mode):
    tester = Caller(mode=mode, funds=None)
    data = tester.ordered()
    assert (data["mode"], purse(tester.buyer)) == (mode, (0, 0))


def test_a_fraction_of_a_cent_stays_exact(provider):
    make_fake_offer(price="0.1")
    make_offer("whatsapp", "US", provider="fake", price="0.2")
    caller = Caller()
    caller.ordered()
    caller.ordered(body={"service": "whatsapp", "country": "US"})
    body = caller.request("GET", "/api/developer/v1/wallet/balance").content
    assert b'"hold": 0.3,' in body
    assert b'"available": 9.7,' in body


# --- Idempotency-Key -------------------------------------------------------------------------------------------


def with_key(key="order-1"):
    return {"headers": {"Idempotency-Key": key}}


def test_the_same_key_answers_the_same_and_buys_once(caller, provider):
    first = caller.request("POST", "/buy", WANTED, **with_key())
    again = caller.request("POST", "/buy", WANTED, **with_key())
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert (again["Idempotency-Replay"], first.has_header("Idempotency-Replay")) == ("true", False)
    assert (provider.calls, Activation.objects.count()) == (["order"], 1)


def test_the_same_key_with_another_body_is_refused(caller):
    caller.buy(**with_key())
    status, body = caller.buy({"service": "telegram", "country": "GB"}, **with_key())
    assert (status, body["error"], Activation.objects.count()) == (422, "idempotency_conflict", 1)


def test_while_the_first_runs_the_second_is_told_to_wait(caller, provider):
    answers = []
    provider.before["order"] = lambda: answers.append(caller.request("POST", "/buy", WANTED, **with_key()))
    assert caller.buy(**with_key())[0] == 201
    assert (answers[0].status_code, int(answers[0]["Retry-After"]) >= 1) == (409, True)
    assert json.loads(answers[0].content)["error"] == "request_in_progress"
    assert Activation.objects.count() == 1


@pytest.mark.parametrize("refusal", [ProviderError("no_numbers_available"), ProviderError("provider_error")])
def test_after_a_refusal_the_key_may_be_used_again(caller, provider, refusal):
    provider.before["order"] = refusal
    assert caller.buy(**with_key())[0] == 422
    provider.before.clear()
    assert caller.buy({"service": "telegram", "country": "us"}, **with_key())[0] == 201


def test_an_accepted_one_is_the_same_order_when_repeated(caller, provider):
    provider.after["order"] = OutcomeUnknown()
    first = caller.buy(**with_key())
    again = caller.buy(**with_key())
    assert (first[0], again[0], again[1]["data"]["id"]) == (202, 201, first[1]["data"]["id"])
    assert again[1]["data"]["phone"] == "+12025551000"
    assert (Activation.objects.count(), purse(caller.buyer)) == (1, (FUNDS, PRICE))


def test_an_accepted_one_that_came_to_nothing_is_a_no_and_not_a_number(caller, provider):
    provider.before["order"] = OutcomeUnknown()
    assert caller.buy(**with_key())[0] == 202
    assert caller.buy(**with_key())[1]["error"] == "provider_error"
    provider.before.clear()
    assert caller.buy(**with_key())[0] == 201
    assert purse(caller.buyer) == (FUNDS, PRICE)


def test_two_customers_may_use_the_same_key(caller):
    other = Caller(name="Other")
    assert caller.ordered(**with_key())["id"] != other.ordered(**with_key())["id"]


def test_when_the_door_has_forgotten_a_crashed_request_the_order_is_found(caller, provider):
    order = caller.ordered(**with_key())
    IdempotencyKey.objects.all().delete()  # the answer was never stored
    assert caller.ordered(**with_key())["id"] == order["id"]
    assert provider.calls == ["order"]


# --- Lists ------------------------------------------------------------------------------------------------------


@pytest.fixture
def history(caller):
    """Seven orders, oldest first: the second is completed, the third canceled, the fourth expired."""
    orders = [caller.ordered() for _ in range(7)]
    sms(orders[1])
    caller.post(f"/{orders[2]['id']}/cancel")
    over(orders[3])
    caller.get(f"/{orders[3]['id']}/check-sms")
    return orders


def ids(answer):
    status, body = answer
    assert status == 200, body
    return [row["id"] for row in body["data"]]


def test_lists_are_newest_first_in_pages(caller, history):
    expected = [order["id"] for order in reversed(history)]
    first = caller.get("?limit=3")
    meta = first[1]["meta"]
    second = caller.get(f"?limit=3&cursor={meta['next_cursor']}")
    third = caller.get(f"?limit=3&cursor={second[1]['meta']['next_cursor']}")
    assert ids(first) + ids(second) + ids(third) == expected
    assert (meta["previous_cursor"], third[1]["meta"]["next_cursor"]) == (None, None)
    assert ids(caller.get(f"?limit=3&cursor={third[1]['meta']['previous_cursor']}")) == expected[3:6]


def test_pages_stay_where_they_are_while_orders_come_in(caller, history):
    first = caller.get("?limit=3")
    caller.ordered()
    second = caller.get(f"?limit=3&cursor={first[1]['meta']['next_cursor']}")
    assert ids(second) == [history[index]["id"] for index in (3, 2, 1)]


FILTERS = {
    "status=completed": [1],
    "status=canceled": [2],
    "status=expired": [3],
    "status=failed": [],
    "status=pending": [6, 5, 4, 0],
    "service=telegram&status=completed": [1],
    "service=nothing": [],
    "country=US&status=canceled": [2],
    "country=GB": [],
    "phone=%2B12025551001": [1],
    "phone=+12025551001": [1],
    "phone=12025551001": [1],
    "since=2000-01-01T00:00:00Z&status=completed": [1],
    "until=2000-01-01T00:00:00Z": [],
    "since=0001-01-02T00:00:00%2B14:00&until=9999-12-30T23:59:59-14:00&status=completed": [1],
    "unknown=1&status=completed": [1],
}


def test_lists_are_filtered(caller, history):
    found = {query: ids(caller.get(f"?{query}")) for query in FILTERS}
    assert found == {query: [history[index]["id"] for index in indexes] for query, indexes in FILTERS.items()}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=nothing", "status"),
        ("status=completed%20", "status"),
        ("phone=" + "1" * 40, "phone"),
        ("since=yesterday", "since"),
        ("since=2024-13-01T00:00:00Z", "since"),
        ("until=1e999", "until"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("limit=1.5", "limit"),
        ("limit=%D9%A3", "limit"),
        ("limit=" + "9" * 30, "limit"),
        ("cursor=garbage", "cursor"),
        ("cursor=%F0%9F%8E%89", "cursor"),
        ("cursor=cD1hYmM%3D", "cursor"),  # p=abc
        ("cursor=cD1hYmM", "cursor"),
        ("cursor=bz0tMQ%3D%3D", "cursor"),  # o=-1
        ("cursor=cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "cursor"),  # p=999…
        ("cursor=cD0xJzsgRFJPUCBUQUJMRSB4", "cursor"),  # p=1'; DROP TABLE x
        ("cursor=cD0AAA%3D%3D", "cursor"),  # NUL
    ],
)
def test_what_cannot_be_asked_of_a_list_is_422(caller, query, field):
    status, body = caller.get(f"?{query}")
    assert (status, body["error"], list(body["errors"])) == (422, "validation_failed", [field])


@pytest.mark.parametrize("limit", [101, 1000, 999_999_999])
def test_a_page_holds_a_hundred_at_most(caller, limit):
    assert caller.get(f"?limit={limit}")[1]["meta"]["limit"] == 100


def test_past_the_end_there_is_nothing(caller):
    assert caller.get() == (200, {"data": [], "meta": {"next_cursor": None, "previous_cursor": None, "limit": 50}})


def test_a_list_costs_the_same_queries_however_long(caller, history, django_assert_max_num_queries):
    with django_assert_max_num_queries(3):
        assert len(ids(caller.get())) == 7


def test_a_check_costs_few_queries_however_many_sms(provider, django_assert_max_num_queries):
    make_fake_offer(multiple_sms=True)
    caller = Caller()
    order = caller.ordered()
    for number in range(10):
        sms(order, message_id=str(number))
    caller.get()
    with django_assert_max_num_queries(3):
        assert len(caller.get(f"/{order['id']}/check-sms")[1]["data"]["messages"]) == 10


# --- For whom ------------------------------------------------------------------------------------------------------


def every_endpoint(order):
    return [
        ("POST", "/buy", WANTED),
        ("GET", "", None),
        ("GET", f"/{order['id']}", None),
        ("GET", f"/{order['id']}/check-sms", None),
        ("POST", f"/{order['id']}/cancel", None),
    ]


def test_without_a_key_nothing_is_answered(caller):
    for method, path, body in every_endpoint(caller.ordered()):
        response = Client().generic(method, f"{BASE}{path}", json.dumps(body), "application/json")
        assert told(response) == (401, {"message": "API key is required.", "error": "api_key_required"})


@pytest.mark.parametrize("key", ["", "sgk_", "sgk_live_wrong", "x" * 5000, "sgk_\u00e9"])
def test_with_a_wrong_key_nothing_is_answered(caller, key):
    for method, path, body in every_endpoint(caller.ordered()):
        status, answer = told(caller.request(method, path, body, headers={"X-API-Key": key}))
        assert (status, answer["message"]) in {(401, "Invalid API key."), (401, "API key is required.")}


def test_with_a_revoked_key_nothing_is_answered(caller):
    order = caller.ordered()
    revoke_key(key=caller.row, actor="test")
    for method, path, body in every_endpoint(order):
        assert told(caller.request(method, path, body))[0] == 401


def test_scopes_are_kept(caller):
    order = caller.ordered()
    reader = issue_key(customer=caller.customer, name="r", actor="test", scopes=[Scope.READ])[1]
    spender = issue_key(customer=caller.customer, name="s", actor="test", scopes=[Scope.ACTIVATIONS])[1]
    for method, path, body in every_endpoint(order)[::-1]:
        allowed, refused = (reader, spender) if method == "GET" else (spender, reader)
        status, answer = told(caller.request(method, path, body, headers={"X-API-Key": refused}))
        assert (status, answer["error"]) == (403, "missing_scope")
        assert caller.request(method, path, body, headers={"X-API-Key": allowed}).status_code in {200, 201, 410}


@pytest.mark.parametrize("ending", ["", "/check-sms", "/cancel"])
def test_a_strangers_activation_does_not_exist(caller, ending):
    order = caller.ordered()
    stranger = Caller(name="Stranger")
    method = "POST" if ending == "/cancel" else "GET"
    missing = (404, {"message": "Not found.", "error": "not_found"})
    assert told(stranger.request(method, f"/{order['id']}{ending}")) == missing
    for identifier in ("0", "999999999999999999", "9" * 19, "9" * 30, "-1", "abc", "1.5", "%00", "１２"):
        assert told(caller.request(method, f"/{identifier}{ending}")) == missing
    assert stranger.get()[1]["data"] == []
    assert purse(caller.buyer) == (FUNDS, PRICE)


def test_another_key_of_the_same_customer_sees_the_same(caller):
    order = caller.ordered()
    second = issue_key(customer=caller.customer, name="Second", actor="test")[1]
    assert told(caller.request("GET", f"/{order['id']}", headers={"X-API-Key": second}))[0] == 200


def test_a_suspended_customer_may_look_and_cancel_but_not_buy(caller):
    order = caller.ordered()
    Customer.objects.update(status="suspended")
    status, body = caller.buy()
    assert (status, body["error"]) == (403, "account_suspended")
    assert caller.get(f"/{order['id']}")[0] == 200
    assert caller.post(f"/{order['id']}/cancel")[0] == 200


# --- Hostile hands ---------------------------------------------------------------------------------------------------

BAD_BODIES = [
    "[]", '["telegram"]', '"telegram"', "1", "null", "true", "{", "{'service': 1}", '{"service": "telegram",}',
    '{"service": NaN}', '{"price": 1e999}', '{"service": "a\\u0000b", "country": "US"}', '{"service": "\\ud800"}',
    '{"a\\u0000": 1}', '{"service": "telegram", "service": "whatsapp", "country": "US"}', "[" * 990 + "]" * 990,
    '{"a":' * 990 + "1" + "}" * 990, b"\xff\xfe", b'{"service": "\xc3\x28"}', '{"n": ' + "9" * 5000 + "}",
]  # fmt: skip


@pytest.mark.parametrize("body", BAD_BODIES)
def test_a_body_that_is_none_is_400(caller, body):
    status, answer = caller.buy(body)
    assert (status, answer["error"]) == (400, "malformed")
    assert not Activation.objects.exists()


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "x"])
def test_an_unknown_content_type_is_415(caller, content_type):
    status, body = caller.buy("<a/>", content_type=content_type)
    assert (status, body["error"]) == (415, "unsupported_media_type")


def test_a_form_is_taken_too(caller):
    form = "application/x-www-form-urlencoded"
    assert caller.buy("service=telegram&country=US", content_type=form)[0] == 201
    assert caller.buy("service=tele%00gram&country=US", content_type=form)[0] == 400
    assert caller.buy("country=US", content_type=form)[1]["error"] == "invalid_service"


def test_a_body_without_a_content_type_is_json(caller):
    assert caller.buy(content_type="")[0] == 201


@pytest.mark.parametrize("query", ["status=%00", "cursor=%00", "a%00b=1", "phone=1%002"])
def test_a_nul_in_the_query_is_400(caller, query):
    status, body = caller.get(f"?{query}")
    assert (status, body["error"]) == (400, "malformed")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO"])
def test_other_methods_are_405(caller, method):
    order = caller.ordered()
    for _, path, _body in every_endpoint(order):
        status, body = told(caller.request(method, path, WANTED))
        assert (status, body) == (405, {"message": "Method not allowed.", "error": "method_not_allowed"})


def test_the_wrong_one_of_get_and_post_is_405(caller):
    order = caller.ordered()
    for method, path, body in every_endpoint(order):
        other = "GET" if method == "POST" else "POST"
        if path != "/buy":
            assert told(caller.request(other, path, body))[0] == 405
    assert purse(caller.buyer) == (FUNDS, PRICE)


def test_head_is_a_get_without_a_body(caller):
    order = caller.ordered()
    for path, status in (("", 200), (f"/{order['id']}", 200), (f"/{order['id']}/check-sms", 200), ("/buy", 405)):
        response = caller.request("HEAD", path)
        assert (response.status_code, response.content) == (status, b"")


def test_a_trailing_slash_changes_nothing(caller):
    order = caller.ordered()
    assert told(caller.request("POST", "/buy/", WANTED))[0] == 201
    assert caller.get(f"/{order['id']}/")[0] == 200
    assert caller.get("/")[0] == 200
    assert caller.post(f"/{order['id']}/cancel/")[0] == 200


def test_an_answer_is_json_whatever_is_accepted(caller):
    for accept in ("text/html", "application/xml", "", "*/*;q=0"):
        assert caller.request("GET", "", headers={"Accept": accept})["Content-Type"] == "application/json"


# --- At once ----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_programs_with_one_key_get_one_number(provider):
    make_fake_offer()
    caller = Caller()
    answers = together(*[lambda: caller.request("POST", "/buy", WANTED, **with_key())] * 4)
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 201
    assert set(statuses) <= {201, 409}
    assert (Activation.objects.count(), provider.calls, purse(caller.buyer)) == (1, ["order"], (FUNDS, PRICE))


def test_an_order_of_the_service_is_the_same_order(caller):
    order = buy(buyer=caller.buyer, wish=wish())
    assert ids(caller.get()) == [order.pk]


def test_a_text_that_was_erased_leaves_the_order_completed(caller):
    order = caller.ordered()
    sms(order)
    InboundMessage.objects.update(erase_after=timezone.now() - timedelta(seconds=1))
    erase_texts()
    status, body = caller.get(f"/{order['id']}/check-sms")
    assert (status, body["data"]["code"], body["data"]["status"]) == (200, None, "completed")


# --- Spend caps ----------------------------------------------------------------------------------------------


def test_a_key_at_its_cap_buys_nothing_and_is_told_why(caller):
    set_spend_cap(credential=caller.row.public_id, wallet=caller.customer.wallets.get(), daily=PRICE, monthly=None)
    order = caller.ordered()
    for settlement in ("on_delivery", "upfront"):
        status, body = caller.buy(body=WANTED | {"settlement": settlement})
        assert (status, body["error"]) == (422, "spend_cap_reached")
        assert (body["cap"], body["spent"], body["required"], body["currency"]) == (PRICE, PRICE, PRICE, "USD")
        assert body["resets_at"].endswith("T00:00:00Z")
    assert (Activation.objects.count(), purse(caller.buyer)) == (1, (FUNDS, PRICE))
    caller.post(f"/{order['id']}/cancel")
    caller.ordered()
