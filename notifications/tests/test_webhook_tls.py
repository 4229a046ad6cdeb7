"""https as customers serve it: the name is in the handshake, the request and the certificate, or nothing is sent."""

import asyncio
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from notifications.services.webhooks import calling
from notifications.tests.test_webhook_addresses import NOW, Names, a_claim
from tests.receiver import Receiver, receiver

NAME = "hooks.example.com"


def a_certificate(folder: Path, name: str) -> Path:
    """Signed by itself: it is its own authority. The file holds its key too."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return file


@pytest.fixture
def asked_for() -> list[str | None]:
    """The names that handshakes asked for."""
    return []


@pytest.fixture
def serve(tmp_path, monkeypatch, settings, asked_for):
    """A server with a certificate for a name, which this machine trusts."""
    settings.WEBHOOKS_TO_LOOPBACK = True

    def start(server: Receiver, name: str) -> None:
        file = a_certificate(tmp_path, name)
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        context.sni_callback = lambda _, asked, __: asked_for.append(asked)
        server.listen_with(context)

    return start


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as playing:
        yield playing


def call(port: int):
    async def once():
        async with calling.open_session(Names({NAME: ["127.0.0.1"]})) as session:
            return await calling.call(session, a_claim(f"https://{NAME}:{port}/hook"), now=NOW)

    return asyncio.run(once())


def test_the_name_is_kept_though_the_address_was_chosen_by_us(server, serve, asked_for):
    serve(server, NAME)
    outcome = call(server.port)
    assert outcome.arrived, outcome
    assert asked_for == [NAME]
    assert server.received[0].headers["host"] == f"{NAME}:{server.port}"


def test_a_certificate_of_another_name_gets_nothing(server, serve):
    serve(server, "other.example.com")
    assert (call(server.port).error, server.received) == ("tls", [])


def test_a_certificate_of_an_unknown_authority_gets_nothing(server, serve, monkeypatch):
    serve(server, NAME)
    monkeypatch.delenv("SSL_CERT_FILE")
    assert (call(server.port).error, server.received) == ("tls", [])


def test_a_server_that_speaks_plain_http_gets_nothing(server, settings):
    settings.WEBHOOKS_TO_LOOPBACK = True
    assert (call(server.port).error, server.received) == ("tls", [])
