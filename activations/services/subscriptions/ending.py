"""Ending a subscription, and saying whether it goes on. The number goes back by a tick, outside any transaction."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from activations.errors import RequestInProgress, SubscriptionInactive
from activations.models import Subscription
from activations.services.subscriptions.telling import tell

Status = Subscription.Status


@transaction.atomic
def set_auto_renew(*, subscription: Subscription, auto_renew: bool, now: datetime | None = None) -> Subscription:
    """Renew it at the end of its period, or let it expire then. Repeating it changes nothing.

    Turned off in grace, it ends at once: the period is over. Turned on, it takes back a cancellation that
    waits for the end of the period. Raises SubscriptionInactive for turning it on after it has ended.
    """
    locked = Subscription.objects.locked().select_related("country").get(pk=subscription.pk)
    if locked.has_ended:
        if auto_renew:
            raise SubscriptionInactive(id=locked.pk, status=locked.status)
        return locked
    locked.auto_renew = auto_renew
    locked.is_canceled = locked.is_canceled and not auto_renew
    if locked.status == Status.GRACE:
        locked.due_at = now or timezone.now()
    elif locked.status == Status.ACTIVE and not auto_renew:
        locked.due_at = locked.expires_at
    locked.save(update_fields=["auto_renew", "is_canceled", "due_at"])
    return locked


@transaction.atomic
def cancel(*, subscription: Subscription, at_once: bool = False, now: datetime | None = None) -> Subscription:
    """End it with its period, or `at_once`; nothing is refunded. In grace the period is over: it ends at once.

    Until its end the number stays the customer's. Canceling again, or what has ended, changes nothing.
    Raises RequestInProgress while the order is still being placed.
    """
    locked = Subscription.objects.locked().select_related("country").get(pk=subscription.pk)
    if locked.has_ended:
        return locked
    if locked.status in Subscription.UNSETTLED:
        raise RequestInProgress(retry_after_seconds=1, id=locked.pk)
    if at_once or locked.status == Status.GRACE:
        return _end(locked, Status.CANCELED, now or timezone.now())
    locked.is_canceled = True
    locked.auto_renew = False
    locked.due_at = locked.expires_at
    locked.save(update_fields=["is_canceled", "auto_renew", "due_at"])
    return locked


@transaction.atomic
def take_back(*, subscription: Subscription) -> Subscription:
    """Staff release the number at once; nothing is refunded. What has ended is returned as it is.

    Raises RequestInProgress while the order is still being placed.
    """
    locked = Subscription.objects.locked().select_related("country").get(pk=subscription.pk)
    if locked.status in Subscription.UNSETTLED:
        raise RequestInProgress(retry_after_seconds=1, id=locked.pk)
    return locked if locked.has_ended else _end(locked, Status.RELEASED, timezone.now(), failure="staff")


def close(row: Subscription, status: str, now: datetime, failure: str = "") -> None:
    """Make a locked row final, unsaved: nobody listens any more, and the number is due to go back."""
    row.status = status
    row.auto_renew = False
    row.closed_at = now
    row.due_at = now
    row.failure = failure
    row.attempts = 0
    row.needs_staff = False


def _end(locked: Subscription, status: str, now: datetime, failure: str = "") -> Subscription:
    close(locked, status, now, failure)
    locked.save()
    tell(locked, status)
    return locked
