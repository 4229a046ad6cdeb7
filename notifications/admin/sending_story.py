"""The whole story of a sending: what happened to its recipients, and what moved for them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, Max, Min, Q, QuerySet, Sum

from notifications.admin.timeline import Step
from notifications.models import Message, Sending
from notifications.services.sendings.money import journal_of
from wallets.admin.look import in_words, list_of, page_of
from wallets.errors import NoExchangeRate
from wallets.models import Hold, Transaction
from wallets.services import convert_amount

COUNTERS = ("handed", "reached", "failed")
MOVEMENTS = {
    "capture": ("Captured", "payments", "success"), "refund": ("Refunded", "undo", "warning"),
    "tax": ("Tax owed", "account_balance", ""), "tax_back": ("Tax back", "account_balance", ""),
    "cost": ("Cost expected", "request_quote", ""),
}  # fmt: skip
ENDS = {
    "delivered": "success", "read": "success", "undelivered": "danger", "failed": "danger", "rejected": "danger",
    "expired": "warning", "canceled": "",
}  # fmt: skip


@dataclass(frozen=True)
class Account:
    """What the sending takes, and where that is now."""

    price: str
    shown_taken: str
    cost: str
    margin: str


def story(sending: Sending) -> list[Step]:
    steps = [*_made(sending), *_handed(sending), *_movements(sending), *_ends(sending)]
    return sorted(steps, key=lambda step: (step.at, step.rank))


def waiting(sending: Sending) -> bool:
    """Is there something that no provider has been given?"""
    return Message.objects.filter(chunk__sending=sending, dispatch=Message.Dispatch.WAITING).exists()


def _made(sending: Sending) -> Iterator[Step]:
    by = f"by key {sending.credential}" if sending.credential else "without a key"
    held = f", {in_words(sending.price, sending.currency)} held" if sending.moves_money else ", for nothing"
    many = f"{sending.recipients:,} recipient{'s' if sending.recipients > 1 else ''}"
    yield Step(sending.created_at, many, f"{by}{held}", "campaign", quote=sending.text)
    if sending.scheduled_at > sending.created_at:
        yield Step(sending.scheduled_at, "Scheduled for this moment", "", "schedule", rank=1)
    if sending.erased_at:
        yield Step(sending.erased_at, "Text erased", "", "ink_eraser", rank=6)


def _handed(sending: Sending) -> Iterator[Step]:
    rows = Message.objects.filter(chunk__sending=sending, accepted_at__isnull=False)
    for provider, count, first, last in (
        rows.order_by().values_list("provider").annotate(Count("pk"), Min("accepted_at"), Max("accepted_at"))
    ):  # fmt: skip
        yield Step(first, f"Handed to {provider}", f"{count:,} until {last:%H:%M:%S}", "outbox", "info", rank=2)
    unknown = Message.objects.filter(chunk__sending=sending, dispatch=Message.Dispatch.UNKNOWN)
    if (found := unknown.aggregate(count=Count("pk"), since=Min("called_at")))["count"]:
        url = list_of("notifications_message", sending=sending.pk, dispatch="unknown")
        yield Step(
            found["since"], f"{found['count']:,} unknown", "nobody knows whether the provider has them", "help",
            "danger", url=url, rank=3,
        )  # fmt: skip


def _movements(sending: Sending) -> Iterator[Step]:
    """One step for each kind: 100,000 recipients are some hundred movements, which the chunks list."""
    by_word: dict[str, list[tuple[Decimal, str, datetime]]] = {}
    rows = transactions(sending).order_by("id").values_list("reference", "amount", "currency", "posted_at")
    for reference, amount, currency, at in rows:
        by_word.setdefault(f"{reference.split(':')[2]} {currency}", []).append((amount, currency, at))
    for named, moved in by_word.items():
        word, icon, tone = MOVEMENTS.get(named.split()[0], (named.split()[0].capitalize(), "payments", ""))
        total = sum((amount for amount, _, _ in moved), Decimal(0))
        detail = "at once" if len(moved) == 1 else f"in {len(moved):,} movements until {moved[-1][2]:%H:%M:%S}"
        url = list_of("notifications_chunk", sending=sending.pk)
        yield Step(moved[0][2], f"{word} {in_words(total, moved[0][1])}", detail, icon, tone, url=url, rank=4)


def _ends(sending: Sending) -> Iterator[Step]:
    rows = Message.objects.filter(chunk__sending=sending, state__in=Message.FINAL).order_by()
    for state, failure, count, last in rows.values_list("state", "failure").annotate(Count("pk"), Max("closed_at")):
        url = list_of("notifications_message", sending=sending.pk, state=state)
        label = Message.State(state).label.lower()
        yield Step(_moment(last, sending), f"{count:,} {label}", failure, "flag", ENDS[state], url=url, rank=5)


def _moment(at: datetime | None, sending: Sending) -> datetime:
    return at or sending.created_at


def transactions(sending: Sending) -> "QuerySet[Transaction]":
    """All that moved for it: captures of its holds, refunds of those, and its tax and costs by their journal."""
    captures = Transaction.objects.filter(hold__in=holds(sending).values("pk"))
    return Transaction.objects.filter(
        Q(pk__in=captures.values("pk")) | Q(reverses__in=captures.values("pk")) | Q(journal=journal_of(sending))
    )


def holds(sending: Sending) -> "QuerySet[Hold]":
    return Hold.objects.filter(chunk__sending=sending)


def account(sending: Sending) -> Account:
    """Price, what is held and was taken, the expected cost and the margin. No rate for the cost, no margin."""
    held = holds(sending).aggregate(amount=Sum("amount"), captured=Sum("captured"), released=Sum("released"))
    amount, captured, released = (held[name] or Decimal(0) for name in ("amount", "captured", "released"))
    refunded = _refunded(sending)
    tax = f" with {in_words(sending.tax, sending.currency)} tax" if sending.tax else ""
    return Account(
        price=in_words(sending.price, sending.currency) + tax,
        shown_taken="; ".join(
            f"{word} {in_words(value, sending.currency)}"
            for word, value in (
                ("held", amount - captured - released), ("captured", captured), ("released", released),
                ("refunded", refunded),
            )
            if value or word == "captured"
        ),
        **_cost_and_margin(sending, captured - refunded),
    )  # fmt: skip


def _refunded(sending: Sending) -> Decimal:
    refunds = Transaction.objects.filter(reverses__hold__chunk__sending=sending)
    return refunds.aggregate(total=Sum("amount"))["total"] or Decimal(0)


def _cost_and_margin(sending: Sending, taken: Decimal) -> dict[str, str]:
    """Of what was charged; tax is nobody's earning."""
    charged = Message.objects.filter(chunk__sending=sending, billing__in=("charged", "refunded")).order_by()
    costs = dict(charged.values_list("cost_currency").annotate(Sum("cost")))
    tax = charged.filter(billing="charged").aggregate(total=Sum("tax"))["total"] or Decimal(0)
    cost = ", ".join(in_words(value, currency) for currency, value in costs.items()) or "nothing yet"
    try:
        spent = sum((convert_amount(value, word, sending.currency) for word, value in costs.items()), Decimal(0))
    except NoExchangeRate as error:
        return {"cost": cost, "margin": f"no rate from {error.facts['base']}"}
    percent = f" ({(taken - tax - spent) / taken:.0%})" if taken else ""
    return {"cost": cost, "margin": f"{in_words(taken - tax - spent, sending.currency)}{percent}" if costs else ""}


def links(sending: Sending) -> list[tuple[str, str]]:
    """Where else to look."""
    return [
        ("Messages", list_of("notifications_message", sending=sending.pk)),
        ("Chunks", list_of("notifications_chunk", sending=sending.pk)),
        ("Customer", page_of("wallets_customer", sending.customer_id)),
        ("Wallet", page_of("wallets_wallet", sending.wallet_id)),
        ("Statement", list_of("wallets_transaction", wallet=sending.wallet_id)),
        *((f"Retried by #{key}", page_of("notifications_sending", key)) for key in _retries(sending)),
    ]


def _retries(sending: Sending) -> list[int]:
    return list(sending.retries.values_list("pk", flat=True)[:5])
