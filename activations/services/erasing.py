"""Texts are kept only as long as they may be."""

from django.db import transaction
from django.utils import timezone

from activations.models import Activation, InboundMessage

BATCH = 1_000
MOST_BATCHES = 100


def erase_texts(*, batch: int = BATCH) -> int:
    """Erase sender, text and code of messages whose time has come; returns how many.

    That an SMS came, when, and what it cost stays. Safe to run twice at once.
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
    due = list(
        InboundMessage.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .filter(erase_after__lte=now, erased_at=None)
        .order_by("erase_after")[:batch]
        .values_list("pk", "activation_id")
    )
    Activation.objects.filter(pk__in={activation for _, activation in due if activation}).update(code="")
    InboundMessage.objects.filter(pk__in=[pk for pk, _ in due]).update(text="", code="", sender="", erased_at=now)
    return len(due)
