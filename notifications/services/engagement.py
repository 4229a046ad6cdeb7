"""What comes back from an e-mail: it was opened, a link was followed, it bounced, it was called spam, or no more of it.

Each is told once; further ones are counted. That something came back proves that the message was sent, also where
the mail server's answer was lost. Reports go first, since they lock the chunk before the message.
"""

import re
import uuid
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from notifications.models import Channel, Message, Suppression
from notifications.providers import SMTP
from notifications.providers.composing import message_id
from notifications.services import ladder
from notifications.services.reports import Report, receive_reports
from notifications.services.suppressions import RECIPIENT, suppress
from notifications.services.telling import message_news
from wallets.services import emit_many

Reason = Suppression.Reason

ENHANCED = re.compile(r"[45]\.[0-9]{1,3}\.[0-9]{1,3}")
# What says that there is nobody: RFC 3463, bad address or mailbox disabled; RFC 5321, the same without an enhanced
# code; anymail's reasons. Full mailboxes, policies and blocks do not say so.
NOBODY_THERE = re.compile(r"5\.1\.|5\.2\.1\Z")
NOBODY_THERE_BARE = frozenset({"550", "551", "553", "invalid", "bounced"})


@transaction.atomic
def note_opened(reference: uuid.UUID) -> Message | None:
    """An e-mail was opened; None where there is none of this reference."""
    message = _came_back(reference, "read")
    if message is not None:
        _tell_first(message, "opened", message.opened_at)
        message.opens += 1
        message.opened_at = message.opened_at or timezone.now()
        message.save(update_fields=["opens", "opened_at"])
    return message


@transaction.atomic
def note_clicked(reference: uuid.UUID) -> Message | None:
    """One of its links was followed; None where there is none of this reference."""
    message = _came_back(reference, "read")
    if message is not None:
        _tell_first(message, "clicked", message.clicked_at)
        message.clicks += 1
        message.clicked_at = message.clicked_at or timezone.now()
        message.save(update_fields=["clicks", "clicked_at"])
    return message


@transaction.atomic
def note_bounced(reference: uuid.UUID, *, code: str, actor: str) -> Message | None:
    """It was sent back, for `code`: it is undelivered; where nobody is there, nothing more is sent there."""
    message = _came_back(reference, "undelivered", code)
    if message is not None:
        bounce(message, code=code, actor=actor)
    return message


@transaction.atomic
def note_complained(reference: uuid.UUID, *, actor: str) -> Message | None:
    """Its recipient called it spam: nothing more of this customer is sent there."""
    message = _came_back(reference, "delivered")
    if message is not None:
        _hold_back(message, Reason.COMPLAINED, actor)
        _tell_first(message, "complained", message.complained_at)
        message.complained_at = message.complained_at or timezone.now()
        message.save(update_fields=["complained_at"])
    return message


@transaction.atomic
def note_unsubscribed(reference: uuid.UUID, *, actor: str = RECIPIENT) -> Message | None:
    """Its recipient wants no more of this customer's e-mails."""
    message = _came_back(reference, "delivered")
    if message is not None:
        _hold_back(message, Reason.OPTED_OUT, actor)
    return message


def bounce(message: Message, *, code: str, actor: str) -> None:
    """Note of a locked message, in its transaction, that its recipient's server would not have it."""
    if is_nobody_there(code):
        _hold_back(message, Reason.BOUNCED, actor, note=code)
    _tell_first(message, "bounced", message.bounced_at)
    message.bounced_at = message.bounced_at or timezone.now()
    message.save(update_fields=["bounced_at"])


def is_nobody_there(code: str) -> bool:
    """Does a server's code, such as `550 5.1.1`, say that there is nobody at the address?"""
    enhanced = ENHANCED.search(code)
    return bool(NOBODY_THERE.match(enhanced[0])) if enhanced else code in NOBODY_THERE_BARE


def _came_back(reference: uuid.UUID, status: str, code: str = "") -> Message | None:
    """The message, locked, after it climbed to where this puts it."""
    found = Message.objects.filter(uuid=reference, channel=Channel.EMAIL).first()
    if found is None:
        return None
    # A Message-ID is ours beforehand: what comes back names the message whose answer was lost.
    sid = found.provider_message_id or (message_id(str(reference)) if found.provider == SMTP else None)
    if sid is not None:
        receive_reports([Report(sid, status, code, str(reference))])
    return ladder.lock(found.pk)


def _tell_first(message: Message, what: str, before: datetime | None) -> None:
    if before is None:
        emit_many([message_news(message, f"message.{what}")], object_type="message")


def _hold_back(message: Message, reason: str, actor: str, note: str = "") -> None:
    suppress(
        customer_id=message.customer_id, channel=Channel.EMAIL, address=message.redirected_to or message.to,
        reason=reason, actor=actor, note=note, message=message,
    )  # fmt: skip
