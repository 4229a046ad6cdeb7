"""Texts are kept only as long as they may be."""

from django.db import transaction
from django.utils import timezone

from notifications.models import Message

BATCH = 1_000
MOST_BATCHES = 100


def erase_texts(*, batch: int = BATCH) -> int:
    """Erase body and variables of messages whose time has come; returns how many.

    That a message went out, to whom, when, and what it took stays. Safe to run twice at once.
    """
    erased = 0
    for _ in range(MOST_BATCHES):
        found = _erase_batch(batch)
        erased += found
        if found < batch:
            break
    return erased


@transaction.atomic
def _erase_batch(batch: int) -> int:
    now = timezone.now()
    # What still waits to be handed over keeps its text: without it nothing could be sent.
    due = list(
        Message.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .filter(erase_after__lte=now, erased_at=None, dispatch=Message.Dispatch.DONE)
        .order_by("erase_after")
        .values_list("pk", flat=True)[:batch]
    )
    return Message.objects.filter(pk__in=due).update(body="", variables={}, erased_at=now)
