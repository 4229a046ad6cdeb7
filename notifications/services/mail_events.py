"""What e-mail services and mail servers tell later of a mail they took, by our reference or by their id."""

import uuid

import structlog

from notifications.mail import returned
from notifications.models import Channel, Message
from notifications.providers.composing import reference_in
from notifications.services import engagement
from notifications.services.reports import receive_report

log = structlog.get_logger(__name__)

# The words of django-anymail that say how far a mail is, in those of reports.
REPORTS = {"queued": "queued", "sent": "sent", "delivered": "delivered", "failed": "failed", "rejected": "failed"}


def receive_mail_event(*, kind: str, sid: str, reference: str = "", code: str = "", actor: str) -> bool:
    """Take one event, in anymail's words; False for one that means nothing here, or of a mail that is not ours.

    The same event again changes nothing but its count.
    """
    if kind in REPORTS:
        receive_report(sid=sid, status=REPORTS[kind], error_code=code, reference=reference)
        return True
    message = _reference_of(sid, reference)
    if message is None:
        log.info("event of an unknown mail", kind=kind)
        return False
    match kind:
        case "bounced":
            return engagement.note_bounced(message, code=code, actor=actor) is not None
        case "complained":
            return engagement.note_complained(message, actor=actor) is not None
        case "unsubscribed":
            return engagement.note_unsubscribed(message, actor=actor) is not None
        case "opened":
            return engagement.note_opened(message) is not None
        case "clicked":
            return engagement.note_clicked(message) is not None
    return False


def receive_returned_mail(raw: bytes) -> bool:
    """Take a mail that came back to us (RFC 3464), or that somebody calls spam (RFC 5965); False for any other."""
    found = returned.read(raw)
    if found is None:
        return False
    reference = found.reference or reference_in(found.message_id)
    return receive_mail_event(kind=found.kind, sid="", reference=reference, code=found.code, actor="provider:smtp")


def _reference_of(sid: str, reference: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(reference)
    except ValueError:
        known = Message.objects.filter(provider_message_id=sid or None, channel=Channel.EMAIL)
        return known.values_list("uuid", flat=True).first()
