"""The sandbox's outside world moves: SMS that are due arrive, as from a carrier."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from activations.models import SandboxNumber
from activations.providers.sandbox import SandboxProvider, text_of
from activations.services.inbound import receive_text

BATCH = 100


def deliver_due_texts(*, limit: int = BATCH) -> int:
    """Deliver every sandbox SMS whose time has come; returns how many. Safe to run twice at once."""
    due = list(SandboxNumber.objects.filter(next_text_at__lte=timezone.now()).order_by("next_text_at")[:limit])
    return sum(_deliver(number) for number in due)


def _deliver(number: SandboxNumber) -> int:
    text = text_of(number, number.texts_delivered)
    receive_text(
        provider=SandboxProvider.name, provider_message_id=text.id, to=number.phone, text=text.text, sender=text.sender
    )
    # After the delivery: a crash in between repeats it, and the message id makes that harmless.
    with transaction.atomic():
        locked = SandboxNumber.objects.select_for_update(no_key=True).get(pk=number.pk)
        if locked.texts_delivered == number.texts_delivered:
            locked.texts_delivered += 1
            more = locked.texts_delivered < locked.texts and locked.canceled_at is None
            locked.next_text_at = timezone.now() + timedelta(seconds=1) if more else None
            locked.save(update_fields=["texts_delivered", "next_text_at"])
    return 1
