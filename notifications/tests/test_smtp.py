"""E-mail by SMTP, against a real server on a real socket: what is taken, refused, and not known."""

import os
import socket
import ssl
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email import policy
from email.parser import BytesParser

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from notifications.mail import links
from notifications.mail.lines import IDLE
from notifications.providers import OutcomeUnknown, ProviderError, SendRequest
from notifications.providers.composing import compose
from notifications.providers.smtp import SmtpProvider
from notifications.tests.mail_server import running

HTML = '<h1>Hallo Zürich</h1><p>Read <a href="https://shop.example/?a=1&amp;b=2">more</a>.</p>'


@pytest.fixture
def server(settings):
    with running() as (server, port):
        settings.SMTP_URL = f"smtp://127.0.0.1:{port}"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        settings.EMAIL_DOMAIN = "mail.example"
        yield server


def wish(**facts) -> SendRequest:
    standard = {
        "reference": str(uuid.uuid4()), "channel": "email", "sender": "shop@example.com", "to": "ann@example.org",
        "body": HTML, "subject": "Grüße", "from_name": "Müller & Co, Ltd", "called_at": datetime.now(UTC),
    }  # fmt: skip
    return SendRequest(**standard | facts)


def send(request: SendRequest | None = None, seconds: float = 5):
    return SmtpProvider().send(request or wish(), deadline_seconds=seconds)


# --- What arrives ------------------------------------------------------------------------------


def test_a_mail_arrives_with_both_bodies(server):
    request = wish()
    submitted = send(request)
    mail = server.mail()
    assert (submitted.id, submitted.status) == (f"{request.reference}@mail.example", "sent")
    assert mail["Message-ID"] == f"<{submitted.id}>"
    assert mail["Subject"] == "Grüße"
    assert mail["To"] == "ann@example.org"
    assert [(each.display_name, each.addr_spec) for each in mail["From"].addresses] == [
        ("Müller & Co, Ltd", "shop@example.com")
    ]
    assert mail.get_content_type() == "multipart/alternative"
    assert "Hallo Zürich" in mail.get_body(("html",)).get_content()
    assert "more (https://shop.example/?a=1&b=2)" in mail.get_body(("plain",)).get_content()


def test_the_envelope_names_one_sender_and_one_recipient(server):
    send()
    (envelope,) = server.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("shop@example.com", ["ann@example.org"])


def test_undeliverable_mail_comes_back_to_an_address_that_names_the_message(server, settings):
    settings.EMAIL_BOUNCE_ADDRESS = "bounces@mail.example"
    request = wish()
    send(request)
    assert server.envelopes[0].mail_from == f"bounces+{uuid.UUID(request.reference).hex}@mail.example"


def test_one_click_unsubscribing(server):
    """RFC 8058."""
    request = wish()
    send(request)
    url = str(server.mail()["List-Unsubscribe"]).strip("<>")
    assert links.unsubscribed(url.rsplit("/", 1)[1]) == uuid.UUID(request.reference)
    assert server.mail()["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_links_and_the_opening_are_tracked(server):
    request = wish()
    send(request)
    html = server.mail().get_body(("html",)).get_content()
    assert "https://shop.example" not in html
    token = html.split("/t/c?to=", 1)[1].split('"', 1)[0]
    assert links.clicked(token) == (uuid.UUID(request.reference), "https://shop.example/?a=1&b=2")
    assert "/t/o/" in html


def test_no_tracking_leaves_the_html_as_it_came(server):
    send(wish(no_tracking=True))
    assert server.mail().get_body(("html",)).get_content().rstrip("\n") == HTML


def test_a_text_is_sent_as_text_and_as_html(server):
    send(wish(body="Hi <3\n\nsee https://shop.example/x", no_tracking=True))
    lines = server.mail().get_body(("plain",)).get_content().splitlines()
    assert lines[:3] == ["Hi <3", "", "see https://shop.example/x"]
    html = server.mail().get_body(("html",)).get_content()
    assert "Hi &lt;3" in html
    assert '<a href="https://shop.example/x"' in html


def test_dots_at_the_start_of_a_line_stay_what_they_are(server):
    send(wish(body="<p>\n.\n..\n.end\n</p>", no_tracking=True))
    assert server.mail().get_body(("html",)).get_content().splitlines()[1:4] == [".", "..", ".end"]


def test_an_international_domain_travels_in_punycode(server):
    send(wish(to="ann@bücher.example"))
    assert server.envelopes[0].rcpt_tos == ["ann@xn--bcher-kva.example"]


def test_logging_in(settings, server):
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "saldo", "right"
    with running(auth_require_tls=False) as (strict, port):
        settings.EMAIL_PORT = port
        send()
    assert strict.logins == [(b"saldo", b"right")]
    assert len(strict.mails()) == 1


def test_a_connection_is_used_again(server):
    for _ in range(5):
        send()
    assert (len(server.mails()), server.connections) == (5, 1)


def test_a_connection_that_the_server_closed_meanwhile_costs_nothing(server):
    send()
    server.hang_up()
    send()
    assert (len(server.mails()), server.connections) == (2, 2)


def test_many_at_once_share_a_few_connections(server):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: send(wish(subject=f"{number}")), range(80)))
    assert sorted(int(mail["Subject"]) for mail in server.mails()) == list(range(80))
    assert server.connections <= 8


def test_a_refusal_does_not_spoil_the_next_mail(server):
    server.at["rcpt"] = "550 5.1.1 Nobody"
    assert refusal()[0] == "550 5.1.1"
    server.at.clear()
    send()
    assert len(server.mails()) == 1


def test_a_forked_process_leaves_its_parents_connections_alone(server):
    send()
    child = os.fork()
    if child == 0:
        os._exit(len(IDLE))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(IDLE) == 1


# --- No, not now, and nobody knows ----------------------------------------------------------------


def refusal(**told) -> tuple[str, bool, bool]:
    with pytest.raises(ProviderError) as caught:
        send(**told)
    return caught.value.code, caught.value.permanent, caught.value.about_recipient


def test_a_no_to_the_recipient_is_about_the_recipient(server):
    server.at["rcpt"] = "550 5.1.1 No such user ann@example.org"
    assert refusal() == ("550 5.1.1", True, True)
    assert server.envelopes == []


def test_not_now_is_tried_again(server):
    server.at["rcpt"] = "451 4.7.1 Greylisted"
    assert refusal() == ("451 4.7.1", False, False)


def test_a_no_to_the_content_is_a_clear_no(server):
    server.at["data"] = "554 5.7.1 Spam"
    assert refusal() == ("554 5.7.1", True, False)


def test_not_now_to_the_content_is_tried_again(server):
    server.at["data"] = "452 4.3.1 Full"
    assert refusal() == ("452 4.3.1", False, False)


def test_a_connection_cut_before_the_content_is_tried_again(server):
    server.at["rcpt"] = "cut"
    assert refusal() == ("no_connection", False, False)


def test_a_connection_cut_after_the_content_is_unknown(server):
    server.at["data"] = "cut"
    with pytest.raises(OutcomeUnknown):
        send()
    assert len(server.envelopes) == 1


def test_an_answer_nobody_understands_after_the_content_is_unknown(server):
    server.at["data"] = "hello there"
    with pytest.raises(OutcomeUnknown):
        send()


def test_silence_after_the_content_is_unknown_by_the_deadline(server):
    server.at["data"] = "hang"
    started = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        send(seconds=0.5)
    assert time.monotonic() - started < 10


def test_silence_before_the_content_is_tried_again_by_the_deadline(server):
    server.at["rcpt"] = "hang"
    started = time.monotonic()
    assert refusal(seconds=0.5) == ("no_connection", False, False)
    assert time.monotonic() - started < 10


def test_a_server_that_drips_holds_nobody(settings, server):
    """Every byte starts a socket's timeout anew; the deadline is one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.EMAIL_PORT = listener.getsockname()[1]
        threading.Thread(target=_drip, args=(listener,), daemon=True).start()
        started = time.monotonic()
        assert refusal(seconds=0.6)[0] == "no_connection"
        assert time.monotonic() - started < 10


def _drip(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        try:
            connection.sendall(b"220-")
            while True:
                connection.sendall(b"x")
                time.sleep(0.05)
        except OSError:
            return


def test_no_server_is_no_for_now(settings, server):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        settings.EMAIL_PORT = closed.getsockname()[1]
    assert refusal() == ("no_connection", False, False)


def test_a_wrong_password_is_no_for_now(settings, server):
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "saldo", "wrong"
    with running(auth_require_tls=False) as (strict, port):
        settings.EMAIL_PORT = port
        assert refusal() == ("535", False, False)
    assert strict.envelopes == []


def test_a_certificate_nobody_vouches_for_is_refused(settings, server, tmp_path):
    """The mail, and the password, would go to whoever answers."""
    with running(tls_context=_self_signed(tmp_path)) as (strict, port):
        settings.EMAIL_PORT, settings.EMAIL_USE_TLS = port, True
        assert refusal() == ("no_connection", False, False)
    assert strict.envelopes == []


def _self_signed(folder) -> ssl.SSLContext:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    years = (datetime(year, 1, 1, tzinfo=UTC) for year in (2020, 2040))
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, *years)
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    plain = serialization.NoEncryption()
    pem += key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "server.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


def test_without_a_configured_server_nothing_is_sent(settings):
    settings.SMTP_URL = ""
    assert refusal() == ("not_configured", True, False)


def test_what_the_server_took_cannot_be_asked():
    with pytest.raises(OutcomeUnknown):
        SmtpProvider().find(wish(), is_ours_already=lambda sid: False, deadline_seconds=1)


# --- Header injection ---------------------------------------------------------------------------------

LINE_BREAKS = "\r", "\n", "\r\n", "\x00", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"


@pytest.mark.parametrize("at", LINE_BREAKS)
@pytest.mark.parametrize("field", ["subject", "from_name", "reply_to", "sender", "to"])
def test_a_line_break_in_a_header_is_refused(field, at):
    with pytest.raises(ProviderError):
        compose(wish(**{field: f"ann@example.org{at}Bcc: eve@example.org"}))


@pytest.mark.parametrize(
    "address",
    ["ann@example.org, eve@example.org", "Ann <ann@example.org>", "<ann@example.org>", "ann@example.org;e@example.org",
     "ann", "@example.org", "ann@", "ann@example.org (x)", "a b@example.org", "ann@ex ample.org", "ann@example.org>",
     "undisclosed: ann@example.org;", '"a, eve@example.org" <ann@example.org>', "ünn@example.org"],
)  # fmt: skip
@pytest.mark.parametrize("field", ["to", "sender", "reply_to"])
def test_only_one_plain_address_is_an_address(field, address):
    with pytest.raises(ProviderError):
        compose(wish(**{field: address}))


words = st.text(st.characters(exclude_categories=()), max_size=60)


@given(subject=words, from_name=words, reply_to=st.just("") | words, body=words)
@limits(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_customer_writes_no_header_is_added(subject, from_name, reply_to, body):
    """Either it is refused, or exactly the known headers arrive, each once, with one sender and one recipient."""
    try:
        raw = compose(wish(subject=subject, from_name=from_name, reply_to=reply_to, body=body)).message()
        wire = raw.as_bytes(linesep="\r\n")
    except ProviderError:
        return
    mail = BytesParser(policy=policy.default).parsebytes(wire)
    expected = {
        "Content-Type", "MIME-Version", "Subject", "From", "To", "Date", "Message-ID", "List-Unsubscribe",
        "List-Unsubscribe-Post",
    }  # fmt: skip
    assert sorted(mail.keys()) == sorted(expected | ({"Reply-To"} if reply_to else set()))
    assert [each.addr_spec for each in mail["From"].addresses] == ["shop@example.com"]
    assert [each.addr_spec for each in mail["To"].addresses] == ["ann@example.org"]
    # A bare CR or LF would let some servers see a second mail.
    assert b"\n" not in wire.replace(b"\r\n", b"")
    assert b"\r" not in wire.replace(b"\r\n", b"")
