"""Hostile webhook URLs: each refused when it is stored, and never connected to when it is stored all the same."""

import asyncio
import socket
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from aiohttp.abc import AbstractResolver

from config.encryption import encrypt
from config.errors import InvalidInput
from notifications.services.webhooks import calling
from notifications.services.webhooks.addresses import check_url, is_public
from notifications.services.webhooks.claiming import Claim
from notifications.services.webhooks.endpoints import new_secret
from tests.receiver import Answer, receiver

PUBLIC = "93.184.215.14"
NOW = datetime(2026, 11, 21, tzinfo=UTC)

# {port} is one where somebody on this machine listens. What they have in common: they must not hear from us.
HOSTILE = [
    "http://example.com:{port}/",
    "ftp://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_x",
    "https://127.0.0.1:{port}/",
    "https://127.0.0.53:{port}/",
    "https://localhost:{port}/",
    "https://0.0.0.0:{port}/",
    "https://0:{port}/",
    "https://127.1:{port}/",
    "https://0x7f.1:{port}/",
    "https://0x7f000001:{port}/",
    "https://2130706433:{port}/",
    "https://017700000001:{port}/",
    "https://0177.0.0.1:{port}/",
    "https://127.0.0.1.:{port}/",
    "https://１２７.0.0.1:{port}/",
    "https://ⓛocalhost:{port}/",
    "https://10.0.0.1:{port}/",
    "https://172.16.0.1:{port}/",
    "https://192.168.1.1:{port}/",
    "https://169.254.169.254:{port}/latest/meta-data/",
    "https://100.64.0.1:{port}/",
    "https://224.0.0.1:{port}/",
    "https://255.255.255.255:{port}/",
    "https://[::1]:{port}/",
    "https://[::]:{port}/",
    "https://[::ffff:127.0.0.1]:{port}/",
    "https://[::ffff:7f00:1]:{port}/",
    "https://[64:ff9b::7f00:1]:{port}/",
    "https://[64:ff9b:1::7f00:1]:{port}/",
    "https://[2002:7f00:1::]:{port}/",
    "https://[2001:0:7f00:1::]:{port}/",
    "https://[fc00::1]:{port}/",
    "https://[fe80::1%25lo]:{port}/",
    "https://[ff02::1]:{port}/",
    "https://user:secret@127.0.0.1:{port}/",
    "https://user@example.com:{port}/",
    "https://example.com:{port}@127.0.0.1:{port}/",
    "https://example.com\\@127.0.0.1:{port}/",
    "https://127.0.0.1:{port}\\.example.com/",
    "https://127.0.0.1:{port} .example.com/",
    "https://example.com\r\nHost: localhost:{port}/",
    "https://example.com:22/",
    "https://example.com:25/",
    "https://metadata:{port}/",
    "//127.0.0.1:{port}/",
    "https://",
    "https:///hook",
    "not a url",
]
# Names anybody may register, and what they may say when they are asked.
REBINDING = {
    "loopback.example.com": ["127.0.0.1"],
    "loopback6.example.com": ["::1"],
    "mapped.example.com": ["::ffff:127.0.0.1"],
    "translated.example.com": ["64:ff9b::a00:1"],
    "private.example.com": ["10.1.2.3"],
    "metadata.example.com": ["169.254.169.254"],
    "mixed.example.com": [PUBLIC, "127.0.0.1"],
    "mixed-backwards.example.com": ["127.0.0.1", PUBLIC],
    "zero.example.com": ["0.0.0.0"],
    "link-local.example.com": ["fe80::1"],
}


class Names(AbstractResolver):
    """The name servers of the world, played by the test."""

    def __init__(self, names: dict[str, list[str]]) -> None:
        self.names = names
        self.asked: list[str] = []

    async def resolve(self, host, port=0, family=socket.AF_UNSPEC):
        self.asked.append(host)
        return [
            {
                "hostname": host, "host": address, "port": port, "proto": 0, "flags": socket.AI_NUMERICHOST,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
            }
            for address in self.names[host]
        ]  # fmt: skip

    async def close(self) -> None:
        pass


class Listener:
    """Somebody on this machine who counts who knocks, on every address it has."""

    def __init__(self) -> None:
        self.knocks = 0
        self.socket = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                knocking, _ = self.socket.accept()
            except OSError:
                return
            self.knocks += 1
            knocking.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listening = Listener()
    yield listening
    listening.socket.close()


@pytest.fixture
def connected(monkeypatch) -> list[str]:
    """Every address a socket of ours was to be connected to. Nothing leaves this machine."""
    addresses: list[str] = []
    connect = asyncio.selector_events.BaseSelectorEventLoop.sock_connect

    async def noted(loop, sock, address):
        addresses.append(address[0])
        if address[0] not in {"127.0.0.1", "::1"}:
            raise ConnectionRefusedError
        return await connect(loop, sock, address)

    monkeypatch.setattr(asyncio.selector_events.BaseSelectorEventLoop, "sock_connect", noted)
    return addresses


@pytest.fixture(autouse=True)
def as_in_production(settings) -> None:
    settings.WEBHOOKS_TO_LOOPBACK = False


def a_claim(url: str) -> Claim:
    return Claim(
        attempt_id=1, delivery_id=1, endpoint_id=1, number=1, tries=1, url=url, format="standard",
        secret=encrypt(new_secret()), previous_secret="", signing_key="", event=uuid.uuid4(), kind="wallet.deposited",
        sequence=1, object_type="wallet", object_id=1, payload={"amount": "1"}, happened_at=NOW,
    )  # fmt: skip


def call(url: str, names: dict[str, list[str]] | None = None):
    async def once():
        async with calling.open_session(Names(names or {})) as session:
            return await calling.call(session, a_claim(url), now=NOW)

    return asyncio.run(once())


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_url_is_refused_when_it_is_stored(url):
    with pytest.raises(InvalidInput) as refused:
        check_url(url.replace("{port}", "8443"))
    assert list(refused.value.errors) == ["url"]


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_url_that_was_stored_is_never_connected_to(url, listener, connected):
    outcome = call(url.replace("{port}", str(listener.port)), {"example.com": [PUBLIC], "metadata": ["10.0.0.1"]})

    assert (outcome.error, outcome.arrived) == ("url_refused", False)
    assert (connected, listener.knocks) == ([], 0)


@pytest.mark.parametrize("name", REBINDING)
def test_a_name_that_leads_inside_is_never_connected_to(name, listener, connected):
    outcome = call(f"https://{name}:{listener.port}/", REBINDING)

    assert (outcome.error, outcome.arrived) == ("address_refused", False)
    assert (connected, listener.knocks) == ([], 0)


def test_a_name_that_changes_between_two_looks_is_looked_up_once(connected):
    names = Names({"flip.example.com": [PUBLIC]})

    async def once():
        async with calling.open_session(names) as session:
            return await calling.call(session, a_claim("https://flip.example.com/"), now=NOW)

    outcome = asyncio.run(once())

    assert (outcome.error, connected, names.asked) == ("connection_refused", [PUBLIC], ["flip.example.com"])


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1", "::ffff:10.0.0.1", "169.254.169.254"])
def test_the_socket_itself_refuses_an_address_that_slipped_through(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(calling.AddressRefused):
        calling.guarded_socket((family, socket.SOCK_STREAM, 0, "", (address, 443)))


@pytest.mark.parametrize("address", [
    "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "203.0.113.1", "240.0.0.1", "2001:db8::1", "3fff::1",
    "100::1", "fec0::1", "5f00::1", "2002:a00:1::", "64:ff9b::a9fe:a9fe", "::127.0.0.1", "fe80::1%lo", "x", "",
])  # fmt: skip
def test_what_is_not_of_the_open_internet_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_what_is_of_the_open_internet_is_public(address):
    assert is_public(address)


@pytest.mark.parametrize("url", [
    "https://example.com/hook?token=x", "https://example.com:8443/", "https://xn--bcher-kva.example/",
    "https://93.184.215.14/", "https://[2606:4700::1111]/hook",
])  # fmt: skip
def test_an_ordinary_url_is_taken_as_it_is(url):
    assert check_url(url) == url


def test_with_loopback_allowed_the_same_listener_hears_from_us(settings, listener, connected):
    """The control of all the above: it is the guard that keeps us away, not the test."""
    settings.WEBHOOKS_TO_LOOPBACK = True
    call(f"http://127.0.0.1:{listener.port}/")
    assert connected == ["127.0.0.1"]
    assert listener.knocks == 1


def test_a_redirect_is_an_answer_and_is_not_followed(settings, listener):
    settings.WEBHOOKS_TO_LOOPBACK = True
    with receiver() as customer:
        customer.answers = [Answer(302, headers={"Location": f"http://127.0.0.1:{listener.port}/"})]
        outcome = call(customer.url())
    assert (outcome.status_code, outcome.arrived, listener.knocks) == (302, False, 0)


def test_a_proxy_of_the_environment_is_not_used(settings, listener, connected, monkeypatch):
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{listener.port}")
    call("https://example.com/", {"example.com": [PUBLIC]})
    assert (connected, listener.knocks) == ([PUBLIC], 0)
