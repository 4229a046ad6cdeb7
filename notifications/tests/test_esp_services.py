"""Every e-mail service that operators may name: what anymail sends it, and what it tells, by its own documentation.

Sources: the services' API references as anymail's backends cite them (`anymail/backends`, `anymail/webhooks`).
"""

import base64
import hashlib
import hmac
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client
from django.urls import path
from django.utils import timezone

from notifications.api.mail_webhooks import esp_webhooks
from notifications.models import Channel, Message, Suppression
from notifications.providers import ProviderError, SendRequest
from notifications.providers.esp import EspProvider

# Anymail has no contract with SendGrid any more, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:django-anymail has dropped official support")

urlpatterns = [path("nothing", lambda request: None)]

ANN = "ann@example.org"
KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = base64.b64encode(
    KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()


@dataclass(frozen=True)
class Service:
    """Its `words` for delivered, bounced, complained and, where it has one, bounced for now; a webhook's body."""

    facts: dict[str, str]
    sid: str
    answer: Any
    words: tuple[str, ...]
    tells: Callable[[str, str, str], Any]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    signs: Callable[[bytes], dict[str, str]] | None = None
    has_reference: bool = True


def sendgrid(word: str, sid: str, reference: str) -> Any:
    told = {"event": word, "anymail_id": sid, "email": ANN, "timestamp": 1, "sg_event_id": uuid.uuid4().hex}
    told |= {"reason": "550 5.1.1 ann@example.org: no such user", "type": word} if word != "delivered" else {}
    return [told | ({"event": "bounce"} if word == "blocked" else {}) | ({"message": reference} if reference else {})]


def signed_by_sendgrid(body: bytes) -> dict[str, str]:
    signature = KEY.sign(b"1700000000" + body, ec.ECDSA(hashes.SHA256()))
    return {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": "1700000000",
    }


def postmark(word: str, sid: str, reference: str) -> Any:
    kind, _, reason = word.partition("/")
    told = {"RecordType": kind, "MessageID": sid, "Recipient": ANN, "Metadata": {"message": reference}}
    return told | ({"ID": 42, "Type": reason, "BouncedAt": "2026-11-05T16:33:54Z"} if reason else {})


def brevo(word: str, sid: str, reference: str) -> Any:
    custom = json.dumps({"message": reference})
    return {"event": word, "email": ANN, "message-id": f"<{sid}>", "ts_epoch": 1604933654000, "X-Mailin-custom": custom}


def resend(word: str, sid: str, reference: str) -> Any:
    metadata = {"name": "X-Metadata", "value": json.dumps({"message": reference})}
    data = {"email_id": sid, "to": [ANN], "headers": [metadata], "bounce": {"message": "sent a hard bounce message"}}
    return {"type": f"email.{word}", "created_at": "2026-02-22T23:41:12.126Z", "data": data}


def sparkpost(word: str, sid: str, reference: str) -> Any:
    told = {"type": word, "transmission_id": sid, "raw_rcpt_to": ANN, "timestamp": "1460989507", "event_id": "9"}
    told |= {"rcpt_meta": {"message": reference}} | ({"bounce_class": "10"} if word == "bounce" else {})
    return [{"msys": {"message_event": told}}]


def mailjet(word: str, sid: str, reference: str) -> Any:
    told = {"event": word, "time": 1433333949, "MessageID": int(sid), "email": ANN}
    told |= {"error": "user unknown", "hard_bounce": True} if word == "bounce" else {}
    told |= {"event": "bounce", "error": "quota exceeded", "hard_bounce": False} if word == "soft" else {}
    return told | {"Payload": json.dumps({"message": reference})}


def mailersend(word: str, sid: str, reference: str) -> Any:
    email = {"message": {"id": sid}, "recipient": {"email": ANN}}
    data = {"type": word, "created_at": "2026-01-01T12:00:00Z", "email": email}
    data |= {"morph": {"object": "recipient_bounce", "reason": "no such user"}} if "bounced" in word else {}
    return {"type": f"activity.{word}", "data": data}


def signed_by_mailersend(body: bytes) -> dict[str, str]:
    return {"Signature": hmac.new(b"sign", body, hashlib.sha256).hexdigest()}


SERVICES = {
    "sendgrid": Service(
        {"SENDGRID_API_KEY": "k", "SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY": PUBLIC}, "", "",
        ("delivered", "bounce", "spamreport", "blocked"), sendgrid, 202, signs=signed_by_sendgrid,
    ),
    "postmark": Service(
        {"POSTMARK_SERVER_TOKEN": "k"}, "b7bc2f4a-e38e-4336-af7d-e6c392c2f817",
        {"To": ANN, "SubmittedAt": "2026-02-17T07:25:01.4178645-05:00", "ErrorCode": 0, "Message": "OK",
         "MessageID": "b7bc2f4a-e38e-4336-af7d-e6c392c2f817"},
        ("Delivery", "Bounce/HardBounce", "SpamComplaint/SpamComplaint", "Bounce/SoftBounce"), postmark,
    ),
    "brevo": Service(
        {"BREVO_API_KEY": "k"}, "201906041124.44340027797@smtp-relay.mailin.fr",
        {"messageId": "<201906041124.44340027797@smtp-relay.mailin.fr>"},
        ("delivered", "hard_bounce", "spam", "soft_bounce"), brevo, 201,
    ),
    "resend": Service(
        {"RESEND_API_KEY": "k"}, "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794",
        {"id": "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}, ("delivered", "bounced", "complained"), resend,
    ),
    "sparkpost": Service(
        {"SPARKPOST_API_KEY": "k"}, "11668787484950529",
        {"results": {"total_rejected_recipients": 0, "total_accepted_recipients": 1, "id": "11668787484950529"}},
        ("delivery", "bounce", "spam_complaint"), sparkpost,
    ),
    "mailjet": Service(
        {"MAILJET_API_KEY": "k", "MAILJET_SECRET_KEY": "s"}, "70650219165027410",
        {"Messages": [{"Status": "success", "To": [{"Email": ANN, "MessageID": 70650219165027410}]}]},
        ("sent", "bounce", "spam", "soft"), mailjet,
    ),
    "mailersend": Service(
        {"MAILERSEND_API_TOKEN": "k", "MAILERSEND_SIGNING_SECRET": "sign"}, "1234567890abcdef", "",
        ("delivered", "hard_bounced", "spam_complaint", "soft_bounced"), mailersend, 202,
        {"X-Message-Id": "1234567890abcdef"}, signed_by_mailersend, has_reference=False,
    ),
}  # fmt: skip
# Each service calls its errors otherwise; anymail looks at the status, and with Mailjet at this.
REFUSAL = {"ErrorCode": "mj-0013", "StatusCode": 400, "message": "no"}
FOR_NOW = [name for name, service in SERVICES.items() if len(service.words) > 3]
SIGNED = [name for name, service in SERVICES.items() if service.signs]


class Fake:
    """The service's API on a real socket."""

    def __init__(self, service: Service) -> None:
        self.service, self.bodies, self.status = service, [], service.status

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        self.bodies.append(handler.rfile.read(int(handler.headers["Content-Length"])).decode())
        answer = self.service.answer if self.status == self.service.status else REFUSAL
        body = json.dumps(answer).encode() if answer else b""
        handler.send_response(self.status)
        kind = "application/json" if body else "text/html"
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **self.service.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


@pytest.fixture(params=SERVICES)
def name(request) -> str:
    return request.param


@pytest.fixture
def fake(name, settings) -> Iterator[Fake]:
    fake = Fake(SERVICES[name])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            fake.take(self)

        def log_message(self, *said) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    settings.EMAIL_ESP = name
    url = {f"{name.upper()}_API_URL": f"http://127.0.0.1:{server.server_port}/v3/"}
    settings.ANYMAIL = fake.service.facts | url | {"WEBHOOK_SECRET": "hook:secret"}
    yield fake
    server.shutdown()
    server.server_close()


def send(reference: str = "") -> Any:
    request = SendRequest(
        reference=reference or str(uuid.uuid4()), channel="email", sender="shop@example.com", to=ANN, body="<p>Hi</p>",
        subject="Grüße", from_name="Müller & Co", reply_to="ask@example.com", called_at=datetime.now(UTC),
    )  # fmt: skip
    return EspProvider().send(request, deadline_seconds=10)


# --- Sending -----------------------------------------------------------------------------------


def test_the_service_takes_a_mail_and_names_it(fake):
    reference = str(uuid.uuid4())
    submitted = send(reference)
    (body,) = fake.bodies
    assert submitted.id == fake.service.sid or (not fake.service.sid and submitted.id in body)
    assert submitted.status in {"queued", "sent"}
    ours = [reference] if fake.service.has_reference else []
    for part in (ANN, "shop@example.com", "Hi", "List-Unsubscribe", *ours):
        assert part in body


@pytest.mark.parametrize(("status", "permanent"), [(400, True), (429, False)])
def test_a_clear_no_is_a_no(fake, status, permanent):
    fake.status = status
    with pytest.raises(ProviderError) as caught:
        send()
    assert (caught.value.code, caught.value.permanent) == (str(status), permanent)


def test_a_service_whose_package_is_not_installed_sends_nothing(settings):
    settings.EMAIL_ESP = "amazon_ses"
    with pytest.raises(ProviderError, match="AnymailImproperlyInstalled"):
        send()


# --- Its webhooks ------------------------------------------------------------------------------


@pytest.fixture
def sent(buyer, settings, fake) -> Message:
    settings.ROOT_URLCONF = __name__
    urlpatterns[:] = esp_webhooks()
    return Message.objects.create(
        customer_id=buyer.customer_id, wallet_id=buyer.wallet_id, mode="test", channel=Channel.EMAIL, to=ANN,
        erase_after=timezone.now() + timedelta(days=30), price=0, unit_price=0, currency="USD", billing="free",
        provider="esp", provider_message_id=fake.service.sid or "sid-1", state="queued", dispatch="done",
    )  # fmt: skip


def tell(name: str, event: int, *, sid: str, reference: str = "", password: str = "hook:secret", spoil: bytes = b""):
    service = SERVICES[name]
    body = json.dumps(service.tells(service.words[event], sid, reference)).encode()
    headers = {"Authorization": f"Basic {base64.b64encode(password.encode()).decode()}"}
    headers |= service.signs(body) if service.signs else {}
    client = Client(headers=headers)
    return client.post(f"/api/webhooks/email/{name}/tracking/", body + spoil, content_type="application/json")


@pytest.mark.django_db
def test_a_delivery_is_heard(sent, name):
    assert tell(name, 0, sid=sent.provider_message_id).status_code == 200
    sent.refresh_from_db()
    assert sent.state == "delivered"


@pytest.mark.django_db
def test_a_bounce_and_a_complaint_are_heard_and_hold_further_mail_back(sent, name):
    for event in (1, 2, 2):
        assert tell(name, event, sid=sent.provider_message_id).status_code == 200
    sent.refresh_from_db()
    assert (sent.state, sent.complained_at is not None) == ("undelivered", True)
    assert set(Suppression.objects.values_list("reason", flat=True)) == {"bounced", "complained"}


@pytest.mark.django_db
@pytest.mark.parametrize("name", FOR_NOW, indirect=True)
def test_a_full_mailbox_holds_nothing_back(sent, name):
    assert tell(name, 3, sid=sent.provider_message_id).status_code == 200
    sent.refresh_from_db()
    assert (sent.state, sent.bounced_at is not None) == ("undelivered", True)
    assert not Suppression.objects.exists()


@pytest.mark.django_db
def test_our_reference_names_a_mail_whose_answer_was_lost(sent, name):
    if not SERVICES[name].has_reference:
        pytest.skip("this service sends nothing of ours back")
    sid = sent.provider_message_id
    Message.objects.update(provider_message_id=None, state="accepted", dispatch="unknown")
    tell(name, 0, sid=sid, reference=str(sent.uuid))
    sent.refresh_from_db()
    assert (sent.state, sent.dispatch) == ("delivered", "done")
    assert sent.provider_message_id == sid


@pytest.mark.django_db
def test_who_does_not_know_the_secret_is_not_heard(sent, name):
    assert tell(name, 0, sid=sent.provider_message_id, password="hook:guessed").status_code == 400
    sent.refresh_from_db()
    assert sent.state == "queued"


@pytest.mark.django_db
@pytest.mark.parametrize("name", SIGNED, indirect=True)
def test_what_the_service_has_not_signed_is_not_heard(sent, name):
    assert tell(name, 0, sid=sent.provider_message_id, spoil=b" ").status_code == 400
    sent.refresh_from_db()
    assert sent.state == "queued"
