"""What comes back from an e-mail: opened, clicked, bounced, called spam, no more of it."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from notifications.mail import links
from notifications.models import Channel, Message, Sender, Suppression
from notifications.providers.composing import message_id
from notifications.services import engagement, settle_due, suppressed_among
from notifications.services.dispatching import hand_over
from notifications.services.mail_events import receive_mail_event, receive_returned_mail
from notifications.tests.factories import let_pass
from notifications.tests.mail_server import running
from wallets.models import Event

pytestmark = pytest.mark.django_db
ANN = "ann@example.org"
State = Message.State


@pytest.fixture
def server(settings):
    with running() as (server, port):
        settings.SMTP_URL, settings.EMAIL_HOST, settings.EMAIL_PORT = "smtp://here", "127.0.0.1", port
        yield server


@pytest.fixture
def waiting(buyer) -> Message:
    """An e-mail that waits to be handed to the mail server."""
    sender = Sender.objects.create(channel="email", address="shop@example.com", status="approved", provider="smtp")
    return Message.objects.create(
        customer_id=buyer.customer_id, wallet_id=buyer.wallet_id, mode="test", channel=Channel.EMAIL, sender=sender,
        to=ANN, body="<p>Hi</p>", erase_after=timezone.now() + timedelta(days=30), price=0, unit_price=0,
        currency="USD", billing="free", provider="smtp", due_at=timezone.now(),
    )  # fmt: skip


@pytest.fixture
def mail(server, waiting) -> Message:
    """One that the mail server took."""
    sent = hand_over(waiting)
    assert (sent.state, sent.provider_message_id) == (State.SENT, message_id(str(sent.uuid)))
    return sent


def told(message: Message) -> list[str]:
    kinds = Event.objects.filter(object_type="message", object_id=message.pk).order_by("sequence")
    return [kind.removeprefix("message.") for kind in kinds.values_list("kind", flat=True)]


def is_held_back(message: Message) -> bool:
    return bool(suppressed_among(customer_id=message.customer_id, channel="email", addresses=[message.to]))


def get(url: str, **headers):
    return Client(headers=headers).get(url.partition("8000")[2] or url)


def post(url: str, data: str = "", **headers):
    kind = "application/x-www-form-urlencoded"
    return Client(headers=headers, enforce_csrf_checks=True).post(url.partition("8000")[2], data, content_type=kind)


@pytest.fixture(autouse=True)
def _base_url(settings):
    settings.PUBLIC_BASE_URL = "http://127.0.0.1:8000"


# --- Opened and clicked -----------------------------------------------------------------------


def test_loading_the_picture_opens_the_mail_once(mail):
    for _ in range(3):
        answer = get(links.open_url(mail.uuid))
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/gif")
    mail.refresh_from_db()
    assert (mail.state, mail.opens, told(mail)) == (State.READ, 3, ["sent", "delivered", "opened"])
    assert mail.opened_at


def test_following_a_link_leads_on_and_is_told_once(mail):
    url = "https://shop.example/?a=1&b=%2F#c"
    for _ in range(2):
        answer = get(links.click_url(mail.uuid, url))
        assert (answer.status_code, answer["Location"]) == (302, url)
    mail.refresh_from_db()
    assert (mail.clicks, told(mail)) == (2, ["sent", "delivered", "clicked"])


def test_asking_for_the_head_alone_is_no_opening(mail):
    assert Client().head(links.open_url(mail.uuid).partition("8000")[2]).status_code == 200
    mail.refresh_from_db()
    assert mail.opens == 0


def paths(message: uuid.UUID) -> list[str]:
    urls = (links.open_url(message), links.click_url(message, "https://x.example/"), links.unsubscribe_url(message))
    return [str(url).partition("8000")[2] for url in urls]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_token_that_was_changed_is_not_found(mail, which):
    path = paths(mail.uuid)[which]
    for at in range(6, len(path) - 4, 3):
        changed = path[:at] + ("A" if path[at] != "A" else "B") + path[at + 1 :]
        answer = Client().get(changed)
        assert answer.status_code == 404, changed
    mail.refresh_from_db()
    assert (mail.opens, mail.clicks, Suppression.objects.count()) == (0, 0, 0)


def test_a_token_of_one_purpose_opens_nothing_else(mail):
    token = paths(mail.uuid)[0].removeprefix("/t/o/").removesuffix(".gif")
    assert Client().get(f"/u/{token}").status_code == 404
    assert Client().get("/t/c", {"to": token}).status_code == 404


@pytest.mark.parametrize("token", ["", "x", "~", "a~b", "\x00", "https://evil.example", "é", "." * 3_500])
def test_a_token_that_somebody_made_up_is_not_found(db, token):
    assert Client().get("/t/c", {"to": token}).status_code == 404
    assert Client().get(f"/u/{token}x").status_code == 404


@pytest.mark.parametrize("which", [0, 1])
def test_a_token_of_a_message_that_is_no_more_is_not_found(db, which):
    assert Client().get(paths(uuid.uuid4())[which]).status_code == 404


def test_an_opening_proves_a_sending_whose_answer_was_lost(server, waiting):
    server.at["data"] = "cut"
    assert hand_over(waiting).dispatch == Message.Dispatch.UNKNOWN
    get(links.open_url(waiting.uuid))
    waiting.refresh_from_db()
    assert (waiting.state, waiting.dispatch) == (State.READ, Message.Dispatch.DONE)


# --- No more of it ------------------------------------------------------------------------------


def test_looking_at_the_way_out_changes_nothing(mail):
    answer = get(links.unsubscribe_url(mail.uuid))
    assert (answer.status_code, answer["Referrer-Policy"]) == (200, "no-referrer")
    assert b'<form method="post">' in answer.content
    assert not is_held_back(mail)


def test_one_click_unsubscribes(mail):
    """RFC 8058: a POST by a program, without cookies or tokens of ours."""
    for _ in range(2):
        assert post(links.unsubscribe_url(mail.uuid), "List-Unsubscribe=One-Click").status_code == 200
    row = Suppression.objects.get()
    assert (row.reason, row.address, row.customer_id, row.created_by) == (
        "opted_out", ANN, mail.customer_id, "recipient"
    )  # fmt: skip


# --- Bounced ----------------------------------------------------------------------------------------


def test_a_recipient_nobody_knows_bounces_at_the_door(server, waiting):
    server.at["rcpt"] = "550 5.1.1 No such user"
    refused = hand_over(waiting)
    assert (refused.state, refused.failure, told(refused)) == (State.REJECTED, "550 5.1.1", ["failed", "bounced"])
    assert is_held_back(refused)


@pytest.mark.parametrize("answer", ["552 5.2.2 Mailbox full", "550 5.7.1 Blocked"])
def test_a_full_mailbox_or_a_policy_is_not_the_end_of_an_address(server, waiting, answer):
    server.at["rcpt"] = answer
    assert told(hand_over(waiting)) == ["failed", "bounced"]
    assert not is_held_back(waiting)


def test_greylisting_is_no_bounce(server, waiting):
    server.at["rcpt"] = "451 4.7.1 Later"
    assert (hand_over(waiting).dispatch, told(waiting)) == (Message.Dispatch.WAITING, [])


@pytest.mark.parametrize(
    ("code", "nobody"),
    [("550 5.1.1", True), ("5.1.10", True), ("5.2.1", True), ("550", True), ("invalid", True), ("552 5.2.2", False),
     ("550 5.7.1", False), ("5.2.10", False), ("421", False), ("", False), ("blocked", False)],
)  # fmt: skip
def test_which_codes_say_that_nobody_is_there(code, nobody):
    assert engagement.is_nobody_there(code) is nobody


def returned(message: Message, *, status: str = "5.1.1", action: str = "failed", to: str = "x@example.com") -> bytes:
    """A delivery status notification as Postfix writes it."""
    return f"""From: MAILER-DAEMON@mx.example.org (Mail Delivery System)
To: {to}
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.example.org.

--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; ann@example.org
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 5.1.1 <ann@example.org>: Recipient address rejected

--B
Content-Type: text/rfc822-headers

Message-ID: <{message.provider_message_id}>
Subject: Hi

--B--
""".encode()


def test_a_mail_that_comes_back_has_bounced(mail):
    for _ in range(2):
        assert receive_returned_mail(returned(mail))
    mail.refresh_from_db()
    assert (mail.state, mail.failure, told(mail)) == (State.UNDELIVERED, "5.1.1", ["sent", "failed", "bounced"])
    assert is_held_back(mail)


def test_it_is_known_by_the_address_it_came_back_to(mail):
    raw = returned(mail, to=f"bounces+{mail.uuid.hex}@mail.example").replace(b"Message-ID:", b"X-Gone:")
    assert receive_returned_mail(raw)
    assert is_held_back(mail)


def test_a_delay_is_no_bounce(mail):
    assert not receive_returned_mail(returned(mail, action="delayed", status="4.4.1"))
    assert told(mail) == ["sent"]


def test_a_complaint_by_feedback_report(mail):
    raw = returned(mail).replace(b"message/delivery-status", b"message/feedback-report")
    assert receive_returned_mail(raw)
    assert told(mail) == ["sent", "delivered", "complained"]
    assert Suppression.objects.get().reason == "complained"


@pytest.mark.parametrize(
    "raw", [b"", b"\x00\xff", b"Subject: hi\n\nhello", b"Content-Type: multipart/report\n\n--", b"a" * 99]
)
def test_any_other_mail_is_nothing(db, raw):
    assert not receive_returned_mail(raw)


def test_returned_mail_is_taken_only_with_its_secret(mail, settings):
    def hand_in(raw=None, **headers):
        sent = returned(mail) if raw is None else raw
        client = Client(headers=headers)
        return client.post("/api/webhooks/email/bounce", sent, content_type="message/rfc822").status_code

    assert hand_in(Authorization="Bearer ") == 403
    settings.EMAIL_BOUNCE_SECRET = "s3cret"
    assert (hand_in(), hand_in(Authorization="Bearer wrong")) == (403, 403)
    assert told(mail) == ["sent"]
    assert hand_in(b"", Authorization="Bearer s3cret") == 200
    assert hand_in(Authorization="Bearer s3cret") == 200
    assert told(mail) == ["sent", "failed", "bounced"]


# --- What an e-mail service tells ---------------------------------------------------------------------


def test_a_service_names_the_message_by_our_reference(waiting):
    event = {"kind": "delivered", "sid": "esp-1", "reference": str(waiting.uuid), "actor": "provider:mailgun"}
    receive_mail_event(**event)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.provider_message_id) == (State.DELIVERED, "esp-1")


def test_a_service_names_the_message_by_its_own_id(mail):
    receive_mail_event(kind="complained", sid=mail.provider_message_id, actor="provider:mailgun")
    mail.refresh_from_db()
    assert mail.complained_at
    assert is_held_back(mail)


def test_a_report_before_the_message_is_known_waits_for_it(server, waiting):
    receive_mail_event(kind="delivered", sid=message_id(str(waiting.uuid)), actor="provider:mailgun")
    assert hand_over(waiting).state == State.DELIVERED


def test_a_bounce_after_a_delivery_is_shown_to_staff(mail):
    engagement.note_opened(mail.uuid)
    engagement.note_bounced(mail.uuid, code="5.1.1", actor="provider:smtp")
    mail.refresh_from_db()
    assert (mail.state, mail.is_contradicted) == (State.READ, True)


# --- Silence ----------------------------------------------------------------------------------------


def test_a_mail_that_nothing_came_back_from_has_arrived(mail):
    """Mail servers report failures alone; a carrier's silence after 72 hours is another matter."""
    let_pass(mail, hours=73)
    settle_due()
    mail.refresh_from_db()
    assert (mail.state, told(mail)) == (State.DELIVERED, ["sent", "delivered"])


def test_a_mail_whose_answer_was_lost_is_not_called_delivered(server, waiting):
    server.at["data"] = "cut"
    let_pass(hand_over(waiting), hours=73)
    settle_due()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.failure) == (State.EXPIRED, "no_report")
