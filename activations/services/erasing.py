"""Texts are kept only as long as they may be."""

from django.utils import timezone

from activations.models import Activation, InboundMessage

BATCH = 1_000


def erase_texts(*, limit: int = BATCH) -> int:
    """Erase sender, text and code of messages whose time has come; returns how many.

    That an SMS came, when, and what it cost stays. Safe to run twice at once.
    """
    now = timezone.now()
    due = list(
        InboundMessage.objects.filter(erase_after__lte=now, erased_at=None)
        .order_by("erase_after")
        .values_list("pk", "activation_id")[:limit]
    )
    InboundMessage.objects.filter(pk__in=[pk for pk, _ in due], erased_at=None).update(
        text="", code="", sender="", erased_at=now
    )
    Activation.objects.filter(pk__in={activation for _, activation in due if activation}).update(code="")
    return len(due)
