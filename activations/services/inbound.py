"""An SMS arrives: from a carrier's webhook, from a poll, or by hand in the sandbox."""

import hashlib
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Case, QuerySet, Value, When
from django.utils import timezone

from activations.models import Activation, InboundMessage
from activations.providers import SANDBOX
from activations.services import number_texts, settlement
from activations.services.codes import extract_code
from activations.services.phones import e164
from notifications.services import suppressions
from wallets.services import emit

log = structlog.get_logger(__name__)

Status = Activation.Status
State = InboundMessage.State

# An SMS to a number whose rental ended this recently is that rental's late code.
LATE_WITHIN = timedelta(days=7)
LONGEST = {field.name: field.max_length or 0 for field in InboundMessage._meta.concrete_fields}


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
    """Take one SMS to number `to` (however the carrier writes it); the rental that listens there is earned.

    Where none listens, whoever keeps the number by the month gets it.
    The same message id from the same provider is taken once: repeating it returns the first. One that
    comes after its rental was given back becomes a `late` case for staff; one nobody waits for is
    kept as unmatched, for the order that turns out to have its number. Whatever the text holds, it is
    taken: what cannot be stored in it is replaced.
    """
    now = timezone.now()
    text = _storable(text)
    message = InboundMessage(
        provider=provider,
        provider_message_id=_fitting_id(_storable(provider_message_id)),
        to=e164(to) or _storable(to)[: LONGEST["to"]],
        sender=_storable(sender)[: LONGEST["sender"]],
        text=text,
        code=extract_code(text),
        received_at=received_at or now,
        erase_after=now + timedelta(days=settings.SMS_TEXT_RETENTION_DAYS),
    )
    try:
        return _file(message, activation_id)
    except IntegrityError:
        # Two copies at once that found two different rentals, or none to lock.
        earlier = _earlier(message)
        if earlier is None:
            raise
        return earlier


def adopt_early_texts(activation: Activation) -> None:
    """Give an order the SMS that came to its number before we knew that the number was its own.

    Call it in the transaction that gives the number, the row locked.
    """
    number_texts.wait_for_others_at(activation.phone)
    early = InboundMessage.objects.filter(
        to=activation.phone, state=State.UNMATCHED, received_at__gte=activation.created_at
    )
    if activation.provider == SANDBOX:
        early = early.filter(provider=SANDBOX)
    for message in early.order_by("id"):
        _hand_over(message, activation)


@transaction.atomic
def resolve_late(*, message: InboundMessage, resolution: str, actor: str) -> InboundMessage:
    """Staff have dealt with a late SMS; `resolution` says how. Repeating keeps the first."""
    locked = InboundMessage.objects.select_for_update(no_key=True, of=("self",)).get(pk=message.pk)
    if locked.resolved_at is None:
        locked.resolved_at = timezone.now()
        locked.resolution = resolution[: LONGEST["resolution"]]
        locked.save(update_fields=["resolved_at", "resolution"])
        log.info("late SMS resolved", message=locked.pk, actor=actor)
    return locked


@transaction.atomic
def _file(message: InboundMessage, activation_id: int | None) -> InboundMessage:
    activation = _listener(message, activation_id)
    if activation is None:
        # Whoever gives this number to an order right now is waited for.
        number_texts.wait_for_others_at(message.to)
        activation = _listener(message, None)
    # Looked up only once locked: a concurrent duplicate waits here.
    earlier = _earlier(message)
    if earlier is not None:
        return earlier
    # What was fetched for one rental is that rental's, whoever keeps the number now.
    is_rented = activation_id is not None or (activation and activation.status in Activation.LISTENING)
    subscription = None if is_rented else number_texts.listener(message)
    if subscription is not None:
        number_texts.hand_over(message, subscription)
    elif activation is None:
        message.state = State.UNMATCHED
        message.save(force_insert=True)
    else:
        _hand_over(message, activation)
    _hear(message)
    return message


def _hear(message: InboundMessage) -> None:
    """STOP and START are for whoever the SMS was for: their messages to its sender are held back, or go again."""
    suppressions.hear(customer_id=_hearer(message), sender=message.sender, text=message.text, to=message.to)


def _hearer(message: InboundMessage) -> int | None:
    if message.subscription is not None:
        return message.subscription.customer_id
    if message.activation is not None and message.state in {State.MATCHED, State.EXTRA}:
        return message.activation.customer_id
    return None


def _hand_over(message: InboundMessage, activation: Activation) -> None:
    message.activation = activation
    message.state = _state_for(activation)
    message.save()
    if message.state == State.MATCHED:
        _earn(activation, message)


def _listener(message: InboundMessage, activation_id: int | None) -> Activation | None:
    """The rental this SMS belongs to, locked: the one that listens, else the last one that did."""
    rentals = Activation.objects.locked().select_related("service", "hold", "charge")
    if activation_id is not None:
        return rentals.get(pk=activation_id)
    there = _rentals_reached_by(message.provider, rentals.filter(phone=message.to))
    listening = there.filter(status__in=Activation.LISTENING).first()
    return listening or there.filter(closed_at__gt=timezone.now() - LATE_WITHIN).first()


def _rentals_reached_by(provider: str, rentals: "QuerySet[Activation]") -> "QuerySet[Activation]":
    """The provider's own first. Pretend numbers look like real ones, but no real SMS is meant for them."""
    if provider != SANDBOX:
        rentals = rentals.exclude(provider=SANDBOX)
    own_first = Case(When(provider=provider, then=Value(0)), default=Value(1))
    return rentals.order_by(own_first, "-id")


def _state_for(activation: Activation) -> str:
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
        activation.needs_staff = False
        activation.save(
            update_fields=[
                "status", "closing_as", "code", "received_at", "due_at", "attempts", "needs_staff", "charge",
            ]
        )  # fmt: skip
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


def _storable(text: str) -> str:
    """What PostgreSQL cannot store (NUL, half a surrogate pair) becomes U+FFFD, so that no SMS is lost for it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\x00", "\ufffd")


def _fitting_id(message_id: str) -> str:
    """The provider's id; of one that is too long, what stays unique of it."""
    if len(message_id) <= LONGEST["provider_message_id"]:
        return message_id
    return "sha256:" + hashlib.sha256(message_id.encode()).hexdigest()
