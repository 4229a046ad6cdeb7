"""The whole story of a monthly number, in the order in which it happened."""

from collections.abc import Iterator

from activations.admin.timeline import Account, Step
from activations.models import Subscription, SubscriptionPeriod
from activations.services.subscriptions.money import taken_for
from wallets.admin.look import in_words, list_of, page_of
from wallets.errors import NoExchangeRate
from wallets.models import Event, Transaction
from wallets.services import convert_amount

Status = Subscription.Status
# A number kept for years has hundreds: the newest say what matters.
SHOWN = 50
TONES = {"grace": "warning", "released": "danger", "expired": "warning", "canceled": "warning", "failed": "danger"}
ICONS = {"grace": "hourglass_bottom", "released": "link_off", "activated": "sim_card", "failed": "error"}


def story(subscription: Subscription) -> list[Step]:
    steps = [*_order(subscription), *_charges(subscription), *_told(subscription), *_messages(subscription)]
    return sorted([*steps, *_end(subscription)], key=lambda step: (step.at, step.rank))


def _order(row: Subscription) -> Iterator[Step]:
    by = f"by key {row.credential}" if row.credential else "without a key"
    yield Step(
        row.created_at, "Requested", f"A number of {row.country}, {row.provider}, reference {row.uuid}, {by}",
        "shopping_cart",
    )  # fmt: skip


def _charges(row: Subscription) -> Iterator[Step]:
    periods = {period.reference: period for period in _latest_periods(row)}
    for charge in Transaction.objects.filter(reference__in=periods).prefetch_related("refunds").order_by("id"):
        period = periods[charge.reference]
        when = f"{period.starts_at:%Y-%m-%d} to {period.ends_at:%Y-%m-%d}" if period.ends_at else "no number yet"
        url = page_of("wallets_transaction", charge.pk)
        yield Step(
            charge.posted_at, f"Charged {in_words(charge.amount, charge.currency)}",
            f"Period {period.number}, {when}, by {charge.actor or 'nobody named'}", "payments", "success", url=url,
            rank=1,
        )  # fmt: skip
        for refund in charge.refunds.all():
            back = in_words(refund.amount, refund.currency)
            url = page_of("wallets_transaction", refund.pk)
            yield Step(refund.posted_at, f"Refunded {back}", refund.reference, "undo", "warning", url=url, rank=1)


def _latest_periods(row: Subscription) -> list[SubscriptionPeriod]:
    return list(row.periods.order_by("-number")[:SHOWN])


def _told(row: Subscription) -> Iterator[Step]:
    events = Event.objects.filter(object_type="subscription", object_id=row.pk)
    for event in events.exclude(kind="subscription.message_received").order_by("-sequence")[:SHOWN]:
        what = event.kind.removeprefix("subscription.")
        facts = (name for name in ("reason", "grace_until") if name in event.payload)
        detail = ", ".join(f"{name} {event.payload[name]}" for name in facts)
        yield Step(
            event.created_at, what.capitalize(), detail, ICONS.get(what, "event_repeat"), TONES.get(what, "info"),
            url=page_of("wallets_event", event.pk), rank=2,
        )  # fmt: skip


def _messages(row: Subscription) -> Iterator[Step]:
    for message in row.messages.order_by("-id")[:SHOWN]:
        erased = "" if message.erased_at is None else f"text erased {message.erased_at:%Y-%m-%d}"
        yield Step(
            message.received_at, f"SMS from {message.sender or 'an unknown sender'}", erased, "sms", "info",
            quote=message.text, url=page_of("activations_inboundmessage", message.pk),
        )  # fmt: skip


def _end(row: Subscription) -> Iterator[Step]:
    if row.returned_at:
        yield Step(row.returned_at, "Number given back", row.provider, "assignment_return", rank=4)
    if row.due_at:
        tries = f"{row.attempts} tries since its last change"
        yield Step(row.due_at, "Next look", tries, "more_time", rank=5)


def account(row: Subscription) -> Account:
    """What it took so far and what the provider took for it. A cost nobody can convert gives no margin."""
    taken = taken_for(row)
    return Account(
        price=f"{in_words(row.price, row.currency)} in period {row.period}",
        taken=taken,
        cost=_cost(row),
        margin="",
        currency=row.currency,
    )


def _cost(row: Subscription) -> str:
    periods = row.periods.filter(starts_at__isnull=False)
    try:
        costs = [convert_amount(each.cost, each.cost_currency, row.currency, each.charged_at) for each in periods]
    except NoExchangeRate:
        return f"no rate to {row.currency}"
    return f"{in_words(sum(costs, start=row.price * 0), row.currency)} in {len(costs)} periods"


def links(row: Subscription) -> list[tuple[str, str]]:
    """Where else to look."""
    return [
        ("Customer", page_of("wallets_customer", row.customer_id)),
        ("Wallet", page_of("wallets_wallet", row.wallet_id)),
        ("Statement", list_of("wallets_transaction", wallet=row.wallet_id)),
        ("Plan", page_of("catalog_monthlynumberplan", row.plan_id)),
        ("Events", list_of("wallets_event", q=f"subscription:{row.pk}")),
    ]
