"""The whole story of a message, in the order in which it happened."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from notifications.models import Chunk, DeliveryReport, Message
from wallets.admin.look import in_words, list_of, moment, page_of
from wallets.errors import NoExchangeRate
from wallets.models import Transaction
from wallets.services import convert_amount

Effect = DeliveryReport.Effect

EFFECT_TONES: dict[str, str] = {
    Effect.APPLIED: "info", Effect.CONTRADICTS: "danger", Effect.PARKED: "warning", Effect.UNKNOWN: "warning",
}  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One thing that happened. `quote` is a text as it went out; `url` leads to the row that proves it."""

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
    """What the message took and what it cost."""

    price: str
    shown_taken: str
    cost: str
    margin: str


def story(message: Message) -> list[Step]:
    steps = [*_sending(message), *_movements(message), *_reports(message), *_came_back(message), *_end(message)]
    return sorted(steps, key=lambda step: (step.at, step.rank))


def _sending(message: Message) -> Iterator[Step]:
    by = f"by key {message.credential}" if message.credential else "without a key"
    what = f"{message.version} to {message.to}" if message.version else f"to {message.to}"
    sending = message.chunk.sending if message.chunk else None
    what += f", one of {sending.recipients:,} of sending #{sending.pk}" if sending else ""
    what += f", sent to {message.redirected_to} instead" if message.redirected_to else ""
    yield Step(
        message.created_at, "Requested", f"{what}, {by}", "send", quote=sending.text if sending else message.body,
        url=page_of("notifications_sending", sending.pk) if sending else "",
    )  # fmt: skip
    if sending and sending.scheduled_at > message.created_at:
        yield Step(sending.scheduled_at, "Scheduled for this moment", "", "schedule", rank=1)
    if message.called_at:
        detail = f"{message.provider}, reference {message.uuid}"
        yield Step(message.called_at, "Provider called", detail, "call", rank=2)
    if message.accepted_at:
        detail = f"{message.provider}’s id {message.provider_message_id}"
        yield Step(message.accepted_at, "Taken by the provider", detail, "outbox", "info", rank=3)
    if message.erased_at:
        yield Step(message.erased_at, "Text erased", "", "ink_eraser")


def _movements(message: Message) -> Iterator[Step]:
    if message.chunk is not None:
        yield from _movements_of_its_chunk(message, message.chunk)
    elif message.charge_id is not None:
        charge = Transaction.objects.get(pk=message.charge_id)
        yield _movement(charge, "Charged", "payments", "success")
        for given_back in charge.refunds.order_by("id"):
            yield _movement(given_back, "Refunded", "undo", "warning")
    booked = Transaction.objects.filter(reference=f"message:{message.pk}:cost").first()
    if booked is not None:
        yield _movement(booked, "Cost booked:", "request_quote", "")


def _movements_of_its_chunk(message: Message, chunk: Chunk) -> Iterator[Step]:
    """Its money moves with that of the others of its chunk."""
    its = f"{in_words(message.price, message.currency)} of it for this message"
    if chunk.hold is not None and message.billing != Message.Billing.FREE:
        yield Step(
            chunk.hold.created_at, f"Held {in_words(chunk.hold.amount, message.currency)}", its, "lock_clock", "info",
            url=page_of("wallets_hold", chunk.hold_id), rank=1,
        )  # fmt: skip
    if message.charge_id is None:
        return
    charge = Transaction.objects.get(pk=message.charge_id)
    yield replace(_movement(charge, "Captured", "payments", "success"), detail=f"#{charge.pk}, {its}")
    if message.billing == Message.Billing.REFUNDED:
        for given_back in charge.refunds.order_by("id"):
            row = _movement(given_back, "Refunded", "undo", "warning")
            yield replace(row, detail=f"{row.detail}: this message’s among others")


def _movement(row: Transaction, word: str, icon: str, tone: str) -> Step:
    by = f", by {row.actor}" if row.actor else ""
    return Step(
        row.posted_at, f"{word} {in_words(row.amount, row.currency)}", f"#{row.pk} {row.reference}{by}", icon, tone,
        url=page_of("wallets_transaction", row.pk), rank=1,
    )  # fmt: skip


def _reports(message: Message) -> Iterator[Step]:
    for report in message.reports.order_by("id"):
        error = f", error {report.error_code}" if report.error_code else ""
        times = f", {report.times} times" if report.times > 1 else ""
        yield Step(
            report.received_at, f"Report: {report.status}{error}", f"{report.get_effect_display()}{times}",
            "mark_chat_read", EFFECT_TONES.get(report.effect, ""),
            url=page_of("notifications_deliveryreport", report.pk), rank=4,
        )  # fmt: skip


def _came_back(message: Message) -> Iterator[Step]:
    """What the recipient of an e-mail did with it."""
    if message.opened_at:
        yield Step(message.opened_at, "Opened", f"counted: {message.opens}", "drafts", "success", rank=4)
    if message.clicked_at:
        yield Step(message.clicked_at, "Link followed", f"counted: {message.clicks}", "ads_click", "success", rank=4)
    if message.bounced_at:
        yield Step(message.bounced_at, "Bounced", message.failure, "undo", "danger", rank=4)
    if message.complained_at:
        yield Step(message.complained_at, "Called spam", "", "report", "danger", rank=4)


def _end(message: Message) -> Iterator[Step]:
    if message.closed_at:
        tone = "success" if message.state in Message.ARRIVED else "danger"
        yield Step(message.closed_at, message.get_state_display(), message.failure, "flag", tone, rank=5)
    elif message.due_at:
        looks = f"{message.get_dispatch_display()}; looked {message.attempts} times since its last change"
        yield Step(message.due_at, "Next look", looks, "more_time", rank=6)


def account(message: Message) -> Account:
    """Price, what was taken in the end, cost and margin. A cost nobody can convert gives no margin."""
    taken = taken_for(message)
    price = in_words(message.price, message.currency)
    if message.original_amount is not None and message.original_currency != message.currency:
        price = f"{price} ({in_words(message.original_amount, message.original_currency or '')})"
    return Account(
        price=price,
        shown_taken=in_words(taken, message.currency),
        cost="not known yet" if message.cost is None else in_words(message.cost, message.cost_currency),
        margin=margin(message, taken),
    )


def taken_for(message: Message) -> Decimal:
    if message.chunk_id is not None:
        return message.price if message.billing == Message.Billing.CHARGED else Decimal(0)
    if message.charge_id is None:
        return Decimal(0)
    charge = Transaction.objects.get(pk=message.charge_id)
    return charge.amount - sum((row.amount for row in charge.refunds.all()), Decimal(0))


def margin(message: Message, taken: Decimal) -> str:
    if message.cost is None or not message.cost_currency:
        return ""
    try:
        cost = convert_amount(message.cost, message.cost_currency, message.currency, message.created_at)
    except NoExchangeRate:
        return f"no rate from {message.cost_currency}"
    percent = f" ({(taken - cost) / taken:.0%})" if taken else ""
    return f"{in_words(taken - cost, message.currency)}{percent}"


def links(message: Message) -> list[tuple[str, str]]:
    """Where else to look."""
    return [
        ("Customer", page_of("wallets_customer", message.customer_id)),
        ("Wallet", page_of("wallets_wallet", message.wallet_id)),
        ("Statement", list_of("wallets_transaction", wallet=message.wallet_id)),
        ("Sending", page_of("notifications_sending", message.chunk.sending_id) if message.chunk else ""),
        ("Chunk", page_of("notifications_chunk", message.chunk_id) if message.chunk_id else ""),
        ("Template", page_of("notifications_templateversion", message.version_id) if message.version_id else ""),
        ("Events", list_of("wallets_event", q=f"message:{message.pk}")),
        ("Other messages to the recipient", list_of("notifications_message", q=message.to)),
    ]
