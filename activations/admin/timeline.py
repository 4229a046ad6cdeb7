"""The whole story of a rental, in the order in which it happened."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings

from activations.models import Activation, InboundMessage
from activations.services.numbers import GRACE
from catalog.models import Offer
from wallets.admin.look import in_words, list_of, moment, page_of
from wallets.errors import NoExchangeRate
from wallets.models import Hold, Transaction
from wallets.services import convert_amount

Status = Activation.Status


@dataclass(frozen=True)
class Step:
    """One thing that happened. `quote` is a text as it came; `url` leads to the row that proves it."""

    at: datetime
    title: str
    detail: str = ""
    icon: str = "radio_button_unchecked"
    tone: str = ""
    quote: str = ""
    url: str = ""
    rank: int = 0  # of two at the same moment

    @property
    def shown_at(self) -> str:
        return moment(self.at)


@dataclass(frozen=True)
class Account:
    """What the order took and what it cost, in the wallet's currency."""

    price: str
    taken: Decimal
    cost: str
    margin: str
    currency: str

    @property
    def shown_taken(self) -> str:
        return in_words(self.taken, self.currency)


def story(activation: Activation) -> list[Step]:
    steps = [*_order(activation), *_hold(activation), *_charge(activation), *_messages(activation), *_end(activation)]
    return sorted(steps, key=lambda step: (step.at, step.rank))


def _order(activation: Activation) -> Iterator[Step]:
    by = f"by key {activation.credential}" if activation.credential else "without a key"
    price = in_words(activation.price, activation.currency)
    yield Step(
        activation.created_at, "Requested", f"{activation.service} in {activation.country} for {price}, {by}",
        "shopping_cart",
    )  # fmt: skip
    if activation.call_deadline_at:
        detail = f"{activation.provider}, reference {activation.uuid}"
        yield Step(_called_at(activation, activation.call_deadline_at), "Provider called", detail, "call", rank=2)
    if activation.started_at:
        detail = f"{activation.provider}'s number {activation.provider_number_id or '–'}, "
        detail += f"for {activation.ttl_seconds} s until {activation.expires_at:%H:%M:%S} UTC"
        yield Step(activation.started_at, f"Number {activation.phone}", detail, "sim_card", "info")


def _called_at(activation: Activation, deadline: datetime) -> datetime:
    """When the call began: only its deadline is kept."""
    began = deadline - timedelta(seconds=settings.PROVIDER_DEADLINE_SECONDS) - GRACE
    return max(activation.created_at, began)


def _hold(activation: Activation) -> Iterator[Step]:
    if activation.hold_id is None:
        return
    hold = Hold.objects.select_related("wallet").get(pk=activation.hold_id)
    url = page_of("wallets_hold", hold.pk)
    yield Step(
        hold.created_at, f"Held {in_words(hold.amount, activation.currency)}", hold.reference, "lock", url=url, rank=1
    )
    for part in hold.releases.all():
        yield Step(
            part.created_at, f"Released {in_words(part.amount, activation.currency)}",
            f"{part.get_cause_display()} {part.actor and 'by ' + part.actor}".strip(), "lock_open", "warning", url=url,
            rank=1,
        )  # fmt: skip


def _charge(activation: Activation) -> Iterator[Step]:
    if activation.charge_id is None:
        return
    charge = Transaction.objects.get(pk=activation.charge_id)
    word = "Captured" if charge.hold_id else "Charged"
    yield _movement(charge, word, "payments", "success")
    for given_back in charge.refunds.order_by("id"):
        yield _movement(given_back, "Refunded", "undo", "warning")


def _movement(row: Transaction, word: str, icon: str, tone: str) -> Step:
    by = f", by {row.actor}" if row.actor else ""
    return Step(
        row.posted_at, f"{word} {in_words(row.amount, row.currency)}", f"#{row.pk} {row.reference}{by}", icon, tone,
        url=page_of("wallets_transaction", row.pk), rank=1,
    )  # fmt: skip


def _messages(activation: Activation) -> Iterator[Step]:
    tones: dict[str, str] = {InboundMessage.State.MATCHED: "success", InboundMessage.State.LATE: "danger"}
    for message in activation.messages.order_by("id"):
        code = f", code {message.code}" if message.code else ""
        erased = "" if message.erased_at is None else f", text erased {message.erased_at:%Y-%m-%d}"
        yield Step(
            message.received_at,
            f"SMS from {message.sender or 'an unknown sender'}{code}",
            f"{message.get_state_display()}{erased}",
            "sms",
            tones.get(message.state, "info"),
            quote=message.text,
            url=page_of("activations_inboundmessage", message.pk),
        )
        if message.resolved_at:
            yield Step(message.resolved_at, "Late case resolved", message.resolution, "task_alt", "success")


def _end(activation: Activation) -> Iterator[Step]:
    if activation.closed_at:
        tone = "success" if activation.status == Status.FINISHED else "danger" if activation.failure else "warning"
        yield Step(activation.closed_at, activation.get_status_display(), activation.failure, "flag", tone, rank=3)
    elif activation.due_at:
        looks = f"looked {activation.attempts} times since its last change"
        yield Step(activation.due_at, "Next look", looks, "more_time", rank=4)


def account(activation: Activation) -> Account:
    """Price, what was taken in the end, cost and margin. A cost nobody can convert gives no margin."""
    taken = _taken(activation)
    return Account(
        price=in_words(activation.price, activation.currency),
        taken=taken,
        cost=in_words(activation.cost, activation.cost_currency),
        margin=_margin(activation, taken),
        currency=activation.currency,
    )


def _taken(activation: Activation) -> Decimal:
    if activation.charge_id is None:
        return Decimal(0)
    charge = Transaction.objects.get(pk=activation.charge_id)
    return charge.amount - sum((row.amount for row in charge.refunds.all()), Decimal(0))


def _margin(activation: Activation, taken: Decimal) -> str:
    if activation.status not in Activation.EARNED:
        return ""
    try:
        cost = convert_amount(activation.cost, activation.cost_currency, activation.currency, activation.created_at)
    except NoExchangeRate:
        return f"no rate from {activation.cost_currency}"
    percent = f" ({(taken - cost) / taken:.0%})" if taken else ""
    return f"{in_words(taken - cost, activation.currency)}{percent}"


def links(activation: Activation) -> list[tuple[str, str]]:
    """Where else to look."""
    offer: Offer = activation.offer
    return [
        ("Customer", page_of("wallets_customer", activation.customer_id)),
        ("Wallet", page_of("wallets_wallet", activation.wallet_id)),
        ("Statement", list_of("wallets_transaction", wallet=activation.wallet_id)),
        ("Offer", page_of("catalog_offer", offer.pk)),
        ("Events", list_of("wallets_event", q=f"activation:{activation.pk}")),
        *(
            [("Other rentals of the number", list_of("activations_activation", q=activation.phone))]
            if activation.phone
            else []
        ),
    ]
