"""The sandbox's outside world moves: SMS that are due arrive, as from a carrier."""

from datetime import timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from activations.models import Activation, SandboxNumber
from activations.providers.sandbox import SandboxProvider, text_of
from activations.services.inbound import receive_text

log = structlog.get_logger(__name__)

BATCH = 100


def deliver_due_texts(*, limit: int = BATCH) -> int:
    """Deliver every sandbox SMS whose time has come; returns how many. Safe to run twice at once."""
    due = list(SandboxNumber.objects.filter(next_text_at__lte=timezone.now()).order_by("next_text_at")[:limit])
    return sum(_try_to_deliver(number) for number in due)


def _try_to_deliver(number: SandboxNumber) -> int:
    try:
        _deliver(number)
    except Exception:
        # One bad number must not stop the others; it stays due.
        log.exception("sandbox SMS could not be delivered", number=number.pk)
        return 0
    return 1


def _deliver(number: SandboxNumber) -> None:
    text = text_of(number, number.texts_delivered)
    receive_text(
        provider=SandboxProvider.name,
        provider_message_id=text.id,
        to=number.phone,
        text=text.text,
        sender=text.sender,
        activation_id=_renter_of(number),
    )
    # After the delivery: a crash in between repeats it, and the message id makes that harmless.
    with transaction.atomic():
        locked = SandboxNumber.objects.select_for_update(no_key=True).get(pk=number.pk)
        if locked.texts_delivered == number.texts_delivered:
            locked.texts_delivered += 1
            more = locked.texts_delivered < locked.texts and locked.canceled_at is None
            locked.next_text_at = timezone.now() + timedelta(seconds=1) if more else None
            locked.save(update_fields=["texts_delivered", "next_text_at"])


def _renter_of(number: SandboxNumber) -> int | None:
    """The order that knows the number as its own: pretend numbers may look the same twice."""
    rented = Activation.objects.filter(uuid=number.reference, phone=number.phone)
    return rented.values_list("pk", flat=True).first()
