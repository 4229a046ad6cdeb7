"""Finding out: what became of a call, and whether an SMS has come. Ticks and repeats come here."""

import time
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from activations.models import Activation
from activations.providers import OutcomeUnknown, ProviderError, provider_for
from activations.services import closing, numbers

log = structlog.get_logger(__name__)

Status = Activation.Status

STAFF_AFTER = timedelta(hours=24)
BATCH = 100
# A tick that meets slow providers ends in time to be asked for again; the next goes on.
TICK_SECONDS = 30


def resolve(activation: Activation) -> Activation:
    """Ask the provider by our reference what it did with an order whose outcome nobody knows.

    It gave a number: the activation goes on. It certainly did not: all money goes back. No answer:
    it stays `unknown`, money set aside, and is asked again later; after a day staff are told. One
    whose call may still be in flight, or whose outcome is known, is returned as it is.
    Safe at any time and twice at once.
    """
    current = numbers.take_over(activation.pk)
    if current.status != Status.UNKNOWN:
        return current
    try:
        given = provider_for(activation.provider).find(
            str(activation.uuid), deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS
        )
        if given is not None:
            return numbers.give_number(activation.pk, given)
    except (OutcomeUnknown, ProviderError):
        # A provider that refuses to say, or is not configured now, has not said that it gave none.
        return _ask_again_later(activation.pk)
    except Exception:
        log.exception("provider did not say what it did", activation=activation.pk, provider=activation.provider)
        return _ask_again_later(activation.pk)
    return numbers.fail(activation.pk, "provider_error")


def look_at_due(*, limit: int = BATCH) -> int:
    """Deal with the activations whose time to be looked at has come; returns how many.

    Each is claimed before the work (its next look moves into the future, the attempt is counted), so
    a second run, or one after a crash, takes others or comes back to it later.
    """
    stop = time.monotonic() + TICK_SECONDS
    looked = 0
    while looked < limit and time.monotonic() < stop and (activation := _claim()) is not None:
        looked += 1
        try:
            _look_at(activation)
        except Exception:
            # One bad order must not stop the others; it is due again after its claim runs out.
            log.exception("activation could not be settled", activation=activation.pk)
    return looked


@transaction.atomic
def _claim() -> Activation | None:
    """One at a time: a claim lasts as long as the work on one order may, not on a hundred."""
    now = timezone.now()
    due = Activation.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
    claimed = due.select_related("service", "country").filter(due_at__lte=now).order_by("due_at", "id").first()
    if claimed is not None:
        claimed.due_at = now + timedelta(seconds=numbers.claim_seconds())
        claimed.attempts += 1
        claimed.save(update_fields=["due_at", "attempts"])
    return claimed


def _look_at(activation: Activation) -> None:
    if activation.status in Activation.UNSETTLED:
        # `requested` this long after its commit: whoever was to call has died.
        resolve(activation)
    elif activation.status in {Status.WAITING, Status.RECEIVED, Status.CLOSING}:
        closing.expire(activation)
    elif activation.status in {Status.FAILED, Status.FINISHED} and activation.provider_number_id:
        numbers.return_number(activation)
    else:
        Activation.objects.filter(pk=activation.pk).update(due_at=None)


@transaction.atomic
def _ask_again_later(activation_id: int) -> Activation:
    locked = Activation.objects.locked().select_related("service", "country").get(pk=activation_id)
    if locked.status == Status.UNKNOWN:
        now = timezone.now()
        locked.due_at = now + numbers.backoff(locked.attempts)
        locked.needs_staff = locked.created_at < now - STAFF_AFTER
        locked.save(update_fields=["due_at", "needs_staff"])
    return locked
