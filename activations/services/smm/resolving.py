"""Finding out what became of a call that nobody answered. The tick and repeats come here."""

import time
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from activations.models import SmmOrder
from activations.providers.smm import OutcomeUnknown, ProviderError, provider_for
from activations.services.numbers import claim_seconds
from activations.services.smm import orders

log = structlog.get_logger(__name__)

Status = SmmOrder.Status

BATCH = 100
# A tick that meets slow providers ends in time to be asked for again; the next goes on.
TICK_SECONDS = 30


def resolve(order: SmmOrder) -> SmmOrder:
    """Ask the provider by our reference what it did with an order whose outcome nobody knows.

    It has the order: it goes on. It certainly has not, or was never called: all money goes back. No answer:
    it stays `unknown` and is asked again later. Where the provider knows no references, it is left to staff.
    Safe at any time and twice at once.
    """
    current = orders.take_over(order.pk)
    if current.status != Status.UNKNOWN or not orders.can_be_found(current):
        return current
    try:
        found = provider_for(current.provider).find(
            str(current.uuid), deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS
        )
        if found is not None:
            return orders.accept(current.pk, found)
    except (OutcomeUnknown, ProviderError):
        # A provider that refuses to say, or is not configured now, has not said that it has no such order.
        return orders.look_again_later(current.pk)
    except Exception:
        log.exception("provider did not say what it did", order=current.pk, provider=current.provider)
        return orders.look_again_later(current.pk)
    return orders.fail(current.pk, "provider_error")


def look_at_due(*, limit: int = BATCH) -> int:
    """Find out about the orders without an answer whose time has come; returns how many were looked at.

    Each is claimed before the work (its next look moves into the future, the attempt is counted), so
    a second run, or one after a crash, takes others or comes back to it later.
    """
    stop = time.monotonic() + TICK_SECONDS
    looked = 0
    while looked < limit and time.monotonic() < stop and (order := _claim()) is not None:
        looked += 1
        try:
            resolve(order)
        except Exception:
            # One bad order must not stop the others; it is due again after its claim runs out.
            log.exception("order could not be resolved", order=order.pk)
    return looked


@transaction.atomic
def _claim() -> SmmOrder | None:
    now = timezone.now()
    due = SmmOrder.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
    unsettled = due.filter(due_at__lte=now, status__in=SmmOrder.UNSETTLED)
    claimed = unsettled.order_by("due_at", "id").first()
    if claimed is not None:
        claimed.due_at = now + timedelta(seconds=claim_seconds())
        claimed.attempts += 1
        claimed.save(update_fields=["due_at", "attempts"])
    return claimed
