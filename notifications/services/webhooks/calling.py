"""One call of a receiver: five seconds in all, no redirects, and never to an address that is not public.

The name is resolved once; every address it has must be allowed, and the socket is opened to one of these very
addresses, which is judged once more there: an answer of DNS that changes between two looks changes nothing. TLS and
the Host header keep the name.
"""

import asyncio
import socket
import ssl
import time
from datetime import datetime
from typing import Any

import aiohttp
import certifi
from aiohttp.abc import AbstractResolver, ResolveResult
from django.conf import settings
from yarl import URL

from config.encryption import Unreadable
from notifications.services.webhooks import addresses, formats
from notifications.services.webhooks.claiming import Claim
from notifications.services.webhooks.outcomes import ERASED, Outcome

KEPT_BYTES = 1024
MOST_BYTES = 64 * 1024
# Shorter than any common server keeps an idle connection: none is found closed by the other side.
IDLE_SECONDS = 1.0


class AddressRefused(OSError):
    """The name has an address that is not public."""


class GuardedResolver(AbstractResolver):
    """Resolves without threads, so that a slow name server delays nobody else; refuses what may not be called."""

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        self.resolver = resolver or aiohttp.AsyncResolver(timeout=settings.WEBHOOK_DEADLINE_SECONDS, tries=2)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self.resolver.resolve(host, port, family)
        # One private address among public ones is an attack, or a mistake: none of them is tried.
        if not all(addresses.may_connect(each["host"]) for each in found):
            raise AddressRefused("address refused")
        return found

    async def close(self) -> None:
        await self.resolver.close()


def guarded_socket(info: Any) -> socket.socket:
    """The socket for one address, looked at last; also for a URL that is an address and was never resolved."""
    family, kind, proto, _, address = info
    if not addresses.may_connect(str(address[0])):
        raise AddressRefused("address refused")
    return socket.socket(family=family, type=kind, proto=proto)


def trusted() -> ssl.SSLContext:
    """The authorities of this machine, and the well-known ones: some containers bring none of their own."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def open_session(resolver: AbstractResolver | None = None) -> aiohttp.ClientSession:
    """Connections to receivers. No proxy, no cookies, no credentials of this machine's environment."""
    connector = aiohttp.TCPConnector(
        resolver=GuardedResolver(resolver),
        socket_factory=guarded_socket,
        ssl=trusted(),
        use_dns_cache=False,
        limit=0,  # how many at once is decided by whoever claims
        keepalive_timeout=IDLE_SECONDS,
    )
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=settings.WEBHOOK_DEADLINE_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


async def call(session: aiohttp.ClientSession, claim: Claim, *, now: datetime) -> Outcome:
    """Send one delivery; whatever happens is an outcome, never an exception."""
    began = time.monotonic()
    said: dict[str, Any]
    try:
        if claim.is_erased:
            said = {"error": ERASED}
        elif not addresses.may_call(claim.url):
            said = {"error": "url_refused"}
        else:
            async with asyncio.timeout(settings.WEBHOOK_DEADLINE_SECONDS):
                said = await _post(session, claim, now)
    except Exception as failure:
        said = {"error": word_for(failure)}
    return Outcome(
        attempt_id=claim.attempt_id,
        delivery_id=claim.delivery_id,
        endpoint_id=claim.endpoint_id,
        number=claim.number,
        tries=claim.tries,
        duration_ms=round((time.monotonic() - began) * 1000),
        **said,
    )


async def _post(session: aiohttp.ClientSession, claim: Claim, now: datetime) -> dict[str, Any]:
    letter = claim.letter()
    body = formats.body_of(letter)
    async with session.post(
        URL(claim.url), data=body.encode(), headers=formats.headers_of(letter, body, now=now), allow_redirects=False
    ) as answer:
        return {
            "status_code": answer.status,
            "answer": _storable(await _start_of(answer)),
            "retry_after": answer.headers.get("Retry-After", ""),
        }


async def _start_of(answer: aiohttp.ClientResponse) -> bytes:
    """The first KiB. The rest is read as far as it is short, for the connection's sake, and thrown away."""
    kept, size = b"", 0
    async for piece in answer.content.iter_any():
        size += len(piece)
        kept = (kept + piece)[:KEPT_BYTES]
        if size > MOST_BYTES:
            answer.close()
            break
    return kept


def word_for(failure: Exception) -> str:
    """What went wrong, in a word that says nothing of the house."""
    causes = _causes(failure)
    for kind, word in WORDS:
        if any(isinstance(cause, kind) for cause in causes):
            return word
    return "failed"


WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (AddressRefused, "address_refused"),
    (Unreadable, "secret_unreadable"),
    (TimeoutError, "timeout"),
    (ssl.SSLError, "tls"),
    (ssl.CertificateError, "tls"),
    (aiohttp.ClientConnectorDNSError, "dns"),
    (ConnectionRefusedError, "connection_refused"),
    (aiohttp.ServerDisconnectedError, "disconnected"),
    (ConnectionResetError, "disconnected"),
    (aiohttp.ClientConnectorError, "unreachable"),
    (aiohttp.ClientResponseError, "not_http"),
    (aiohttp.ClientPayloadError, "not_http"),
)


def _causes(failure: BaseException) -> list[BaseException]:
    """The exception and what it was made of, however it was wrapped."""
    found: list[BaseException] = []
    todo = [failure]
    while todo and len(found) < 20:
        each = todo.pop()
        found.append(each)
        inner = [each.__cause__, each.__context__, getattr(each, "os_error", None)]
        inner += list(getattr(each, "exceptions", ()))
        todo += [cause for cause in inner if isinstance(cause, BaseException) and cause not in found]
    return found


def _storable(start: bytes) -> str:
    """As text that PostgreSQL takes."""
    return start.decode("utf-8", "replace").replace("\x00", "\ufffd")
