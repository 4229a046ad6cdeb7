"""A real mail server on a real socket, which tests tell how to behave."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


class MailServer:
    """Keeps what it takes. `at` says what it answers at `rcpt` and `data`; `cut` and `hang` are such answers.

    `for_recipient` says so of one recipient alone.
    """

    def __init__(self) -> None:
        self.at: dict[str, Any] = {}
        self.for_recipient: dict[str, dict[str, str]] = {}
        self.envelopes: list[Envelope] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.connections = 0
        self._last: SMTP | None = None

    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(each.original_content, policy=policy.default) for each in self.envelopes]

    def mail(self) -> EmailMessage:
        (only,) = self.mails()
        return only

    def hang_up(self) -> None:
        """Close the last connection, as servers do after a while."""
        assert self._last is not None
        self._last.loop.call_soon_threadsafe(self._last.transport.abort)
        time.sleep(0.1)

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, host: str, answers: list[str]
    ) -> Any:
        self.connections += 1
        self._last = server
        session.host_name = host
        return answers

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, to: str, options: Any) -> str:
        envelope.rcpt_tos.append(to)
        return await self._answer("rcpt", server, to)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return await self._answer("data", server, envelope.rcpt_tos[-1])

    async def _answer(self, stage: str, server: SMTP, to: str) -> str:
        told = self.for_recipient.get(to, self.at).get(stage, "250 OK")
        if told == "cut":
            server.transport.abort()
        if told == "hang":
            await asyncio.sleep(30)
        return told

    def login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"right", handled=False)


class AnyPort(Controller):
    """On a port that is free."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextlib.contextmanager
def running(**options: Any) -> Iterator[tuple[MailServer, int]]:
    """The server, and the port that it listens on."""
    server = MailServer()
    controller = AnyPort(server, hostname="127.0.0.1", port=0, authenticator=server.login, **options)
    controller.start()
    try:
        yield server, controller.port
    finally:
        controller.stop(no_assert=True)
