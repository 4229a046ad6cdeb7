"""The mail server's protocol (RFC 5321), so that after every failure it is known whether the mail was taken.

Django's backend opens the connection (address, TLS, login, all from the settings); the commands are given one by one
here, since up to the last dot of DATA nothing has been taken, and after it anything may have been.
"""

import contextlib
import os
import re
import smtplib
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from django.core.mail.backends.smtp import EmailBackend

FIRST_DOT = re.compile(rb"(?m)^\.")
ENHANCED = re.compile(r"\A\s*([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])")
SAYS_GO_ON = 354


class SmtpRefused(Exception):
    """The server said no, or was not there: the mail was not taken.

    `stage` is connect, login, mail, rcpt or data; `reply` is 0 where none came, `status` the enhanced code
    of RFC 3463 where one was given. What the server wrote is not kept: it quotes addresses.
    """

    def __init__(self, stage: str, reply: int = 0, text: str = "") -> None:
        found = ENHANCED.match(text)
        self.stage, self.reply, self.status = stage, reply, found[1] if found else ""
        super().__init__(f"{stage} {reply} {self.status}".strip())

    @property
    def is_permanent(self) -> bool:
        """Did the server itself say that asking again is pointless?"""
        return self.reply >= 500 and self.stage in {"mail", "rcpt", "data"}


class SmtpUnknown(Exception):
    """The whole mail may have arrived, and the server's answer did not."""


def deliver(sender: str, recipient: str, content: bytes, *, deadline_seconds: float) -> None:
    """Give one mail (lines end in CRLF) to the mail server. Raises SmtpRefused, SmtpUnknown; ends by the deadline."""
    with _connection(deadline_seconds) as server:
        with _refusals("mail"):
            server.ehlo_or_helo_if_needed()
            options = ["body=8bitmime"] if server.has_extn("8bitmime") and not content.isascii() else []
            _require("mail", server.mail(sender, options), 250)
        with _refusals("rcpt"):
            _require("rcpt", server.rcpt(recipient), 250, 251, 252)
        with _refusals("data"):
            _require("data", server.docmd("DATA"), SAYS_GO_ON)
        try:
            server.send(FIRST_DOT.sub(b"..", content).removesuffix(b"\r\n") + b"\r\n.\r\n")
            reply, text = server.getreply()
        except OSError as error:  # smtplib's own errors are such
            raise SmtpUnknown(type(error).__name__) from None
    if 400 <= reply <= 599:
        raise SmtpRefused("data", reply, _text(text))
    if not 200 <= reply <= 299:
        raise SmtpUnknown(f"reply {reply}")


@contextlib.contextmanager
def _connection(deadline_seconds: float) -> Iterator[smtplib.SMTP]:
    """A connection, ready for MAIL, that is cut at the deadline, however slowly the server drips."""
    cutter = _Cutter(deadline_seconds)
    backend = _Backend(cutter, timeout=deadline_seconds)
    try:
        with _refusals("connect"):
            backend.open()
        assert backend.connection is not None
        yield backend.connection
        with contextlib.suppress(OSError):
            backend.connection.putcmd("QUIT")
    finally:
        cutter.stop()
        backend.hang_up()


@contextlib.contextmanager
def _refusals(stage: str) -> Iterator[None]:
    """What goes wrong here, before the mail itself is sent, is a no."""
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        raise SmtpRefused("login", error.smtp_code) from None
    except smtplib.SMTPResponseException as error:
        raise SmtpRefused(stage, error.smtp_code, _text(error.smtp_error)) from None
    except (OSError, ValueError) as error:
        raise SmtpRefused(stage, 0) from error


def _require(stage: str, answer: tuple[int, bytes], *good: int) -> None:
    reply, text = answer
    if reply not in good:
        raise SmtpRefused(stage, reply if 400 <= reply <= 599 else 0, _text(text))


def _text(answer: bytes | str) -> str:
    return answer.decode("ascii", "replace") if isinstance(answer, bytes) else answer


class _Cutter:
    """Cuts a connection when its time is over, whatever waits on it then."""

    def __init__(self, seconds: float) -> None:
        self._watched: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def watch(self, connected: socket.socket) -> None:
        # A second handle on the same connection: TLS takes the first one's place.
        self._watched = socket.socket(fileno=os.dup(connected.fileno()))

    def stop(self) -> None:
        self._timer.cancel()
        self._timer.join()
        if self._watched is not None:
            self._watched.close()

    def _cut(self) -> None:
        if self._watched is not None:
            with contextlib.suppress(OSError):
                self._watched.shutdown(socket.SHUT_RDWR)


class _Watched(smtplib.SMTP):
    def __init__(self, *args: Any, watch: Callable[[socket.socket], None], **options: Any) -> None:
        self._watch = watch
        super().__init__(*args, **options)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connected = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        self._watch(connected)
        return connected


class _WatchedInTls(smtplib.SMTP_SSL, _Watched):
    """TLS from the first byte; its `_get_socket` wraps what the watched one connects."""

    def __init__(self, *args: Any, watch: Callable[[socket.socket], None], **options: Any) -> None:
        self._watch = watch
        smtplib.SMTP_SSL.__init__(self, *args, **options)


class _Backend(EmailBackend):
    """Django's backend, its connection watched."""

    def __init__(self, cutter: _Cutter, **options: Any) -> None:
        super().__init__(**options)
        self._cutter = cutter

    @property
    def connection_class(self) -> Any:
        return partial(_WatchedInTls if self.use_ssl else _Watched, watch=self._cutter.watch)

    def hang_up(self) -> None:
        for connection in (self.connection, self._partial_connection):  # type: ignore[attr-defined]
            if connection is not None:
                connection.close()
