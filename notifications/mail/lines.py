"""Lines to the mail server: opened as the settings say, cut at a deadline, and used again for some seconds.

Django's backend opens them (address, TLS, login). Making one takes longer than a mail.
"""

import contextlib
import os
import smtplib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend

# How long a line waits for its next mail, how many mails it is given, and how many lines wait.
IDLE_SECONDS = 5
MAILS_PER_LINE = 100
MOST_LINES = 20


@dataclass
class Line:
    """A connection that is ready for a mail; `handle` is a second one on it, by which it can be cut."""

    server: smtplib.SMTP
    handle: socket.socket
    where: tuple[Any, ...]
    mails: int = 0
    idle_since: float = 0

    def hang_up(self) -> None:
        self.server.close()
        self.handle.close()


class Cutter:
    """Cuts a line when its time is over, whatever waits on it then."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._handle: socket.socket | None = None

    @property
    def seconds_left(self) -> float:
        return self._ends_at - time.monotonic()

    @property
    def is_over(self) -> bool:
        return self.seconds_left <= 0

    def watch(self, handle: socket.socket) -> None:
        self._handle = handle
        if self.is_over:
            self.cut()

    def cut(self) -> None:
        if self._handle is not None:
            with contextlib.suppress(OSError):
                self._handle.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def cutting(seconds: float) -> Iterator[Cutter]:
    """Until the block ends, the line that the cutter watches is cut after so many seconds."""
    cutter = Cutter(seconds)
    timer = threading.Timer(seconds, cutter.cut)
    timer.daemon = True
    timer.start()
    try:
        yield cutter
    finally:
        timer.cancel()
        timer.join()


def open_line(cutter: Cutter) -> Line:
    """A new line, watched from its first byte. Raises OSError, of which smtplib's errors are."""
    handles: list[socket.socket] = []

    def watch(connected: socket.socket) -> None:
        # A second handle on the same connection: TLS takes the first one's place.
        handles.append(socket.socket(fileno=os.dup(connected.fileno())))
        cutter.watch(handles[-1])

    backend = _Backend(watch, timeout=max(cutter.seconds_left, 0.001))
    try:
        backend.open()
    except BaseException:
        backend.drop_unfinished()
        for handle in handles:
            handle.close()
        raise
    assert backend.connection is not None
    return Line(backend.connection, handles[-1], _mail_server())


class Idle:
    """Lines that wait for their next mail, shared by all threads of a process."""

    def __init__(self) -> None:
        self.forget()

    def take(self, cutter: Cutter) -> Line | None:
        """A line that leads where the settings say, watched; None where none waits."""
        while (line := self._pop()) is not None:
            if time.monotonic() - line.idle_since < IDLE_SECONDS and line.where == _mail_server():
                cutter.watch(line.handle)
                return line
            line.hang_up()
        return None

    def keep(self, line: Line) -> None:
        """Let it wait for its next mail, unless it has done its work."""
        line.mails += 1
        line.idle_since = time.monotonic()
        with self._lock:
            if line.mails < MAILS_PER_LINE and len(self._lines) < MOST_LINES:
                self._lines.append(line)
                return
        with contextlib.suppress(OSError):
            line.server.putcmd("QUIT")
        line.hang_up()

    def forget(self) -> None:
        """Have none: a forked process does not use its parent's."""
        self._lock = threading.Lock()
        self._lines: list[Line] = []

    def _pop(self) -> Line | None:
        with self._lock:
            return self._lines.pop() if self._lines else None

    def __len__(self) -> int:
        return len(self._lines)


IDLE = Idle()
os.register_at_fork(after_in_child=IDLE.forget)


def _mail_server() -> tuple[Any, ...]:
    """Where lines lead by the settings of now."""
    names = ("EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_USER", "EMAIL_USE_TLS", "EMAIL_USE_SSL")
    return tuple(getattr(settings, name) for name in names)


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

    _partial_connection: smtplib.SMTP | None

    def __init__(self, watch: Callable[[socket.socket], None], **options: Any) -> None:
        super().__init__(**options)
        self._watch = watch

    @property
    def connection_class(self) -> Any:
        return partial(_WatchedInTls if self.use_ssl else _Watched, watch=self._watch)

    def drop_unfinished(self) -> None:
        if self._partial_connection is not None:
            self._partial_connection.close()
