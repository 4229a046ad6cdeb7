"""An SMS arrives: from a carrier's webhook, from a poll, or by hand in the sandbox."""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from activations.models import Activation, InboundMessage, Subscription
from activations.services import settlement
from activations.services.codes import extract_code
from activations.services import number_texts
from wallets.services import emit

log = structlog.get_logger(__name__)

Status = Activation.Status
State = InboundMessage.State

# An SMS to a number whose rental ended this recently is that rental's late code.
LATE_WITHIN = timedelta(days=7)


def receive_text(
    *,
    provider: str,
    provider_message_id: str,
    to: str,
    text: str,
    sender: str = "",
    received_at: datetime | None = None,
    activation_id: int | None = None,
) -> InboundMessage:
    """Take one SMS to number `to` (E.164); the rental that listens there gets it and is earned.

    The same message id from the same provider is taken once: repeating it returns the first. One that
    comes after its rental was given back becomes a `late` case for staff; one nobody waits for is
    kept as unmatched.
    """
    now = timezone.now()
    message = InboundMessage(
        provider=provider,
        provider_message_id=provider_message_id,
        to=to,
        sender=sender[:32],
        text=text,
        code=extract_code(text),
        received_at=received_at or now,
        erase_after=now + timedelta(days=settings.SMS_TEXT_RETENTION_DAYS),
    )
    try:
        return _file(message, activation_id)
    except IntegrityError:
        # Two copies of an unmatched one at once: there was no rental to lock.
        earlier = _earlier(message)
        if earlier is None:
            raise
        return earlier


@transaction.atomic
def _file(message: InboundMessage, activation_id: int | None) -> InboundMessage:
    activation = _listener(message.to, activation_id)
    # Looked up only once locked: a concurrent duplicate waits here.
    earlier = _earlier(message)
    if earlier is not None:
        return earlier
    if activation is None or activation.status not in Activation.LISTENING:
        subscription = number_texts.listener(message)
        if subscription is not None:
            return _file_for(subscription, message)
    message.activation = activation
    message.state = _state_for(activation)
    message.save(force_insert=True)
    if activation is not None and message.state == State.MATCHED:
        _earn(activation, message)
    return message


def _file_for(subscription: Subscription, message: InboundMessage) -> InboundMessage:
    """The monthly number's text, once: looked up again, now that its row is locked."""
    earlier = _earlier(message)
    if earlier is None:
        number_texts.hand_over(message, subscription)
    return earlier or message


@transaction.atomic
def resolve_late(*, message: InboundMessage, resolution: str, actor: str) -> InboundMessage:
    """Staff have dealt with a late SMS; `resolution` says how. Repeating keeps the first."""
    locked = InboundMessage.objects.select_for_update(no_key=True, of=("self",)).get(pk=message.pk)
    if locked.resolved_at is None:
        locked.resolved_at = timezone.now()
        locked.resolution = resolution
        locked.save(update_fields=["resolved_at", "resolution"])
        log.info("late SMS resolved", message=locked.pk, actor=actor)
    return locked


def _listener(to: str, activation_id: int | None) -> Activation | None:
    """The rental this SMS belongs to, locked: the one that listens, else the last one that did."""
    rentals = Activation.objects.locked().select_related("service", "hold", "charge")
    if activation_id is not None:
        return rentals.get(pk=activation_id)
    listening = rentals.filter(phone=to, status__in=Activation.LISTENING).order_by("-id").first()
    if listening is not None:
        return listening
    return rentals.filter(phone=to, closed_at__gt=timezone.now() - LATE_WITHIN).order_by("-id").first()


def _state_for(activation: Activation | None) -> str:
    if activation is None:
        return State.UNMATCHED
    if activation.status in {Status.WAITING, Status.CLOSING}:
        return State.MATCHED
    if activation.status == Status.RECEIVED:
        return State.MATCHED if activation.multiple_sms else State.EXTRA
    return State.EXTRA if activation.status == Status.FINISHED else State.LATE


def _earn(activation: Activation, message: InboundMessage) -> None:
    """The rental has delivered: its first SMS takes the money. Every SMS is told to the customer."""
    if activation.status != Status.RECEIVED:
        settlement.earn(activation)
        activation.status = Status.RECEIVED
        activation.closing_as = ""
        activation.code = message.code
        activation.received_at = message.received_at
        activation.due_at = activation.expires_at
        activation.attempts = 0
        activation.save(update_fields=["status", "closing_as", "code", "received_at", "due_at", "attempts", "charge"])
    emit(
        customer_id=activation.customer_id,
        kind="activation.code_received",
        object_type="activation",
        object_id=activation.pk,
        payload={
            "activation_id": activation.pk,
            "message_id": str(message.uuid),
            "service": activation.service.slug,
            "phone": activation.phone,
            "code": message.code,
            "text": message.text,
            "received_at": message.received_at.isoformat(),
        },
        erase_after=message.erase_after,
    )


def _earlier(message: InboundMessage) -> InboundMessage | None:
    same = InboundMessage.objects.filter(provider=message.provider, provider_message_id=message.provider_message_id)
    return same.first()
