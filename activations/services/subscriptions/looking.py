"""What is due at a provider: orders whose outcome nobody knows, and numbers that must go back."""

import time
from datetime import datetime

import structlog
from django.db import transaction
from django.utils import timezone

from activations.models import Subscription
from activations.services.subscriptions import numbers

log = structlog.get_logger(__name__)

BATCH = 100
TICK_SECONDS = 20.0


def settle_numbers(*, limit: int = BATCH) -> int:
    """Ask about orders without an answer, and give ended subscriptions' numbers back; returns how many looks.

    Each is claimed before the work (its next look moves into the future, the attempt is counted), so
    a second run, or one after a crash, takes others or comes back to it later.
    """
    stop = time.monotonic() + TICK_SECONDS
    looked = 0
    while looked < limit and time.monotonic() < stop and (row := _claim(timezone.now())) is not None:
        looked += 1
        try:
            look_at(row)
        except Exception:
            # One bad row must not stop the others; it is due again after its claim runs out.
            log.exception("subscription could not be settled", subscription=row.pk)
    return looked


def look_at(row: Subscription) -> Subscription:
    """Do now what is due at the provider; what has nothing due is returned as it is."""
    return numbers.give_back(row) if row.has_ended else numbers.resolve(row)


@transaction.atomic
def _claim(now: datetime) -> Subscription | None:
    """One at a time: a claim lasts as long as the work on one row may."""
    due = Subscription.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
    row = due.filter(due_at__lte=now).exclude(status__in=Subscription.LISTENING).order_by("due_at", "id").first()
    if row is not None:
        # Nothing to give back: done. Otherwise it is due again after a crash.
        is_done = row.has_ended and (not row.provider_number_id or row.returned_at is not None)
        row.due_at = None if is_done else numbers.claim_ends(now)
        row.attempts += 1
        row.save(update_fields=["due_at", "attempts"])
    return row
