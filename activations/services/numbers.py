"""An activation and its number: what the provider's answers make of it.

Every change is "lock the row, look again, decide, write", so the request that called, the
sweeper and the client's repeat may all come at once.
"""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from activations.errors import RequestInProgress
from activations.models import Activation
from activations.providers import GivenNumber, NumberRequest, provider_for
from activations.services import settlement

Status = Activation.Status

# The sweeper acts on a call only this long after its deadline: no living call lasts that long.
GRACE = timedelta(seconds=2)
FIRST_ASK = timedelta(seconds=5)


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


@transaction.atomic
def start_calling(activation: Activation) -> bool:
    """Take the right to call the provider; False when the order is past that.

    Raises RequestInProgress while another request's call may be in flight.
    """
    locked = Activation.objects.locked().get(pk=activation.pk)
    now = timezone.now()
    if locked.status == Status.CALLING and locked.call_deadline_at and locked.call_deadline_at > now:
        raise RequestInProgress(retry_after_seconds=1, id=locked.pk)
    if locked.status != Status.REQUESTED:
        return False
    locked.status = Status.CALLING
    locked.call_deadline_at = now + timedelta(seconds=settings.PROVIDER_DEADLINE_SECONDS) + GRACE
    locked.due_at = locked.call_deadline_at
    locked.save(update_fields=["status", "call_deadline_at", "due_at"])
    return True


def give_number(activation_id: int, given: GivenNumber) -> Activation:
    """The provider gave a number: the clock starts. A number that comes when all is over goes back."""
    with transaction.atomic():
        locked = Activation.objects.locked().get(pk=activation_id)
        if locked.status in {Status.CALLING, Status.UNKNOWN, Status.REQUESTED}:
            now = timezone.now()
            locked.status = Status.WAITING
            locked.phone = given.phone
            locked.provider_number_id = given.id
            locked.started_at = now
            locked.expires_at = locked.due_at = now + timedelta(seconds=locked.ttl_seconds)
            locked.attempts = 0
            locked.needs_staff = False
            if given.cost is not None:
                locked.cost = given.cost
            locked.save()
        stray = locked.provider_number_id != given.id
    if stray:
        provider_for(locked.provider).give_back(given.id, deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS)
    return locked


@transaction.atomic
def mark_unknown(activation_id: int) -> Activation:
    """Nobody knows whether the provider gave a number: the money stays where it is until it is asked.

    One that was never called becomes unknown too: whoever was about to call it comes too late.
    """
    locked = Activation.objects.locked().get(pk=activation_id)
    if locked.status in {Status.REQUESTED, Status.CALLING, Status.UNKNOWN}:
        locked.status = Status.UNKNOWN
        locked.due_at = timezone.now() + FIRST_ASK
        locked.save(update_fields=["status", "due_at"])
    return locked


@transaction.atomic
def fail(activation_id: int, code: str) -> Activation:
    """The provider certainly gave no number: all money goes back."""
    locked = Activation.objects.locked().select_related("service", "hold", "charge").get(pk=activation_id)
    if locked.status in {Status.REQUESTED, Status.CALLING, Status.UNKNOWN}:
        settlement.give_back(locked, actor="system:provider")
        locked.status = Status.FAILED
        locked.failure = code
        locked.closed_at = timezone.now()
        locked.due_at = None
        locked.needs_staff = False
        locked.save(update_fields=["status", "failure", "closed_at", "due_at", "needs_staff"])
    return locked
