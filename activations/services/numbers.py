"""An activation and its number: what the provider's answers make of it.

Every change is "lock the row, look again, decide, write", so the request that called, the
sweeper and the client's repeat may all come at once.
"""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from activations.errors import RequestInProgress
from activations.models import Activation
from activations.providers import GivenNumber, NumberRequest, OutcomeUnknown, provider_for
from activations.services import inbound, settlement
from activations.services.phones import e164

log = structlog.get_logger(__name__)

Status = Activation.Status

# The sweeper acts on a call only this long after its deadline: no living call lasts that long.
GRACE = timedelta(seconds=2)
FIRST_ASK = timedelta(seconds=5)
# How long to wait before asking again, by how often it was asked.
BACKOFF = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 60, 300, 900, 3600))
LONGEST_NUMBER_ID = 64


def claim_seconds() -> float:
    """How long whoever works on an order keeps it to itself: a crash gives it free after that."""
    return float(3 * settings.PROVIDER_DEADLINE_SECONDS)


def backoff(attempts: int) -> timedelta:
    return BACKOFF[min(attempts, len(BACKOFF) - 1)]


def request_of(activation: Activation) -> NumberRequest:
    return NumberRequest(
        reference=str(activation.uuid),
        service=activation.service.slug,
        service_name=activation.service.name,
        country=activation.country.code,
        ttl_seconds=activation.ttl_seconds,
        multiple_sms=activation.multiple_sms,
        area_code=activation.area_code,
        carrier=activation.carrier,
    )


def is_being_called(activation: Activation, now: datetime) -> bool:
    """May a call of it be in flight?"""
    deadline = activation.call_deadline_at
    return activation.status == Status.CALLING and deadline is not None and deadline > now


@transaction.atomic
def start_calling(activation: Activation) -> bool:
    """Take the right to call the provider; False when the order is past that.

    Raises RequestInProgress while another request's call may be in flight.
    """
    locked = Activation.objects.locked().get(pk=activation.pk)
    now = timezone.now()
    if is_being_called(locked, now):
        raise RequestInProgress(retry_after_seconds=1, id=locked.pk)
    if locked.status != Status.REQUESTED:
        return False
    locked.status = Status.CALLING
    locked.call_deadline_at = now + timedelta(seconds=settings.PROVIDER_DEADLINE_SECONDS) + GRACE
    locked.due_at = locked.call_deadline_at
    locked.save(update_fields=["status", "call_deadline_at", "due_at"])
    return True


@transaction.atomic
def take_over(activation_id: int) -> Activation:
    """Take the right to ask what became of an order: afterwards it is `unknown`, or it is not to be asked about.

    One that was never called becomes unknown too: whoever was about to call it comes too late.
    """
    locked = Activation.objects.locked().get(pk=activation_id)
    now = timezone.now()
    # Looked at again once locked: since it was found, somebody may have begun to call.
    if locked.status in Activation.UNSETTLED and not is_being_called(locked, now):
        locked.status = Status.UNKNOWN
        locked.due_at = now + timedelta(seconds=claim_seconds())
        locked.save(update_fields=["status", "due_at"])
    return locked


def give_number(activation_id: int, given: GivenNumber) -> Activation:
    """The provider gave a number: the clock starts. A number that comes when all is over goes back.

    Raises OutcomeUnknown for an answer that cannot be a number.
    """
    phone = e164(given.phone)
    if phone is None or not 0 < len(given.id) <= LONGEST_NUMBER_ID:
        raise OutcomeUnknown("the provider's answer is not a number")
    locked = _accept(activation_id, given, phone)
    if locked.provider_number_id != given.id:
        _give_back_second(locked, given)
    elif locked.status == Status.FAILED:
        return_number(locked)
    return locked


@transaction.atomic
def _accept(activation_id: int, given: GivenNumber, phone: str) -> Activation:
    """The order with its number, or, where it is over without one, with what has to be given back."""
    locked = Activation.objects.locked().select_related("service", "country", "hold", "charge").get(pk=activation_id)
    if locked.status in Activation.UNSETTLED:
        _start(locked, given, phone)
    elif not locked.provider_number_id:
        # Written down before it is given back: a crash in between leaves it to a tick.
        locked.provider_number_id = given.id
        locked.due_at = timezone.now() + timedelta(seconds=claim_seconds())
        locked.save(update_fields=["provider_number_id", "due_at"])
    return locked


def _start(locked: Activation, given: GivenNumber, phone: str) -> None:
    now = timezone.now()
    locked.status = Status.WAITING
    locked.phone = phone
    locked.provider_number_id = given.id
    locked.started_at = now
    locked.expires_at = locked.due_at = now + timedelta(seconds=locked.ttl_seconds)
    locked.attempts = 0
    locked.needs_staff = False
    if given.cost is not None:
        locked.cost = given.cost
    locked.save()
    inbound.adopt_early_texts(locked)


def return_number(activation: Activation) -> None:
    """Give back the number of an order that is over; tried again later until the provider takes it."""
    due_at = None
    try:
        provider_for(activation.provider).give_back(
            activation.provider_number_id, deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS
        )
    except Exception:
        log.exception("number could not be given back", activation=activation.pk, provider=activation.provider)
        due_at = timezone.now() + backoff(activation.attempts)
    Activation.objects.filter(pk=activation.pk, status=activation.status).update(due_at=due_at)


def _give_back_second(activation: Activation, given: GivenNumber) -> None:
    """The provider has given one order two numbers: the second has no row of its own, so staff see it if it stays."""
    try:
        provider_for(activation.provider).give_back(given.id, deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS)
    except Exception:
        log.exception("second number could not be given back", activation=activation.pk, number_id=given.id)
        Activation.objects.filter(pk=activation.pk).update(needs_staff=True)


@transaction.atomic
def mark_unknown(activation_id: int) -> Activation:
    """The call has ended and nobody knows whether it gave a number: the money stays until the provider is asked."""
    locked = Activation.objects.locked().select_related("service", "country").get(pk=activation_id)
    if locked.status == Status.CALLING:
        locked.status = Status.UNKNOWN
        locked.due_at = timezone.now() + FIRST_ASK
        locked.save(update_fields=["status", "due_at"])
    return locked


@transaction.atomic
def fail(activation_id: int, code: str) -> Activation:
    """The provider certainly gave no number: all money goes back."""
    locked = Activation.objects.locked().select_related("service", "country", "hold", "charge").get(pk=activation_id)
    if locked.status in Activation.UNSETTLED:
        settlement.give_back(locked, actor="system:provider")
        locked.status = Status.FAILED
        locked.failure = code
        locked.closed_at = timezone.now()
        locked.due_at = None
        locked.attempts = 0
        locked.needs_staff = False
        locked.save(update_fields=["status", "failure", "closed_at", "due_at", "attempts", "needs_staff"])
    return locked
