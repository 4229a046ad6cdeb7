"""The mail server's protocol (RFC 5321), so that after every failure it is known whether the mail was taken.

The commands are given one by one: up to the last dot of DATA nothing has been taken, and after it anything may
have been.
"""

import contextlib
import re
import smtplib
from collections.abc import Iterator

from notifications.mail.lines import IDLE, Cutter, Line, cutting, open_line

FIRST_DOT = re.compile(rb"(?m)^\.")
ENHANCED = re.compile(r"\A\s*([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])")
SAYS_GO_ON = 354
CLOSING = 421


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
    with cutting(deadline_seconds) as cutter:
        line = _by_an_idle_line(cutter, sender, recipient, content)
        if line is None:
            with _refusals("connect"):
                line = open_line(cutter)
            _use(line, sender, recipient, content)
    # Only now, when nothing cuts it any more.
    IDLE.keep(line)


def _by_an_idle_line(cutter: Cutter, sender: str, recipient: str, content: bytes) -> Line | None:
    """The line that took the mail; None where none waits, or the server had closed it: nothing was taken then."""
    line = IDLE.take(cutter)
    if line is None:
        return None
    try:
        _use(line, sender, recipient, content)
    except SmtpRefused as refusal:
        if cutter.is_over or refusal.stage != "mail" or refusal.reply not in {0, CLOSING}:
            raise
        return None
    return line


def _use(line: Line, sender: str, recipient: str, content: bytes) -> None:
    """A line on which anything went wrong is not used again."""
    try:
        _hand_over(line.server, sender, recipient, content)
    except BaseException:
        line.hang_up()
        raise


def _hand_over(server: smtplib.SMTP, sender: str, recipient: str, content: bytes) -> None:
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
