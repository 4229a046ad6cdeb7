"""Ending a rental: by the customer, by its deadline, or because it has earned its money.

The provider is asked a last time and told to end it; only then is money given back. An SMS that
comes before the last lock wins: the customer gets the code and pays for it, never both
a code and a refund.
"""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from activations.errors import ActivationCompleted, RequestInProgress
from activations.models import Activation
from activations.providers import OutcomeUnknown, ProviderError, provider_for
from activations.services import settlement
from activations.services.inbound import receive_text
from wallets.services import emit

log = structlog.get_logger(__name__)

Status = Activation.Status

RETRY = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=5), timedelta(hours=1))
STAFF_AFTER = timedelta(hours=24)


def cancel(*, activation: Activation, actor: str = "") -> Activation:
    """Give the number and the money back. Canceling again, or what is over without an SMS, changes nothing.

    The answer is `closing` while the provider does not answer; a tick finishes it. Raises
    ActivationCompleted after an SMS, RequestInProgress while the order is still being placed.
    """
    current = _begin(activation.pk, Status.CANCELED, timezone.now())
    if current.status in Activation.EARNED:
        raise ActivationCompleted(id=current.pk)
    if current.status == Status.CLOSING:
        current = _finish(current, actor=actor)
        if current.status in Activation.EARNED:
            raise ActivationCompleted(id=current.pk)
    elif current.is_open:
        raise RequestInProgress(retry_after_seconds=1, id=current.pk)
    return current


def expire(activation: Activation) -> Activation:
    """End a rental whose time is over; one whose time is not over is left alone. Repeating is fine."""
    current = _begin(activation.pk, Status.EXPIRED, timezone.now())
    if current.status == Status.CLOSING:
        return _finish(current, actor="task:expiry")
    if current.status == Status.RECEIVED and _is_over(current, timezone.now()):
        return _retire(current)
    return current


@transaction.atomic
def _begin(activation_id: int, closing_as: str, now: datetime) -> Activation:
    """Move a waiting one to `closing`, where the caller may; what else it is, is left to the caller."""
    locked = Activation.objects.locked().select_related("service", "country").get(pk=activation_id)
    may = closing_as == Status.CANCELED or _is_over(locked, now)
    if locked.status == Status.WAITING and may:
        locked.status = Status.CLOSING
        locked.closing_as = closing_as
        locked.attempts = 0
        # Due again even if whoever began this dies before it is finished.
        locked.due_at = now + timedelta(seconds=3 * settings.PROVIDER_DEADLINE_SECONDS)
        locked.save(update_fields=["status", "closing_as", "attempts", "due_at"])
    elif locked.status in {Status.WAITING, Status.RECEIVED} and not _is_over(locked, now):
        Activation.objects.filter(pk=locked.pk).update(due_at=locked.expires_at)
    return locked


def _finish(activation: Activation, *, actor: str) -> Activation:
    """Ask a last time, end it at the provider, look once more, then settle."""
    try:
        if _look(activation):
            return _reloaded(activation)
        _return_number(activation)
        if _look(activation):
            return _reloaded(activation)
    except (OutcomeUnknown, ProviderError):
        return _later(activation.pk)
    except Exception:
        log.exception("number could not be given back", activation=activation.pk, provider=activation.provider)
        return _later(activation.pk)
    return _close(activation.pk, actor)


def _look(activation: Activation) -> bool:
    """Fetch what has arrived; True when that earned the money."""
    provider = provider_for(activation.provider)
    for text in provider.texts(activation.provider_number_id, deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS):
        receive_text(
            provider=provider.name,
            provider_message_id=text.id,
            to=activation.phone,
            text=text.text,
            sender=text.sender,
            received_at=text.received_at,
            activation_id=activation.pk,
        )
    return _reloaded(activation).status in Activation.EARNED


@transaction.atomic
def _close(activation_id: int, actor: str) -> Activation:
    """The last look under the lock: an SMS that came first has made it `received`, and it stays so."""
    locked = Activation.objects.locked().select_related("service", "country", "hold", "charge").get(pk=activation_id)
    if locked.status != Status.CLOSING:
        return locked
    settlement.give_back(locked, actor=actor)
    locked.status = locked.closing_as
    locked.closed_at = timezone.now()
    locked.due_at = None
    locked.needs_staff = False
    locked.save(update_fields=["status", "closed_at", "due_at", "needs_staff"])
    emit(
        customer_id=locked.customer_id,
        kind=f"activation.{locked.status}",
        object_type="activation",
        object_id=locked.pk,
        payload={
            "activation_id": locked.pk,
            "service": locked.service.slug,
            "phone": locked.phone,
            "status": locked.status,
        },
    )
    return locked


def _retire(activation: Activation) -> Activation:
    """An earned one is over: the number goes back; money does not move."""
    try:
        if activation.multiple_sms:
            _look(activation)
        _return_number(activation)
    except (OutcomeUnknown, ProviderError):
        return _later(activation.pk)
    except Exception:
        log.exception("number could not be given back", activation=activation.pk, provider=activation.provider)
        return _later(activation.pk)
    return _end(activation.pk)


@transaction.atomic
def _end(activation_id: int) -> Activation:
    locked = Activation.objects.locked().select_related("service", "country").get(pk=activation_id)
    if locked.status == Status.RECEIVED:
        locked.status = Status.FINISHED
        locked.closed_at = timezone.now()
        locked.due_at = None
        locked.needs_staff = False
        locked.save(update_fields=["status", "closed_at", "due_at", "needs_staff"])
    return locked


def _return_number(activation: Activation) -> None:
    provider_for(activation.provider).give_back(
        activation.provider_number_id, deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS
    )


@transaction.atomic
def _later(activation_id: int) -> Activation:
    locked = Activation.objects.locked().select_related("service", "country").get(pk=activation_id)
    if locked.is_open:
        now = timezone.now()
        locked.due_at = now + RETRY[min(locked.attempts, len(RETRY) - 1)]
        locked.needs_staff = bool(locked.expires_at and locked.expires_at < now - STAFF_AFTER)
        locked.save(update_fields=["due_at", "needs_staff"])
    return locked


def _is_over(activation: Activation, now: datetime) -> bool:
    return activation.expires_at is not None and activation.expires_at <= now


def _reloaded(activation: Activation) -> Activation:
    return Activation.objects.select_related("service", "country").get(pk=activation.pk)
