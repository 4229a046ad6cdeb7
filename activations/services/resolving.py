"""Finding out: what became of a call, and whether an SMS has come. Ticks and repeats come here."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from activations.models import Activation
from activations.providers import OutcomeUnknown, ProviderError, provider_for
from activations.services import closing, numbers

log = structlog.get_logger(__name__)

Status = Activation.Status

# How long to wait before asking again, by how often it was asked.
BACKOFF = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 60, 300, 900, 3600))
STAFF_AFTER = timedelta(hours=24)
BATCH = 100


def resolve(activation: Activation) -> Activation:
    """Ask the provider by our reference what it did with an order whose outcome nobody knows.

    It gave a number: the activation goes on. It certainly did not: all money goes back. No answer:
    it stays `unknown`, money set aside, and is asked again later; after a day staff are told.
    Safe at any time and twice at once.
    """
    numbers.mark_unknown(activation.pk)
    try:
        given = provider_for(activation.provider).find(
            str(activation.uuid), deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS
        )
    except ProviderError as refusal:
        return numbers.fail(activation.pk, refusal.code)
    except OutcomeUnknown:
        return _ask_again_later(activation.pk)
    except Exception:
        log.exception("provider did not say what it did", activation=activation.pk, provider=activation.provider)
        return _ask_again_later(activation.pk)
    if given is None:
        return numbers.fail(activation.pk, "provider_error")
    return numbers.give_number(activation.pk, given)


def look_at_due(*, limit: int = BATCH) -> int:
    """Deal with every activation whose time to be looked at has come; returns how many.

    Each is claimed before the work (its next look moves into the future, the attempt is counted), so
    a second run, or one after a crash, takes others or comes back to it later.
    """
    claimed = _claim(limit)
    for activation in claimed:
        try:
            _look_at(activation)
        except Exception:
            # One bad order must not stop the others; it is due again after its claim runs out.
            log.exception("activation could not be settled", activation=activation.pk)
    return len(claimed)


def _claim(limit: int) -> list[Activation]:
    now = timezone.now()
    with transaction.atomic():
        due = list(
            Activation.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
            .select_related("service", "country")
            .filter(due_at__lte=now)
            .order_by("due_at")[:limit]
        )
        claim_ends = now + timedelta(seconds=3 * settings.PROVIDER_DEADLINE_SECONDS)
        Activation.objects.filter(pk__in=[row.pk for row in due]).update(due_at=claim_ends, attempts=F("attempts") + 1)
    return due


def _look_at(activation: Activation) -> None:
    if activation.status in {Status.REQUESTED, Status.CALLING, Status.UNKNOWN}:
        # `requested` this long after its commit: whoever was to call has died.
        resolve(activation)
    elif activation.status in {Status.WAITING, Status.RECEIVED, Status.CLOSING}:
        closing.expire(activation)
    else:
        Activation.objects.filter(pk=activation.pk).update(due_at=None)


@transaction.atomic
def _ask_again_later(activation_id: int) -> Activation:
    locked = Activation.objects.locked().get(pk=activation_id)
    if locked.status == Status.UNKNOWN:
        now = timezone.now()
        locked.due_at = now + BACKOFF[min(locked.attempts, len(BACKOFF) - 1)]
        locked.needs_staff = locked.created_at < now - STAFF_AFTER
        locked.save(update_fields=["due_at", "needs_staff"])
    return locked
