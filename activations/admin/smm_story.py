"""The whole story of an SMM order, in the order in which it happened."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from django.conf import settings

from activations.admin.timeline import Account, Step
from activations.models import SmmOrder
from activations.services.numbers import GRACE
from wallets.admin.look import in_words, list_of, page_of
from wallets.errors import NoExchangeRate
from wallets.models import Event, Transaction
from wallets.services import convert_amount

Status = SmmOrder.Status
SHOWN_EVENTS = 50


def story(order: SmmOrder) -> list[Step]:
    steps = [*_order(order), *_charge(order), *_progress(order), *_asked(order), *_end(order)]
    return sorted(steps, key=lambda step: (step.at, step.rank))


def _order(order: SmmOrder) -> Iterator[Step]:
    by = f"by key {order.credential}" if order.credential else "without a key"
    what = f"{order.quantity:,} × {order.service} for {in_words(order.price, order.currency)}, {by}"
    yield Step(order.created_at, "Requested", what, "shopping_cart")
    if order.call_deadline_at:
        began = order.call_deadline_at - timedelta(seconds=settings.PROVIDER_DEADLINE_SECONDS) - GRACE
        detail = f"{order.provider}, reference {order.uuid}"
        yield Step(max(order.created_at, began), "Provider called", detail, "call", rank=2)
    if order.placed_at:
        detail = f"{order.provider}'s order {order.provider_order_id}"
        yield Step(order.placed_at, "Placed", detail, "task_alt", "info", rank=3)


def _charge(order: SmmOrder) -> Iterator[Step]:
    if order.charge_id is None:
        return
    charge = Transaction.objects.get(pk=order.charge_id)
    yield _movement(charge, "Charged", "payments", "success")
    for given_back in charge.refunds.order_by("id"):
        yield _movement(given_back, "Refunded", "undo", "warning")


def _movement(row: Transaction, word: str, icon: str, tone: str) -> Step:
    by = f", by {row.actor}" if row.actor else ""
    return Step(
        row.posted_at, f"{word} {in_words(row.amount, row.currency)}", f"#{row.pk} {row.reference}{by}", icon, tone,
        url=page_of("wallets_transaction", row.pk), rank=1,
    )  # fmt: skip


def _progress(order: SmmOrder) -> Iterator[Step]:
    """What the provider reported while it ran, as the customer was told; the latest reports of a long run."""
    told = Event.objects.filter(object_type="smm_order", object_id=order.pk).order_by("-sequence")
    for event in told[:SHOWN_EVENTS]:
        status = event.payload.get("status")
        if status in SmmOrder.RUNNING:
            detail = f"{event.payload.get('remains')} of {event.payload.get('quantity')} remain"
            title = f"{Status(status).label}, {event.payload.get('progress')} %"
            yield Step(event.created_at, title, detail, "trending_up", "info")


def _asked(order: SmmOrder) -> Iterator[Step]:
    if order.cancel_asked_at:
        yield Step(order.cancel_asked_at, "Asked to cancel", "", "cancel", "warning")
    if order.refill_asked_at:
        yield Step(order.refill_asked_at, "Asked for a refill", order.refill_id, "replay", "info")


def _end(order: SmmOrder) -> Iterator[Step]:
    if order.closed_at:
        tone = "success" if order.status == Status.COMPLETED else "danger" if order.failure else "warning"
        rest = "" if order.remains is None else f"{order.remains:,} of {order.quantity:,} remain"
        yield Step(order.closed_at, order.get_status_display(), order.failure or rest, "flag", tone, rank=4)
    elif order.due_at:
        looks = f"looked {order.attempts} times in vain"
        yield Step(order.due_at, "Next look", looks, "more_time", rank=5)


def account(order: SmmOrder) -> Account:
    """Price, what was taken in the end, cost and margin. A cost nobody can convert gives no margin."""
    taken = _taken(order)
    return Account(
        price=in_words(order.price, order.currency),
        taken=taken,
        cost=in_words(order.cost, order.cost_currency),
        margin=_margin(order, taken),
        currency=order.currency,
    )


def _taken(order: SmmOrder) -> Decimal:
    if order.charge_id is None:
        return Decimal(0)
    charge = Transaction.objects.get(pk=order.charge_id)
    return charge.amount - sum((row.amount for row in charge.refunds.all()), Decimal(0))


def _margin(order: SmmOrder, taken: Decimal) -> str:
    if order.status not in SmmOrder.DELIVERED or not order.moves_money:
        return ""
    try:
        cost = convert_amount(order.cost, order.cost_currency, order.currency, order.created_at)
    except NoExchangeRate:
        return f"no rate from {order.cost_currency}"
    percent = f" ({(taken - cost) / taken:.0%})" if taken else ""
    return f"{in_words(taken - cost, order.currency)}{percent}"


def links(order: SmmOrder) -> list[tuple[str, str]]:
    """Where else to look."""
    return [
        ("Customer", page_of("wallets_customer", order.customer_id)),
        ("Wallet", page_of("wallets_wallet", order.wallet_id)),
        ("Statement", list_of("wallets_transaction", wallet=order.wallet_id)),
        ("Service", page_of("catalog_smmservice", order.service_id)),
        ("Events", list_of("wallets_event", q=f"smm_order:{order.pk}")),
        ("Other orders for the link", list_of("activations_smmorder", q=order.link)),
    ]
