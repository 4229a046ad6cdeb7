"""Delivery reports: every one is kept; a message takes what it can from them, in any order and number.

A report and the answer that names its message may cross. Both take the lock on the provider's id
first, then the message's row: whoever comes second sees what the first has written.
"""

import uuid

import structlog
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from notifications.models import DeliveryReport, Message
from notifications.providers import OutcomeUnknown, Submitted
from notifications.services import ladder, polling, states

log = structlog.get_logger(__name__)

Effect = DeliveryReport.Effect
State = Message.State


@transaction.atomic
def receive_report(*, sid: str, status: str, error_code: str = "", reference: str = "") -> DeliveryReport:
    """Keep what a carrier says of its message `sid`, and let the message climb.

    `reference` is ours, where the carrier sends it back: it names the message even when the
    carrier's first answer was lost. Where no message is known yet the report is parked. The same
    report again counts up and changes nothing.
    """
    _lock_sid(sid)
    report, is_new = DeliveryReport.objects.get_or_create(provider_message_id=sid, status=status, error_code=error_code)
    if not is_new:
        DeliveryReport.objects.filter(pk=report.pk).update(times=F("times") + 1, last_received_at=Now())
        if report.effect != Effect.PARKED:
            return report
    message = _owner(sid)
    if message is not None:
        ladder.judge(message, report)
    else:
        _claim(sid, reference)
    report.refresh_from_db()
    return report


@transaction.atomic
def accept(message_id: int, submitted: Submitted) -> Message:
    """The provider has the message, under an id of its own: it is queued, and reports that came before are applied.

    Repeating it changes nothing. Raises OutcomeUnknown when the id belongs to another message.
    """
    _lock_sid(submitted.id)
    other = _owner(submitted.id)
    if other is not None and other.pk != message_id:
        raise OutcomeUnknown("the provider's id belongs to another message")
    message = ladder.lock(message_id)
    if message.provider_message_id is None:
        _take(message, submitted)
    elif message.provider_message_id != submitted.id:
        log.error("provider has one message twice", message=message.pk, first=message.provider_message_id)
        Message.objects.filter(pk=message.pk).update(needs_staff=True)
    return message


def _take(message: Message, submitted: Submitted) -> None:
    message.provider_message_id = submitted.id
    message.accepted_at = timezone.now()
    message.dispatch = Message.Dispatch.DONE
    message.call_deadline_at = None
    message.attempts = 0
    message.needs_staff = False
    message.due_at = polling.first_look(message)
    # Given up and given back meanwhile: the provider has it all the same, and somebody should know.
    message.is_contradicted = message.is_contradicted or message.is_final
    message.save()
    ladder.climb(message, states.WORDS.get(submitted.status, State.QUEUED))
    for report in DeliveryReport.objects.filter(
        provider_message_id=submitted.id, effect=Effect.PARKED
    ).order_by("id"):  # fmt: skip
        ladder.judge(message, report)


def _claim(sid: str, reference: str) -> None:
    """Where our own reference names a message without an id, this is its id: it takes what is parked for it."""
    try:
        named = Message.objects.filter(uuid=uuid.UUID(reference), provider_message_id=None)
    except ValueError:
        return
    found = named.values_list("pk", flat=True).first()
    message = ladder.lock(found) if found else None
    # Looked at again once locked: its answer may have named another id meanwhile.
    if message is not None and message.provider_message_id is None:
        _take(message, Submitted(sid))


def _owner(sid: str) -> Message | None:
    found = Message.objects.filter(provider_message_id=sid).values_list("pk", flat=True).first()
    return ladder.lock(found) if found else None


def _lock_sid(sid: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", [f"message:{sid}"])
