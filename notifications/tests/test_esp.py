"""E-mail by an e-mail service: anymail's Mailgun backend against a server of ours, and its webhooks."""

import contextlib
import hashlib
import hmac
import json
import threading
import time
import uuid
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.test import Client
from django.urls import path
from django.utils import timezone

from notifications.api.mail_webhooks import esp_webhooks
from notifications.models import Channel, Message, Suppression
from notifications.providers import OutcomeUnknown, ProviderError, SendRequest
from notifications.providers.esp import EspProvider, fitting_id
from wallets.models import Event

urlpatterns = [path("nothing", lambda request: None)]


class FakeMailgun:
    """Answers as Mailgun does, after `delay`."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.status, self.delay = 200, 0.0
        self.answer = {"id": "<2026.1@mg.example.com>", "message": "Queued. Thank you."}

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        self.bodies.append(handler.rfile.read(int(handler.headers["Content-Length"])))
        time.sleep(self.delay)
        body = json.dumps(self.answer).encode()
        handler.send_response(self.status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        with contextlib.suppress(BrokenPipeError):  # who asked may be gone
            handler.wfile.write(body)


@pytest.fixture
def mailgun(settings):
    fake = FakeMailgun()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            fake.take(self)

        def log_message(self, *said) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    settings.EMAIL_ESP = "mailgun"
    settings.ANYMAIL = {
        "MAILGUN_API_KEY": "key-1", "MAILGUN_SENDER_DOMAIN": "mg.example.com", "WEBHOOK_SECRET": "hook:secret",
        "MAILGUN_WEBHOOK_SIGNING_KEY": "sign", "MAILGUN_API_URL": f"http://127.0.0.1:{server.server_port}/v3",
    }  # fmt: skip
    yield fake
    server.shutdown()
    server.server_close()


def send(seconds: float = 5, **facts):
    standard = {
        "reference": str(uuid.uuid4()), "channel": "email", "sender": "shop@mg.example.com", "to": "ann@example.org",
        "body": "<p>Hi</p>", "subject": "Hi", "called_at": datetime.now(UTC),
    }  # fmt: skip
    return EspProvider().send(SendRequest(**standard | facts), deadline_seconds=seconds)


def test_the_service_takes_it_and_names_it(mailgun):
    reference = str(uuid.uuid4())
    submitted = send(reference=reference)
    assert (submitted.id, submitted.status) == ("2026.1@mg.example.com", "queued")
    assert reference.encode() in mailgun.bodies[0]
    assert b"List-Unsubscribe" in mailgun.bodies[0]


@pytest.mark.parametrize(("status", "permanent"), [(400, True), (401, True), (429, False)])
def test_a_clear_no(mailgun, status, permanent):
    mailgun.status = status
    with pytest.raises(ProviderError) as caught:
        send()
    assert (caught.value.code, caught.value.permanent) == (str(status), permanent)


@pytest.mark.parametrize("status", [500, 502, 408])
def test_a_server_in_trouble_may_have_taken_it(mailgun, status):
    mailgun.status = status
    with pytest.raises(OutcomeUnknown):
        send()


def test_an_answer_nobody_understands_is_unknown(mailgun):
    mailgun.answer = {"hello": "there"}
    with pytest.raises(OutcomeUnknown):
        send()


def test_silence_ends_by_the_deadline(mailgun):
    mailgun.delay = 3
    started = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        send(seconds=0.4)
    assert time.monotonic() - started < 2.8


def test_no_connection_is_no_for_now(mailgun, settings):
    settings.ANYMAIL = settings.ANYMAIL | {"MAILGUN_API_URL": "http://127.0.0.1:1/v3"}
    with pytest.raises(ProviderError) as caught:
        send()
    assert (caught.value.code, caught.value.permanent) == ("no_connection", False)


def test_a_service_nobody_knows_sends_nothing(mailgun, settings):
    settings.EMAIL_ESP = "pigeon"
    with pytest.raises(ProviderError):
        send()


def test_without_a_service_nothing_is_sent(settings):
    settings.EMAIL_ESP = ""
    with pytest.raises(ProviderError, match="not_configured"):
        send()


def test_a_long_id_fits_and_stays_unique():
    one, two = fitting_id(f"<{'x' * 300}1>"), fitting_id(f"<{'x' * 300}2>")
    assert one != two
    assert len(one) <= 255


# --- Its webhooks ------------------------------------------------------------------------------


@pytest.fixture
def sent(buyer, settings, mailgun) -> Message:
    settings.ROOT_URLCONF = __name__
    urlpatterns[:] = esp_webhooks()
    return Message.objects.create(
        customer_id=buyer.customer_id, wallet_id=buyer.wallet_id, mode="test", channel=Channel.EMAIL,
        to="ann@example.org", erase_after=timezone.now() + timedelta(days=30), price=0, unit_price=0, currency="USD",
        billing="free", provider="esp", provider_message_id="2026.1@mg.example.com", state="queued", dispatch="done",
    )  # fmt: skip


def tell(event: str, *, password: str = "hook:secret", key: str = "sign", **facts):
    stamp, token = str(int(time.time())), "t" * 50
    signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    body = {
        "signature": {"timestamp": stamp, "token": token, "signature": signature},
        "event-data": {
            "event": event, "id": uuid.uuid4().hex, "timestamp": time.time(), "recipient": "ann@example.org",
            "message": {"headers": {"message-id": "2026.1@mg.example.com"}}, "user-variables": {}, **facts,
        },
    }  # fmt: skip
    client = Client(headers={"Authorization": f"Basic {b64encode(password.encode()).decode()}"})
    return client.post("/api/webhooks/email/mailgun/tracking/", json.dumps(body), content_type="application/json")


def kinds(message: Message) -> list[str]:
    return list(Event.objects.filter(object_id=message.pk).order_by("sequence").values_list("kind", flat=True))


@pytest.mark.django_db
def test_a_delivery_is_heard(sent):
    assert tell("delivered").status_code == 200
    sent.refresh_from_db()
    assert sent.state == "delivered"


@pytest.mark.django_db
def test_a_bounce_is_heard(sent):
    facts = {"severity": "permanent", "reason": "bounce", "delivery-status": {"code": 550, "message": "no such user"}}
    for _ in range(2):
        assert tell("failed", **facts).status_code == 200
    sent.refresh_from_db()
    assert sent.state == "undelivered"
    assert kinds(sent) == ["message.failed", "message.bounced"]
    assert Suppression.objects.get().reason == "bounced"


@pytest.mark.django_db
def test_a_complaint_and_an_unsubscription_are_heard(sent):
    tell("complained")
    tell("unsubscribed")
    assert set(Suppression.objects.values_list("reason", flat=True)) == {"complained", "opted_out"}


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", [{"password": "hook:guessed"}, {"key": "guessed"}])
def test_who_is_not_the_service_is_not_heard(sent, wrong):
    assert tell("delivered", **wrong).status_code == 400
    sent.refresh_from_db()
    assert sent.state == "queued"


def test_without_a_secret_there_are_no_webhooks(settings):
    settings.EMAIL_ESP, settings.ANYMAIL = "mailgun", {"MAILGUN_API_KEY": "key-1"}
    assert esp_webhooks() == []


def test_only_the_services_own_webhooks_are_there(mailgun):
    assert [str(each.pattern) for each in esp_webhooks()] == ["api/webhooks/email/mailgun/tracking/"]
