"""A subscription and its number: what the provider's answers make of it.

Every change is "lock the row, look again, decide, write", so the request that called, the
tick and the client's repeat may all come at once.
"""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from activations.errors import RequestInProgress
from activations.models import Subscription, SubscriptionPeriod
from activations.providers import GivenNumber, NumberRequest, OutcomeUnknown, ProviderError, provider_for
from activations.services.number_texts import adopt_early_texts
from activations.services.numbers import FIRST_ASK, GRACE, LONGEST_NUMBER_ID, backoff, claim_seconds
from activations.services.phones import e164
from activations.services.resolving import STAFF_AFTER
from activations.services.subscriptions import money
from activations.services.subscriptions.months import months_after
from activations.services.subscriptions.telling import tell

log = structlog.get_logger(__name__)

Status = Subscription.Status


def request_of(subscription: Subscription) -> NumberRequest:
    return NumberRequest(
        reference=str(subscription.uuid),
        service="",
        service_name="Monthly number",
        country=subscription.country.code,
        ttl_seconds=0,
        multiple_sms=True,
        monthly=True,
    )


def claim_ends(now: datetime) -> datetime:
    """How long whoever works on a row keeps it to itself: after a crash it is due again then."""
    return now + timedelta(seconds=claim_seconds())


def is_being_called(subscription: Subscription, now: datetime) -> bool:
    """May a call of it be in flight?"""
    deadline = subscription.call_deadline_at
    return subscription.status == Status.CALLING and deadline is not None and deadline > now


@transaction.atomic
def start_calling(subscription: Subscription) -> bool:
    """Take the right to call the provider; False when the order is past that.

    Raises RequestInProgress while another request's call may be in flight.
    """
    locked = Subscription.objects.locked().get(pk=subscription.pk)
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
def mark_unknown(subscription_id: int) -> Subscription:
    """Nobody knows whether the provider gave a number: the money stays where it is until it is asked.

    One that was never called becomes unknown too: whoever was about to call it comes too late.
    """
    locked = Subscription.objects.locked().get(pk=subscription_id)
    if locked.status in Subscription.UNSETTLED:
        locked.status = Status.UNKNOWN
        locked.due_at = timezone.now() + FIRST_ASK
        locked.save(update_fields=["status", "due_at"])
    return locked


@transaction.atomic
def take_over(subscription_id: int) -> Subscription:
    """Take the right to ask what became of an order: it is `unknown` then, or it is not to be asked about."""
    locked = Subscription.objects.locked().select_related("country").get(pk=subscription_id)
    now = timezone.now()
    # Looked at again once locked: since it was found, somebody may have begun to call.
    if locked.status in Subscription.UNSETTLED and not is_being_called(locked, now):
        locked.status = Status.UNKNOWN
        locked.due_at = claim_ends(now)
        locked.save(update_fields=["status", "due_at"])
    return locked


def give_number(subscription_id: int, given: GivenNumber, *, now: datetime | None = None) -> Subscription:
    """The provider gave a number: the first period begins. A number that comes when all is over goes back.

    Raises OutcomeUnknown for an answer that cannot be a number.
    """
    phone = e164(given.phone)
    if phone is None or not 0 < len(given.id) <= LONGEST_NUMBER_ID:
        raise OutcomeUnknown("the provider's answer is not a number")
    locked = _accept(subscription_id, given, phone, now or timezone.now())
    if locked.has_ended and locked.provider_number_id == given.id:
        return give_back(locked)
    if locked.provider_number_id != given.id:
        log.error("a second number for one subscription", subscription=locked.pk, provider=locked.provider)
        provider_for(locked.provider).give_back(given.id, deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS)
    return locked


@transaction.atomic
def _accept(subscription_id: int, given: GivenNumber, phone: str, now: datetime) -> Subscription:
    locked = Subscription.objects.locked().select_related("country").get(pk=subscription_id)
    if locked.status in Subscription.UNSETTLED:
        _start(locked, given, phone, now)
    elif not locked.provider_number_id:
        # Written down before it is given back: a crash in between leaves it to a tick.
        locked.provider_number_id = given.id
        locked.due_at = claim_ends(now)
        locked.save(update_fields=["provider_number_id", "due_at"])
    return locked


def _start(locked: Subscription, given: GivenNumber, phone: str, now: datetime) -> None:
    locked.status = Status.ACTIVE
    locked.phone = phone
    locked.provider_number_id = given.id
    locked.anchor_day = now.day
    locked.started_at = locked.period_started_at = now
    locked.expires_at = locked.due_at = months_after(now, 1, now.day)
    locked.attempts = 0
    locked.needs_staff = False
    locked.save()
    costs = {} if given.cost is None else {"cost": given.cost}
    SubscriptionPeriod.objects.filter(subscription=locked, number=1).update(
        starts_at=now, ends_at=locked.expires_at, **costs
    )
    tell(locked, "activated")
    adopt_early_texts(locked)


@transaction.atomic
def fail(subscription_id: int, code: str) -> Subscription:
    """The provider certainly gave no number: all money goes back."""
    locked = Subscription.objects.locked().select_related("country").get(pk=subscription_id)
    if locked.status in Subscription.UNSETTLED:
        money.give_back_first(locked, actor="system:provider")
        locked.status = Status.FAILED
        locked.auto_renew = False
        locked.failure = code
        locked.closed_at = timezone.now()
        locked.due_at = None
        locked.needs_staff = False
        locked.save(update_fields=["status", "auto_renew", "failure", "closed_at", "due_at", "needs_staff"])
        tell(locked, "failed")
    return locked


def resolve(subscription: Subscription) -> Subscription:
    """Ask the provider by our reference what it did with an order whose outcome nobody knows.

    It gave a number: the subscription begins. It certainly did not: all money goes back. No answer:
    it stays `unknown` and is asked again later; after a day staff are told. One whose call may still be
    in flight, or whose outcome is known, is returned as it is. Safe at any time and twice at once.
    """
    current = take_over(subscription.pk)
    if current.status != Status.UNKNOWN:
        return current
    try:
        given = provider_for(current.provider).find(
            str(current.uuid), deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS
        )
        if given is not None:
            return give_number(current.pk, given)
    except (OutcomeUnknown, ProviderError):
        # A provider that refuses to say, or is not configured now, has not said that it gave none.
        return _ask_again_later(current.pk)
    except Exception:
        log.exception("provider did not say what it did", subscription=current.pk, provider=current.provider)
        return _ask_again_later(current.pk)
    return fail(current.pk, "provider_error")


@transaction.atomic
def _ask_again_later(subscription_id: int) -> Subscription:
    locked = Subscription.objects.locked().select_related("country").get(pk=subscription_id)
    if locked.status == Status.UNKNOWN:
        now = timezone.now()
        locked.due_at = now + backoff(locked.attempts)
        locked.needs_staff = locked.created_at < now - STAFF_AFTER
        locked.save(update_fields=["due_at", "needs_staff"])
    return locked


def give_back(subscription: Subscription) -> Subscription:
    """Give an ended subscription's number back to its provider (the pool quarantines it).

    Repeating it changes nothing; where the provider does not answer, a tick tries again later.
    """
    current = Subscription.objects.select_related("country").get(pk=subscription.pk)
    if not current.has_ended or not current.provider_number_id or current.returned_at is not None:
        return current
    try:
        provider_for(current.provider).give_back(
            current.provider_number_id, deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS
        )
    except Exception:
        log.exception("number could not be given back", subscription=current.pk, provider=current.provider)
        return _give_back_later(current.pk)
    Subscription.objects.filter(pk=current.pk, returned_at=None).update(
        returned_at=timezone.now(), due_at=None, needs_staff=False
    )
    current.refresh_from_db()
    return current


@transaction.atomic
def _give_back_later(subscription_id: int) -> Subscription:
    locked = Subscription.objects.locked().select_related("country").get(pk=subscription_id)
    if locked.returned_at is None:
        now = timezone.now()
        locked.due_at = now + backoff(locked.attempts)
        locked.needs_staff = locked.closed_at is not None and locked.closed_at < now - STAFF_AFTER
        locked.save(update_fields=["due_at", "needs_staff"])
    return locked
