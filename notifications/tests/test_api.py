"""The native wire: printed examples byte by byte, every refusal, hostile input, and the webhook with its signature."""

import json
from decimal import Decimal

import pytest
from django.test import Client
from twilio.request_validator import RequestValidator

from apikeys.tests.factories import make_key
from notifications import services
from notifications.models import DeliveryReport, Message, Sender
from notifications.providers import ProviderError
from notifications.tests import factories
from notifications.tests.factories import TO, UNKNOWN, customer_of, make_draft, make_template, report
from wallets.services import deposit, open_wallet

V1 = "/api/developer/v1"
SEND = f"{V1}/notifications/send"
WEBHOOK = "/api/webhooks/whatsapp/status"
TOKEN = "12345678901234567890123456789012"
PRINTED_KEYS = [
    "id", "template_id", "message_sid", "status", "to", "unit_price_ngn", "quantity", "charged_amount_ngn",
    "billing_status",
]  # fmt: skip
HIDDEN = ("fake", "twilio", "sandbox", "cost", "profit", "provider", "margin")


class Api:
    def __init__(self, key: str) -> None:
        self.client = Client(headers={"X-API-Key": key})

    def get(self, path: str, **query):
        return self.client.get(path, query)

    def post(self, path: str, body=None, **options):
        text = body if isinstance(body, str | bytes) else json.dumps(body or {})
        return self.client.post(path, text, content_type="application/json", **options)

    def send(self, template, to: str = TO, **options):
        body = {"template_id": template.pk, "to": to, "variables": {"1": "123456"}}
        return self.post(SEND, body, **options)


@pytest.fixture
def api(buyer) -> Api:
    return Api(make_key(customer_of(buyer))[1])


@pytest.fixture
def stranger(db) -> Api:
    return Api(make_key(customer_of(factories.make_buyer(name="Stranger")))[1])


def test_the_printed_example_of_send(provider, buyer, template):
    ngn = open_wallet(customer=customer_of(buyer), currency="NGN")
    deposit(wallet=ngn, amount=Decimal(100), reference="ngn")
    api = Api(make_key(customer_of(buyer), wallet=ngn)[1])

    answer = api.post(SEND, {"template_id": template.pk, "to": "+2348012345678", "variables": {"1": "123456"}})

    message = Message.objects.get()
    assert answer.status_code == 201
    assert answer.content.decode() == (
        '{"message": "WhatsApp notification queued successfully.", "data": {'
        f'"id": {message.pk}, "template_id": {template.pk}, "message_sid": "SM{0:032x}", "status": "queued", '
        '"to": "+2348012345678", "unit_price_ngn": 20, "quantity": 1, "charged_amount_ngn": 20, '
        '"billing_status": "charged"}}'
    )


def test_the_printed_example_of_the_history(provider, api, template):
    api.send(template)
    report(Message.objects.get(), "delivered")

    row = api.get(f"{V1}/notifications/messages").json()["data"][0]

    assert list(row)[:9] == PRINTED_KEYS
    assert (row["status"], row["billing_status"], row["charged_amount_ngn"]) == ("delivered", "charged", 20)


def test_no_answer_names_the_provider_or_its_cost(provider, api, buyer, template):
    api.send(template)
    message = Message.objects.get()
    report(message, "undelivered", "63024")
    Message.objects.update(cost=1, cost_currency="USD")

    paths = ("notifications/messages", f"notifications/messages/{message.pk}", "templates", f"templates/{template.pk}")
    for path in (*paths, "senders", "wallet/transactions", "transactions"):
        answer = api.get(f"{V1}/{path}")
        assert answer.status_code == 200
        assert not [word for word in HIDDEN if word in answer.content.decode().lower()], path


@pytest.mark.parametrize("status", ["failed", "undelivered"])
def test_a_refunded_message_says_so(provider, api, template, status):
    api.send(template)
    report(Message.objects.get(), status)

    row = api.get(f"{V1}/notifications/messages").json()["data"][0]

    assert (row["status"], row["billing_status"], row["charged_amount_ngn"]) == (status, "refunded", 20)


def test_a_form_sends_the_same(provider, api, template):
    fields = {"template_id": str(template.pk), "to": TO}
    as_json = api.client.post(SEND, fields | {"variables": '{"1": "654321"}'})
    as_fields = api.client.post(SEND, fields | {"variables[1]": "654321"})

    # Django's test client posts multipart, which is no body of ours.
    assert (as_json.status_code, as_fields.status_code) == (415, 415)
    form = "application/x-www-form-urlencoded"
    for body in (f"template_id={template.pk}&to=%2B2348012345678&variables[1]=654321",
                 f"template_id={template.pk}&to=%2B2348012345678&variables=%7B%221%22%3A%22654321%22%7D"):  # fmt: skip
        assert api.client.post(SEND, body, content_type=form).status_code == 201
    assert set(Message.objects.values_list("body", flat=True)) == {"Your code is 654321."}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["template_id", "to"]),
        ({"template_id": "x", "to": TO}, ["template_id"]),
        ({"template_id": 10**30, "to": TO}, ["template_id"]),
        ({"template_id": 0, "to": TO}, ["template_id"]),
        ({"template_id": True, "to": TO}, ["template_id"]),
        ({"template_id": 1.5, "to": TO}, ["template_id"]),
        ({"template_id": 1, "to": 2348012345678}, ["to"]),
        ({"template_id": 1, "to": None}, ["to"]),
        ({"template_id": 1, "to": "+" + "1" * 400}, ["to"]),
        ({"template_id": 1, "to": TO, "variables": "x"}, ["variables"]),
        ({"template_id": 1, "to": TO, "variables": ["x"]}, ["variables"]),
        ({"template_id": 1, "to": TO, "variables": None}, ["variables"]),
        ({"template_id": 1, "to": TO, "variables": {"1": 123456}}, ["variables"]),
        ({"template_id": 1, "to": TO, "variables": {"name": "x"}}, ["variables"]),
        ({"template_id": 1, "to": TO, "variables": {"１": "x"}}, ["variables"]),
        ({"template_id": 1, "to": TO, "variables": {"1": {"2": "x"}}}, ["variables"]),
        ({"template_id": 999_999, "to": "nonsense\n", "variables": {"1": "x"}}, ["to", "template_id"]),
    ],
)
def test_bad_fields_are_named(provider, api, body, fields):
    answer = api.post(SEND, body)

    assert (answer.status_code, answer.json()["error"]) == (422, "validation_failed")
    assert list(answer.json()["errors"]) == fields


@pytest.mark.parametrize(
    "body",
    [b"[1]", b"{", b'{"to": NaN}', b'{"to": 1e999}', b"[" * 990 + b"]" * 990, b'{"to": "1", "to": "2"}', b"\xff",
     b'{"template_id": 1, "to": "+2348012345678", "variables": {"1": "\\u0000"}}'],
)  # fmt: skip
def test_a_malformed_body_is_400(provider, api, body):
    answer = api.post(SEND, body)

    assert (answer.status_code, answer.json()["error"]) == (400, "malformed")


def test_a_missing_variable_is_named(provider, api, template):
    answer = api.post(SEND, {"template_id": template.pk, "to": TO})

    assert answer.status_code == 422
    assert answer.json()["errors"] == {"variables.1": ["The template needs a value for {{1}}."]}


def test_a_template_that_is_not_approved_is_not_ready(provider, api, buyer):
    answer = api.send(make_draft(buyer.customer_id))

    assert answer.status_code == 422
    assert answer.json() == {"message": "Template not ready for dispatch", "error": "template_not_ready"}


def test_an_empty_wallet_is_told_what_is_missing(provider, db):
    poor = factories.make_buyer(Decimal(0))
    answer = Api(make_key(customer_of(poor))[1]).send(make_template(poor.customer_id))

    assert answer.status_code == 422
    assert answer.json() == {
        "message": "Insufficient balance", "error": "insufficient_balance", "required": 0.0125, "available": 0,
        "currency": "USD",
    }  # fmt: skip


def test_a_send_in_flight_is_429_with_retry_after(provider, api, template):
    answers = []

    def second() -> None:
        provider.before = None
        answers.append(api.send(template))

    provider.before = second
    assert api.send(template).status_code == 201

    (busy,) = answers
    assert (busy.status_code, busy["Retry-After"]) == (429, "1")
    assert busy.json() == {"message": "Send in progress", "error": "send_in_progress"}


def test_an_unknown_outcome_is_202_and_repeating_tells_more(provider, api, template):
    provider.after = UNKNOWN
    first = api.send(template, headers={"Idempotency-Key": "k"})
    assert (first.status_code, first.json()["data"]["message_sid"], first.json()["data"]["status"]) == (
        202, None, "queued",
    )  # fmt: skip

    again = api.send(template, headers={"Idempotency-Key": "k"})

    assert (again.status_code, again.json()["data"]["id"]) == (201, first.json()["data"]["id"])
    assert again.json()["data"]["message_sid"] == f"SM{0:032x}"
    assert api.send(template, headers={"Idempotency-Key": "k"})["Idempotency-Replay"] == "true"
    assert len(provider.requests) == 1


def test_the_providers_no_is_422(provider, api, template):
    provider.before = ProviderError("20003")

    answer = api.send(template)

    assert answer.status_code == 422
    assert answer.json()["error"] == "provider_error"


def test_a_recipient_who_opted_out_is_an_outcome(provider, api, template):
    provider.before = ProviderError("63024", about_recipient=True)

    answer = api.send(template)

    assert answer.status_code == 201
    assert (answer.json()["data"]["status"], answer.json()["data"]["billing_status"]) == ("failed", "refunded")


def test_a_key_of_test_mode_sends_free(provider, buyer, template):
    answer = Api(make_key(customer_of(buyer), mode="test")[1]).send(template)

    data = answer.json()["data"]
    assert (answer.status_code, data["billing_status"], data["charged_amount_ngn"]) == (201, "free", 0)
    assert data["message_sid"].startswith("SM")
    assert len(data["message_sid"]) == 34


def test_every_path_asks_for_a_key_its_scope_and_an_active_customer(provider, buyer, template):
    customer = customer_of(buyer)
    reader = Api(make_key(customer, scopes=["read"])[1])
    posts = (SEND, f"{V1}/templates", f"{V1}/templates/{template.pk}/versions", f"{V1}/templates/{template.pk}/submit",
             f"{V1}/senders")  # fmt: skip
    for path in posts:
        assert Client().post(path, "{}", content_type="application/json").status_code == 401
        assert reader.post(path).status_code == 403
    customer.status = "suspended"
    customer.save()
    refused = Api(make_key(customer)[1]).send(template)
    assert (refused.status_code, refused.json()["error"]) == (403, "account_suspended")


def test_a_stranger_sees_nothing(provider, api, stranger, template):
    api.send(template)
    message = Message.objects.get()

    assert stranger.get(f"{V1}/notifications/messages").json()["data"] == []
    assert stranger.get(f"{V1}/templates").json()["data"] == []
    for path in (f"notifications/messages/{message.pk}", f"templates/{template.pk}"):
        assert stranger.get(f"{V1}/{path}").status_code == 404
    for path in ("submit", "versions"):
        body = {"category": "utility", "body": "x"}
        assert stranger.post(f"{V1}/templates/{template.pk}/{path}", body).status_code == 404
    assert stranger.send(template).json()["errors"] == {"template_id": ["There is no such template."]}


def test_the_history_is_paged_newest_first_and_filtered(provider, api, template):
    for number in range(5):
        api.send(template, to=f"+234801234560{number}")
    first, *_, last = Message.objects.order_by("id")
    report(first, "failed")
    history = f"{V1}/notifications/messages"

    page = api.get(history, limit=3).json()
    rest = api.get(history, limit=3, cursor=page["meta"]["next_cursor"]).json()

    assert [row["id"] for row in (*page["data"], *rest["data"])] == list(range(last.pk, first.pk - 1, -1))
    only = {"status": "failed", "billing_status": "refunded", "to": first.to, "message_sid": first.provider_message_id}
    for name, value in only.items():
        assert [row["id"] for row in api.get(history, **{name: value}).json()["data"]] == [first.pk]
    assert len(api.get(history, template_id=template.pk).json()["data"]) == 5


@pytest.mark.parametrize(
    "query",
    [{"status": "lost"}, {"billing_status": "x"}, {"limit": "0"}, {"limit": "x"}, {"template_id": "1e999"},
     {"template_id": "9" * 30}, {"since": "yesterday"}],
)  # fmt: skip
def test_a_filter_that_means_nothing_is_422(provider, api, query):
    assert api.get(f"{V1}/notifications/messages", **query).status_code == 422


# Templates and senders


def test_a_template_from_draft_to_approved(provider, api, buyer):
    words = {"name": "code", "category": "authentication", "body": "Code: {{1}}", "examples": {"1": "123456"}}
    made = api.post(f"{V1}/templates", words)
    path = f"{V1}/templates/{made.json()['data']['id']}"
    assert (made.status_code, made.json()["data"]["status"]) == (201, "draft")

    submitted = api.post(f"{path}/submit").json()["data"]
    assert submitted["status"] == "submitted"
    assert api.post(f"{path}/submit").json()["data"]["status"] == "submitted"
    from notifications.models import TemplateVersion

    services.approve(version=TemplateVersion.objects.get(), actor="staff:ann")

    shown = api.get(path).json()["data"]
    assert (shown["status"], shown["version"], shown["body"], shown["reason"]) == ("approved", 1, "Code: {{1}}", None)
    refused = api.post(f"{path}/submit")
    assert (refused.status_code, refused.json()["error"]) == (409, "wrong_state")


def test_an_edit_is_a_new_version(provider, api, template):
    edited = api.post(f"{V1}/templates/{template.pk}/versions", {"category": "utility", "body": "New"})

    data = edited.json()["data"]
    assert edited.status_code == 201
    assert (data["status"], data["version"], data["latest_status"], data["latest_version"]) == (
        "approved", 1, "draft", 2,
    )  # fmt: skip
    assert [version["body"] for version in data["versions"]] == ["New", "Your code is {{1}}."]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Has Spaces"}, "name"), ({"name": ""}, "name"), ({"name": "x" * 101}, "name"),
        ({"language": "english"}, "language"), ({"category": "spam"}, "category"), ({"body": ""}, "body"),
        ({"body": "x" * 1025}, "body"), ({"body": "{{2}}"}, "body"), ({"body": "{{name}}"}, "body"),
        ({"body": "{{1}} {{"}, "body"), ({"body": "{{01}}"}, "body"), ({"body": 1}, "body"),
        ({"examples": {"2": "x"}}, "examples"), ({"examples": {"1": 1}}, "examples"), ({"examples": "x"}, "examples"),
    ],
)  # fmt: skip
def test_a_bad_template_is_refused_by_field(provider, api, change, field):
    words = {"name": "code", "category": "authentication", "body": "Code: {{1}}", "examples": {"1": "1"}}

    answer = api.post(f"{V1}/templates", words | change)

    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]


def test_a_name_is_taken_once(provider, api, template):
    answer = api.post(f"{V1}/templates", {"name": "code", "category": "utility", "body": "x"})

    assert answer.json()["errors"] == {"name": ["There is a template of this name and language."]}


def test_a_template_is_submitted_with_its_examples(provider, api):
    made = api.post(f"{V1}/templates", {"name": "code", "category": "utility", "body": "Code: {{1}}"}).json()["data"]

    answer = api.post(f"{V1}/templates/{made['id']}/submit")

    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["examples.1"])


def test_a_sender_is_requested_once_and_decided_by_staff(provider, api, stranger):
    first = api.post(f"{V1}/senders", {"channel": "whatsapp", "address": "+12025550199"})
    again = api.post(f"{V1}/senders", {"channel": "whatsapp", "address": "+12025550199"})

    assert (first.status_code, first.json()["data"]["status"], first.json()["data"]["is_house"]) == (
        201, "requested", False,
    )  # fmt: skip
    assert again.json() == first.json()
    assert [row["is_house"] for row in api.get(f"{V1}/senders").json()["data"]] == [False, True]
    assert [row["is_house"] for row in stranger.get(f"{V1}/senders").json()["data"]] == [True]


@pytest.mark.parametrize(
    ("channel", "address"),
    [("whatsapp", "INFO"), ("sms", "A name that is too long"), ("sms", "12"), ("sms", "INFO\n"), ("email", "a@b\n"),
     ("email", "x" * 300 + "@example.com"), ("fax", "1"), ("", ""), ("whatsapp", "+1202555019９")],
)  # fmt: skip
def test_a_bad_sender_is_refused(provider, api, channel, address):
    assert api.post(f"{V1}/senders", {"channel": channel, "address": address}).status_code == 422
    assert Sender.objects.count() == 1


# The webhook


def post_status(fields, *, token=TOKEN, path=WEBHOOK, base="https://api.example.com", signature=None, **options):
    """As Twilio does, signed by its own library."""
    signed = signature if signature is not None else RequestValidator(token).compute_signature(base + path, fields)
    headers = {"X-Twilio-Signature": signed} if signed else {}
    from urllib.parse import urlencode

    form = "application/x-www-form-urlencoded"
    return Client().post(path, urlencode(fields, doseq=True), content_type=form, headers=headers, **options)


@pytest.fixture
def twilio(settings):
    settings.TWILIO_AUTH_TOKENS = [TOKEN]
    settings.PUBLIC_BASE_URL = "https://api.example.com"


def said(message, status: str, **more: str) -> dict[str, str]:
    return {"MessageSid": message.provider_message_id, "MessageStatus": status, "AccountSid": "AC1", **more}


def test_the_printed_answer_of_the_webhook(twilio, sent):
    answer = post_status(said(sent, "delivered"))

    sent.refresh_from_db()
    assert (answer.status_code, answer.content.decode()) == (200, '{"message": "ok"}')
    assert sent.state == "delivered"


def test_a_failure_refunds_once_however_often_it_is_told(twilio, buyer, sent):
    for _ in range(3):
        assert post_status(said(sent, "failed", ErrorCode="63016")).status_code == 200

    sent.refresh_from_db()
    assert (sent.state, sent.billing, sent.failure) == ("failed", "refunded", "63016")
    assert factories.balance(buyer) == factories.FUNDS
    assert DeliveryReport.objects.get().times == 3


def test_an_unknown_sid_is_parked(twilio, db):
    answer = post_status({"MessageSid": "SM404", "MessageStatus": "sent"})

    assert (answer.status_code, answer.json()) == (200, {"message": "ok"})
    assert DeliveryReport.objects.get().effect == "parked"


@pytest.mark.parametrize("trouble", [
    {"signature": ""}, {"signature": "x"}, {"signature": "ü"}, {"token": "another"}, {"base": "https://evil.example"},
])  # fmt: skip
def test_only_twilio_is_believed(twilio, sent, trouble):
    answer = post_status(said(sent, "failed"), **trouble)

    sent.refresh_from_db()
    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
    assert sent.state == "queued"
    assert not DeliveryReport.objects.exists()


@pytest.mark.parametrize("tokens", [[], [""]])
def test_without_a_configured_token_nobody_is(twilio, sent, settings, tokens):
    settings.TWILIO_AUTH_TOKENS = tokens

    assert post_status(said(sent, "failed"), token="").status_code == 403


def test_two_tokens_hold_while_one_is_rotated(twilio, sent, settings):
    settings.TWILIO_AUTH_TOKENS = ["new", TOKEN]

    assert post_status(said(sent, "sent")).status_code == 200
    assert post_status(said(sent, "delivered"), token="new").status_code == 200


def test_the_signature_covers_the_fields_and_the_query(twilio, sent):
    path = f"{WEBHOOK}?message={sent.uuid}"
    assert post_status(said(sent, "sent"), path=path).status_code == 200
    signature = RequestValidator(TOKEN).compute_signature(f"https://api.example.com{WEBHOOK}", said(sent, "sent"))

    assert post_status(said(sent, "failed"), signature=signature).status_code == 403
    assert post_status(said(sent, "sent"), path=path, signature=signature).status_code == 403


def test_twilio_may_sign_with_the_port(twilio, sent):
    assert post_status(said(sent, "sent"), base="https://api.example.com:443").status_code == 200


def test_a_slash_at_the_end_is_signed_as_it_was_called(twilio, sent):
    assert post_status(said(sent, "sent"), path=f"{WEBHOOK}/").status_code == 200


@pytest.mark.parametrize(
    "fields",
    [{"MessageSid": "SM1"}, {"MessageStatus": "sent"}, {"MessageSid": "x" * 65, "MessageStatus": "sent"},
     {"MessageSid": "SM1\n", "MessageStatus": "sent"}, {"MessageSid": "SM1", "MessageStatus": "SENT!"}],
)  # fmt: skip
def test_fields_that_are_missing_or_bad_are_422(twilio, db, fields):
    answer = post_status(fields)

    assert (answer.status_code, answer.json()["error"]) == (422, "validation_failed")


def test_a_body_that_is_no_form_is_not_believed(twilio, sent):
    body = json.dumps(said(sent, "failed"))
    signature = RequestValidator(TOKEN).compute_signature(f"https://api.example.com{WEBHOOK}", {})

    answer = Client().post(WEBHOOK, body, content_type="application/json", headers={"X-Twilio-Signature": signature})

    assert answer.status_code == 403


def test_other_methods_are_405(twilio, db):
    assert Client().get(WEBHOOK).status_code == 405
