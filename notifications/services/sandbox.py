"""The sandbox's outside world moves: reports that are due go out, as from a carrier."""

import time
from collections.abc import Sequence

import structlog
from django.db import transaction
from django.utils import timezone

from notifications.models import SandboxMessage
from notifications.providers.sandbox import due_at
from notifications.services.reports import Report, receive_reports
from notifications.services.rows import save_rows

log = structlog.get_logger(__name__)

BATCH = 500
# A tick ends after this, for other ticks have to run too; the next goes on.
TICK_SECONDS = 2


def deliver_due_reports(*, seconds: float = TICK_SECONDS) -> int:
    """Send every sandbox report whose time has come; returns of how many messages. Safe to run twice at once."""
    stop, delivered, found = time.monotonic() + seconds, 0, BATCH
    now = timezone.now()
    while found == BATCH and time.monotonic() < stop:
        due = SandboxMessage.objects.filter(next_report_at__lte=now).order_by("next_report_at")
        batch = list(due.values_list("pk", flat=True)[:BATCH])
        found = len(batch)
        delivered += _try_to_report(batch)
    return delivered


def _try_to_report(ids: Sequence[int]) -> int:
    try:
        return _report(ids)
    except Exception:
        if len(ids) == 1:
            # One bad message must not stop the others; it stays due.
            log.exception("sandbox report could not be delivered", sandbox_message=ids[0])
            return 0
    return sum(_try_to_report([one]) for one in ids)


@transaction.atomic
def _report(ids: Sequence[int]) -> int:
    """One report of each: received and ticked off in one commit, so that a crash repeats none."""
    rows = SandboxMessage.objects.select_for_update(no_key=True, skip_locked=True)
    batch = list(rows.filter(pk__in=ids, next_report_at__lte=timezone.now()).order_by("next_report_at", "id"))
    receive_reports([_next_report(message) for message in batch])
    for message in batch:
        message.reported += 1
        message.next_report_at = due_at(message, message.reported)
    save_rows(batch, ("reported", "next_report_at"))
    return len(batch)


def _next_report(message: SandboxMessage) -> Report:
    _, status, error_code = message.plan[message.reported]
    return Report(message.sid, status, error_code, message.reference)
