"""Texts are kept only as long as they may be."""

from collections.abc import Callable

from django.db import transaction
from django.utils import timezone

from notifications.models import Message, Sending

BATCH = 1_000
MOST_BATCHES = 100


def erase_texts(*, batch: int = BATCH) -> int:
    """Erase body and variables of messages, and the texts of sendings, whose time has come; returns how many.

    That a message went out, to whom, when, and what it took stays. Safe to run twice at once.
    """
    return _in_batches(_erase_messages, batch) + _in_batches(_erase_sendings, batch)


def _in_batches(erase: Callable[[int], int], batch: int) -> int:
    erased = 0
    for _ in range(MOST_BATCHES):
        found = erase(batch)
        erased += found
        if found < batch:
            break
    return erased


@transaction.atomic
def _erase_messages(batch: int) -> int:
    now = timezone.now()
    # What still waits to be handed over keeps its text: without it nothing could be sent.
    due = list(
        Message.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .filter(erase_after__lte=now, erased_at=None, chunk=None, dispatch=Message.Dispatch.DONE)
        .order_by("erase_after")
        .values_list("pk", flat=True)[:batch]
    )
    return Message.objects.filter(pk__in=due).update(body="", variables={}, erased_at=now)


@transaction.atomic
def _erase_sendings(batch: int) -> int:
    now = timezone.now()
    handed_over = (*Sending.FINAL, Sending.Status.SENT)
    due = list(
        Sending.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .filter(erase_after__lte=now, erased_at=None, status__in=handed_over)
        .order_by("erase_after")
        .values_list("pk", flat=True)[:batch]
    )
    return Sending.objects.filter(pk__in=due).update(text="", subject="", erased_at=now)
