"""What a customer, or staff, can ask of a provider about an order it has taken."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from activations.errors import OrderNotCancelable, OrderNotRefillable, ProviderSilent, RequestInProgress
from activations.models import SmmOrder
from activations.providers.smm import ProviderError, SmmProvider, provider_for
from activations.services.smm import orders
from activations.services.smm.polling import ask
from activations.services.smm.resolving import resolve
from config.errors import DomainError

log = structlog.get_logger(__name__)

Status = SmmOrder.Status
Answer = TypeVar("Answer")

# Panels take one refill of an order a day.
REFILL_EVERY = timedelta(hours=24)


def request_cancel(*, order: SmmOrder) -> SmmOrder:
    """Ask the provider to stop a running order. Its next reports say what became of that.

    It ends as canceled, partial, or completed where it was too late; money goes back then. Asking again, or
    for one that is canceled, changes nothing. Raises OrderNotCancelable, ProviderSilent, and
    RequestInProgress while the order is still being placed.
    """
    current = _current(order)
    if current.status in SmmOrder.UNSETTLED:
        raise RequestInProgress(retry_after_seconds=1, id=current.pk)
    if current.status == Status.CANCELED or (current.cancel_asked_at and not current.is_final):
        return current
    if current.is_final or not current.service.can_cancel:
        raise OrderNotCancelable(id=current.pk)
    _ask(
        current,
        lambda provider: provider.cancel(
            current.provider_order_id, deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS
        ),
        OrderNotCancelable(id=current.pk),
    )
    return _note_cancel(current.pk)


def request_refill(*, order: SmmOrder) -> SmmOrder:
    """Ask the provider to deliver again what dropped off since the order ended. No money moves.

    Asking again within a day returns the order as it is. Raises OrderNotRefillable, ProviderSilent.
    """
    current = _current(order)
    if current.status not in SmmOrder.DELIVERED or not current.service.can_refill:
        raise OrderNotRefillable(id=current.pk)
    if current.refill_asked_at and current.refill_asked_at > timezone.now() - REFILL_EVERY:
        return current
    refill_id = _ask(
        current,
        lambda provider: provider.refill(
            current.provider_order_id, deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS
        ),
        OrderNotRefillable(id=current.pk),
    )
    return _note_refill(current.pk, refill_id)


def ask_again(order: SmmOrder) -> SmmOrder:
    """Find out now how an order stands, final ones too (what contradicts those is kept and moves no money).

    Raises ProviderSilent where the provider says nothing understandable of it.
    """
    current = _current(order)
    if current.status in SmmOrder.UNSETTLED:
        return resolve(current)
    report = ask([current]).get(current.provider_order_id) if current.provider_order_id else None
    if report is None:
        raise ProviderSilent(retry_after_seconds=1)
    return orders.take_report(current.pk, report)


def _current(order: SmmOrder) -> SmmOrder:
    return SmmOrder.objects.select_related("service").get(pk=order.pk)


def _ask(order: SmmOrder, question: Callable[[SmmProvider], Answer], refusal: DomainError) -> Answer:
    """The provider's answer. Its no is `refusal`, its silence ProviderSilent: asking twice does no harm."""
    try:
        return question(provider_for(order.provider))
    except ProviderError:
        raise refusal from None
    except Exception as silence:
        log.warning("provider did not answer", order=order.pk, provider=order.provider, why=type(silence).__name__)
        raise ProviderSilent(retry_after_seconds=5) from None


@transaction.atomic
def _note_cancel(order_id: int) -> SmmOrder:
    locked = SmmOrder.objects.locked().get(pk=order_id)
    if locked.cancel_asked_at is None:
        now = timezone.now()
        locked.cancel_asked_at = now
        if not locked.is_final:
            locked.due_at = now + orders.soonest(locked)
        locked.save(update_fields=["cancel_asked_at", "due_at"])
    return locked


@transaction.atomic
def _note_refill(order_id: int, refill_id: str) -> SmmOrder:
    locked = SmmOrder.objects.locked().get(pk=order_id)
    locked.refill_asked_at = timezone.now()
    locked.refill_id = refill_id[:64]
    locked.save(update_fields=["refill_asked_at", "refill_id"])
    return locked
