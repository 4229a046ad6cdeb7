"""The sandbox's outside world moves: reports that are due go out, as from a carrier."""

import structlog
from django.db import transaction
from django.utils import timezone

from notifications.models import SandboxMessage
from notifications.providers.sandbox import due_at
from notifications.services.reports import receive_report

log = structlog.get_logger(__name__)

BATCH = 200


def deliver_due_reports(*, limit: int = BATCH) -> int:
    """Send every sandbox report whose time has come; returns of how many messages. Safe to run twice at once."""
    due = list(SandboxMessage.objects.filter(next_report_at__lte=timezone.now()).order_by("next_report_at")[:limit])
    return sum(_try_to_report(message) for message in due)


def _try_to_report(message: SandboxMessage) -> int:
    try:
        _report(message)
    except Exception:
        # One bad message must not stop the others; it stays due.
        log.exception("sandbox report could not be delivered", sid=message.sid)
        return 0
    return 1


def _report(message: SandboxMessage) -> None:
    _, status, error_code = message.plan[message.reported]
    receive_report(sid=message.sid, status=status, error_code=error_code, reference=message.reference)
    # After the delivery: a crash in between repeats it, and the same report twice is harmless.
    with transaction.atomic():
        locked = SandboxMessage.objects.select_for_update(no_key=True).get(pk=message.pk)
        if locked.reported == message.reported:
            locked.reported += 1
            locked.next_report_at = due_at(locked, locked.reported)
            locked.save(update_fields=["reported", "next_report_at"])
