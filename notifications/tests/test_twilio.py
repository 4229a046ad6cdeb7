"""Twilio played on 127.0.0.1: requests are checked as Twilio documents them, and it may hang, cut or break."""

import base64
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone
from twilio.request_validator import RequestValidator

from notifications import services
from notifications.errors import ProviderRefused, TemplateNotReady
from notifications.models import Message, Sender, TemplateVersion
from notifications.services.templates import approve
from notifications.tests.factories import (
    CONTENT_SID,
    FUNDS,
    balance,
    differences,
    let_pass,
    make_draft,
    make_prices,
    make_sender,
    make_template,
    report,
    wish,
)
from notifications.twilio import TwilioClient, TwilioRefused, TwilioUnknown, is_signed, signature_of
from wallets.models import Transaction

ACCOUNT, TOKEN = f"AC{'1' * 32}", "secret-token"
SID = f"SM{'a' * 32}"


class FakeTwilio(ThreadingHTTPServer):
    """Answers as Twilio does, and keeps what it was sent. `trouble` is what goes wrong with the next POST."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults: list[str] = []
        self.posted: list[dict[str, str]] = []
        self.asked: list[str] = []
        self.messages: list[dict] = []
        self.approvals: dict[str, dict] = {}
        self.trouble = ""
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: FakeTwilio

    def do_POST(self) -> None:
        fields = {
            name: values[0]
            for name, values in parse_qs(
                self.rfile.read(int(self.headers["Content-Length"])).decode(), keep_blank_values=True
            ).items()
        }
        self.check(fields)
        self.server.posted.append(fields)
        match self.server.trouble:
            case "hang":
                self.server.released.wait(10)
            case "cut":
                self.connection.close()
            case "500":
                self.answer(500, {})
            case "html":
                self.answer(201, "<html>")
            case "endless":
                self.send_response(201)
                self.end_headers()
                while not self.server.released.wait(0.05):
                    self.wfile.write(b" ")
            case "":
                self.answer(201, self.take(fields))
            case trouble:
                status, code = trouble.split("/")
                self.answer(int(status), {"code": int(code), "message": "No", "status": int(status)})

    def do_GET(self) -> None:
        self.check({})
        self.server.asked.append(self.path)
        path = urlsplit(self.path).path
        if path.startswith("/v1/Content/"):
            self.answer(200, self.server.approvals.get(path.split("/")[3], {"whatsapp": None}))
        elif path.endswith("/Messages.json"):
            asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            found = [row for row in self.server.messages if (row["to"], row["from"]) == (asked["To"], asked["From"])]
            self.answer(200, {"messages": found})
        else:
            sid = path.rsplit("/", 1)[1].removesuffix(".json")
            found = [row for row in self.server.messages if row["sid"] == sid]
            self.answer(200, found[0]) if found else self.answer(404, {"code": 20404, "message": "No"})

    def take(self, fields: dict[str, str]) -> dict:
        body = fields.get("Body", "Your code is 123456.")
        row = {
            "sid": SID, "status": "queued", "to": fields["To"], "from": fields["From"], "body": body,
            "date_created": format_datetime(timezone.now()), "error_code": None, "price": None, "price_unit": "USD",
        }  # fmt: skip
        self.server.messages.append(row)
        return row

    def check(self, fields: dict[str, str]) -> None:
        """What Twilio requires of every request, and of a message."""
        basic = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        faults = self.server.faults
        if self.headers["Authorization"] != f"Basic {basic}":
            faults.append("not authenticated")
        if not urlsplit(self.path).path.startswith((f"/2010-04-01/Accounts/{ACCOUNT}/", "/v1/Content/HX")):
            faults.append(f"path {self.path}")
        if fields:
            whatsapp = fields["To"].startswith("whatsapp:")
            if fields["From"].startswith("whatsapp:") != whatsapp:
                faults.append("two channels")
            if ("ContentSid" in fields) == ("Body" in fields):
                faults.append("a message has a template or a body")
            if not all(isinstance(v, str) for v in json.loads(fields.get("ContentVariables", "{}")).values()):
                faults.append("variables are texts")

    def answer(self, status: int, body: object) -> None:
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(settings) -> Iterator[FakeTwilio]:
    fake = FakeTwilio()
    thread = threading.Thread(target=fake.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKENS = ACCOUNT, [TOKEN]
    settings.TWILIO_BASE_URL = settings.TWILIO_CONTENT_BASE_URL = fake.url
    settings.PUBLIC_BASE_URL = "https://api.example.com"
    settings.PROVIDER_DEADLINE_SECONDS = 0.5
    yield fake
    fake.released.set()
    fake.shutdown()
    fake.server_close()
    assert fake.faults == []


@pytest.fixture
def wanted(server, buyer):
    make_prices()
    make_sender(provider="twilio")
    return wish(make_template(buyer.customer_id, content_sid=CONTENT_SID))


def test_a_whatsapp_message_is_a_content_template_with_its_variables(server, buyer, wanted):
    message = services.send(buyer=buyer, wanted=wanted)

    assert (message.provider_message_id, message.state) == (SID, "queued")
    assert server.posted == [
        {
            "To": "whatsapp:+2348012345678",
            "From": "whatsapp:+12025550100",
            "ContentSid": CONTENT_SID,
            "ContentVariables": '{"1": "123456"}',
            "StatusCallback": f"https://api.example.com/api/webhooks/whatsapp/status?message={message.uuid}",
        }
    ]


def test_an_sms_is_its_text(server, db):
    from notifications.providers import SendRequest, provider_for

    request = SendRequest("r", "sms", "INFO", "+2348012345678", "Hello", timezone.now())

    provider_for("twilio").send(request, deadline_seconds=2)

    assert server.posted[0]["Body"] == "Hello"
    assert (server.posted[0]["To"], server.posted[0]["From"]) == ("+2348012345678", "INFO")


@pytest.mark.parametrize("trouble", ["hang", "cut", "500", "html", "endless"])
def test_no_clear_answer_keeps_the_money_and_sends_nothing_twice(server, buyer, wanted, trouble):
    server.trouble = trouble
    message = services.send(buyer=buyer, wanted=wanted)
    assert (message.dispatch, message.billing) == ("unknown", "charged")

    server.released.set()
    for _ in range(3):
        let_pass(message, seconds=20)
        services.settle_due()
        services.dispatch_due()

    message.refresh_from_db()
    assert (message.dispatch, len(server.posted)) == ("unknown", 1)
    assert balance(buyer) < FUNDS


@pytest.mark.parametrize("trouble", ["400/21656", "401/20003", "404/20404", "400/63016"])
def test_a_clear_no_is_refunded(server, buyer, wanted, trouble):
    server.trouble = trouble
    with pytest.raises(ProviderRefused):
        services.send(buyer=buyer, wanted=wanted)

    message = Message.objects.get()
    assert (message.state, message.failure, balance(buyer)) == ("failed", trouble.split("/")[1], FUNDS)


@pytest.mark.parametrize("code", [21211, 21610, 63003, 63024])
def test_a_no_about_the_recipient_is_an_outcome(server, buyer, wanted, code):
    server.trouble = f"400/{code}"

    assert services.send(buyer=buyer, wanted=wanted).state == "rejected"
    assert balance(buyer) == FUNDS


def test_too_many_requests_are_tried_again(server, buyer, wanted):
    server.trouble = "429/20429"
    message = services.send(buyer=buyer, wanted=wanted)
    assert (message.dispatch, message.billing) == ("waiting", "charged")
    server.trouble = ""

    let_pass(message, seconds=10)
    services.dispatch_due()

    message.refresh_from_db()
    assert (message.state, len(server.posted)) == ("queued", 2)


def test_no_connection_at_all_is_tried_again(server, buyer, wanted, settings):
    settings.TWILIO_BASE_URL = "http://127.0.0.1:1"
    assert services.send(buyer=buyer, wanted=wanted).dispatch == "waiting"


def test_without_an_account_nothing_is_charged_in_the_end(server, buyer, wanted, settings):
    settings.TWILIO_AUTH_TOKENS = []

    with pytest.raises(ProviderRefused):
        services.send(buyer=buyer, wanted=wanted)
    assert balance(buyer) == FUNDS


def test_a_template_twilio_does_not_know_is_not_ready(server, buyer, wanted):
    template = make_template(buyer.customer_id, name="other")

    with pytest.raises(TemplateNotReady):
        services.send(buyer=buyer, wanted=wish(template))
    assert server.posted == []


# Finding out


@pytest.fixture
def lost(server, buyer, wanted):
    """A message whose answer was cut."""
    server.trouble = "cut"
    message = services.send(buyer=buyer, wanted=wanted)
    server.trouble = ""
    return message


def listed(message, **facts) -> dict:
    return {
        "sid": SID, "status": "sent", "to": f"whatsapp:{message.to}", "from": "whatsapp:+12025550100",
        "body": message.body, "date_created": format_datetime(message.called_at), "price": None, "price_unit": "USD",
        "error_code": None,
    } | facts  # fmt: skip


def settle(message, **ago) -> Message:
    message = let_pass(message, **ago)
    services.settle_due()
    message.refresh_from_db()
    return message


def test_the_one_message_with_that_text_at_that_time_is_it(server, lost):
    server.messages = [listed(lost)]

    found = settle(lost, seconds=20)

    assert (found.provider_message_id, found.state, found.dispatch) == (SID, "sent", "done")


@pytest.mark.parametrize("trouble", ["two", "other text", "another message's", "not a list"])
def test_what_is_not_proven_stays_unknown(server, buyer, lost, wanted, trouble):
    server.messages = {
        "two": [listed(lost), listed(lost, sid=f"SM{'b' * 32}")],
        "other text": [listed(lost, body="Hello")],
        "another message's": [listed(lost)],
        "not a list": [listed(lost, date_created=None, body="x")],
    }[trouble]
    if trouble == "another message's":
        other = services.send(buyer=buyer, wanted=wish(lost.template, to="+2348012345600"))
        assert other.provider_message_id == SID

    assert settle(lost, seconds=20).dispatch == "unknown"
    assert lost.billing == "charged"


def test_nothing_listed_is_a_no_only_long_after_the_call(server, buyer, lost):
    assert settle(lost, minutes=14).dispatch == "unknown"

    over = settle(lost, minutes=2)

    assert (over.state, over.failure, over.billing, balance(buyer)) == ("failed", "not_taken", "refunded", FUNDS)
    assert len(server.posted) == 1


def test_a_message_from_long_before_is_not_it(server, lost):
    server.messages = [listed(lost, date_created=format_datetime(lost.called_at - timedelta(hours=2)))]

    assert settle(lost, minutes=5).dispatch == "unknown"


def test_the_callback_proves_whose_message_it_is(server, lost):
    services.receive_report(sid=SID, status="delivered", reference=str(lost.uuid))

    lost.refresh_from_db()
    assert (lost.state, lost.provider_message_id) == ("delivered", SID)


def test_the_cost_is_what_twilio_took(server, buyer, wanted):
    message = services.send(buyer=buyer, wanted=wanted)
    report(message, "delivered")
    settle(message, minutes=5)
    assert not Transaction.objects.filter(kind="provider_cost").exists()
    server.messages[0] |= {"price": "-0.00500", "status": "delivered"}

    message = settle(message, minutes=30)

    booked = Transaction.objects.get(kind="provider_cost")
    assert (message.cost, message.cost_currency) == (Decimal("0.005"), "USD")
    assert (booked.credit.code, booked.amount, booked.currency) == ("payable:twilio", Decimal("0.005"), "USD")
    assert differences() == []


@pytest.mark.parametrize(("price", "unit"), [("NaN", "USD"), ("x", "USD"), ("-0.1", "DOLLAR"), (None, "USD")])
def test_an_absurd_price_is_no_price(server, buyer, wanted, price, unit):
    message = services.send(buyer=buyer, wanted=wanted)
    report(message, "delivered")
    server.messages[0] |= {"price": price, "price_unit": unit, "status": "delivered"}

    assert settle(message, minutes=5).cost is None


# Templates at WhatsApp


@pytest.mark.parametrize(
    ("before", "said", "after"),
    [
        ("submitted", "approved", "approved"), ("submitted", "rejected", "rejected"),
        ("submitted", "pending", "submitted"), ("approved", "paused", "paused"), ("approved", "disabled", "disabled"),
        ("approved", "approved", "approved"), ("approved", "unsubmitted", "approved"),
    ],
)  # fmt: skip
def test_whatsapps_own_verdict_is_followed(server, buyer, before, said, after):
    version = services.submit(template=make_draft(buyer.customer_id))
    if before == "approved":
        version = approve(version=version, actor="staff:ann", provider_template_id=CONTENT_SID)
    else:
        services.hand_to_provider(version=version, provider_template_id=CONTENT_SID)
    server.approvals[CONTENT_SID] = {"whatsapp": {"status": said, "rejection_reason": "Too pushy"}}

    assert services.ask_providers() == 1
    assert services.ask_providers() == 0

    version.refresh_from_db()
    assert version.status == after
    assert version.reason == ("Too pushy" if after in {"rejected", "paused", "disabled"} else "")


def test_what_staff_paused_stays_paused_and_what_whatsapp_paused_comes_back(server, buyer):
    by_staff, by_whatsapp = (
        make_template(buyer.customer_id, content_sid=f"HX{n:032x}", name=f"t{n}").versions.get() for n in (1, 2)
    )
    services.pause(version=by_staff, reason="Complaints", actor="staff:ann")
    services.pause(version=by_whatsapp, reason="Low quality", actor="provider:twilio")
    for n in (1, 2):
        server.approvals[f"HX{n:032x}"] = {"whatsapp": {"status": "approved"}}

    services.ask_providers()

    statuses = dict(TemplateVersion.objects.values_list("template__name", "status"))
    assert statuses == {"t1": "paused", "t2": "approved"}


# The client and signatures


def test_a_refusal_says_whether_to_try_again():
    assert TwilioRefused(400, 21211, "").permanent
    assert not TwilioRefused(429, 20429, "").permanent
    assert not TwilioRefused(503, 0, "no connection").permanent


def test_a_client_never_shows_its_token(server):
    assert TOKEN not in repr(TwilioClient(ACCOUNT, TOKEN, server.url))


def test_an_answer_without_a_number_is_still_a_no(server):
    client = TwilioClient(ACCOUNT, TOKEN, server.url)
    with pytest.raises(TwilioRefused):
        client.get("Messages/SM404", {}, deadline_seconds=2)
    server.trouble = "500"
    with pytest.raises(TwilioUnknown):
        client.post("Messages", {"To": "a", "From": "b", "Body": "c"}, deadline_seconds=2)


@pytest.mark.parametrize(
    "fields",
    [{}, {"A": "1"}, {"b": "2", "A": "ü€"}, {"MessageSid": SID, "Body": "a&b=c", "Empty": ""}],
)
@pytest.mark.parametrize("path", ["/x", "/x?message=1&b=%20", "/x/"])
def test_our_signature_is_that_of_twilios_own_library(settings, fields, path):
    settings.TWILIO_AUTH_TOKENS, settings.PUBLIC_BASE_URL = [TOKEN], "https://api.example.com"
    url = f"https://api.example.com{path}"
    theirs = RequestValidator(TOKEN).compute_signature(url, fields)
    lists = {name: [value] for name, value in fields.items()}

    assert signature_of(TOKEN, url, lists) == theirs
    assert is_signed(theirs, path, lists)
    assert not is_signed(theirs, f"{path}x", lists)
    assert not is_signed(None, path, lists)


@pytest.mark.parametrize("base", ["https://api.example.com", "https://api.example.com:443", "http://h:8080"])
@pytest.mark.parametrize("signed", ["with", "without"])
def test_the_port_may_be_signed_or_not_as_twilios_library_allows(settings, base, signed):
    settings.TWILIO_AUTH_TOKENS, settings.PUBLIC_BASE_URL = [TOKEN], base
    parts = urlsplit(base)
    port = f":{parts.port or 443}" if signed == "with" else ""
    signature = RequestValidator(TOKEN).compute_signature(f"{parts.scheme}://{parts.hostname}{port}/x", {})

    assert RequestValidator(TOKEN).validate(f"{base}/x", {}, signature)
    assert is_signed(signature, "/x", {})


def test_senders_of_twilio_need_no_sandbox(server, buyer, wanted, settings):
    settings.SANDBOX = False
    assert Sender.objects.get().provider == "twilio"
    assert services.send(buyer=buyer, wanted=wanted).state == "queued"
