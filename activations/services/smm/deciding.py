"""What only a person can know: staff say what became of an order."""

from django.db import IntegrityError, transaction

from activations.errors import OrderDecided, ProviderOrderTaken
from activations.models import SmmOrder
from activations.providers.smm import OrderReport
from activations.services.smm import orders

Status = SmmOrder.Status


def declare_placed(*, order: SmmOrder, provider_order_id: str) -> SmmOrder:
    """The provider has the order under this id: it goes on, and is polled. Repeating it is fine.

    Raises OrderDecided where its outcome is known otherwise, ProviderOrderTaken.
    """
    current = SmmOrder.objects.get(pk=order.pk)
    if current.status != Status.UNKNOWN and current.provider_order_id != provider_order_id:
        raise OrderDecided
    try:
        return orders.accept(order.pk, provider_order_id)
    except IntegrityError:
        raise ProviderOrderTaken from None


def declare_not_placed(*, order: SmmOrder, actor: str) -> SmmOrder:
    """The provider has no such order: everything is given back. Repeating it changes nothing.

    Raises OrderDecided where the provider has it.
    """
    current = SmmOrder.objects.get(pk=order.pk)
    if current.status not in {Status.UNKNOWN, Status.FAILED}:
        raise OrderDecided
    done = orders.fail(order.pk, "not_placed", actor=actor)
    if done.status != Status.FAILED:
        raise OrderDecided
    return done


def settle_by_hand(*, order: SmmOrder, status: str, remains: int | None = None, actor: str) -> SmmOrder:
    """End a running order that its provider reports wrongly, or not at all, as it would have reported it.

    Partial needs `remains`. Repeating it changes nothing. Raises OrderDecided where it has ended otherwise.
    """
    wanted = Status(status)
    assert wanted in SmmOrder.FINAL
    assert wanted != Status.PARTIAL or remains is not None, "a partial order says what remains"
    current = SmmOrder.objects.get(pk=order.pk)
    if current.status in SmmOrder.RUNNING:
        current = orders.take_report(order.pk, OrderReport(wanted, remains=remains), actor=actor)
    if current.status != wanted:
        raise OrderDecided
    return current


@transaction.atomic
def deal_with(*, order: SmmOrder) -> bool:
    """Staff have dealt with what its provider did after an order's end: it no longer asks for them. No money moves.

    False where there was nothing to deal with. Raises OrderDecided for one that has not ended.
    """
    locked = SmmOrder.objects.locked().get(pk=order.pk)
    if not locked.is_final:
        raise OrderDecided("This order has not ended.")
    asked = locked.needs_staff or bool(locked.contradiction)
    locked.needs_staff = False
    locked.contradiction = ""
    locked.save(update_fields=["needs_staff", "contradiction"])
    return asked
