"""Bringing chunks, and with them their sendings, to where their messages are: money, counters, status."""

import time
from datetime import datetime

import structlog
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from notifications.models import Chunk, Message, Sending
from notifications.services.sendings import money

log = structlog.get_logger(__name__)

Status = Sending.Status

BATCH = 50
# A tick ends after this, for other ticks have to run too; the next goes on.
TICK_SECONDS = 2

COUNT = """
SELECT count(*) FILTER (WHERE dispatch = 'done'),
       count(*) FILTER (WHERE state IN ('delivered', 'read')),
       count(*) FILTER (WHERE state IN ('undelivered', 'failed', 'rejected', 'expired', 'canceled')),
       min(accepted_at)
  FROM notifications_message WHERE chunk_id = %s
"""


def settle_chunks(*, seconds: float = TICK_SECONDS) -> int:
    """Settle every chunk whose messages have moved; returns how many. Safe to run twice at once."""
    stop, settled, found = time.monotonic() + seconds, 0, BATCH
    while found == BATCH and time.monotonic() < stop:
        due = Chunk.objects.filter(settle_at__lte=timezone.now()).order_by("settle_at", "id")
        batch = list(due.values_list("pk", flat=True)[:BATCH])
        found = len(batch)
        settled += sum(_try_to_settle(chunk_id) for chunk_id in batch)
    return settled


def _try_to_settle(chunk_id: int) -> bool:
    try:
        return settle_chunk(chunk_id)
    except Exception:
        # One bad chunk must not stop the others; it stays due, behind them.
        log.exception("chunk could not be settled", chunk=chunk_id)
        Chunk.objects.filter(pk=chunk_id, settle_at__isnull=False).update(settle_at=timezone.now())
        return False


@transaction.atomic
def settle_chunk(chunk_id: int) -> bool:
    """Capture, release and refund what its messages say, count them, and derive its sending's status.

    False where somebody else has it, or nothing has moved. Repeating it changes nothing.
    """
    rows = Chunk.objects.select_for_update(no_key=True, of=("self",), skip_locked=True)
    chunk = rows.select_related("sending", "hold").filter(pk=chunk_id, settle_at__isnull=False).first()
    if chunk is None:
        return False
    money.settle(chunk)
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [chunk.pk])
        chunk.handed, chunk.reached, chunk.failed, since = cursor.fetchone()
    chunk.settle_at = None
    chunk.settlements += 1
    chunk.save(update_fields=["settle_at", "settlements", "handed", "reached", "failed"])
    _derive(chunk.sending_id, since)
    return True


def _derive(sending_id: int, since: datetime | None) -> None:
    """The status that follows from the chunks' counters; `since` is when the first of one of them was handed over."""
    # Locked last, and only then counted: of two chunks settled at once, the second counts both.
    sending = Sending.objects.locked().get(pk=sending_id)
    counted = sending.chunks.aggregate(handed=Sum("handed"), reached=Sum("reached"), failed=Sum("failed"))
    sending.sent_at = min(filter(None, (sending.sent_at, since)), default=None)
    sending.status = _status(sending, **counted)
    if sending.is_final and sending.closed_at is None:
        sending.closed_at = timezone.now()
    sending.save(update_fields=["status", "sent_at", "closed_at", "updated_at"])


def _status(sending: Sending, *, handed: int, reached: int, failed: int) -> Status:
    if reached + failed < sending.recipients:
        if sending.sent_at is None:
            return Status.PENDING
        return Status.SENT if handed == sending.recipients else Status.PROCESSING
    if reached:
        return Status.COMPLETED
    canceled = Message.objects.filter(chunk__sending=sending, state=Message.State.CANCELED)
    return Status.CANCELED if sending.sent_at is None and canceled.exists() else Status.FAILED
