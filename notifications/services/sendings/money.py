"""The money of a chunk: held when its sending is made; captured, released and refunded as its messages move.

All of it is derived from the messages' rows, in one transaction with the chunk locked, so a crash anywhere
repeats harmlessly. Posted for each settlement, never for each recipient.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection

from notifications.models import Channel, Chunk, Sending
from notifications.services.settlement import PROVIDER_COSTS, REVENUE
from notifications.services.states import NEVER_SENT
from wallets.models import Hold, Transaction
from wallets.services import Posting, capture, place_hold, post, refund, release
from wallets.services.movements import refundable

TAX = "payable:tax"

# States in which nothing is owed, as `states.gives_back` has it.
GIVES_BACK = f"""(state IN ({", ".join(f"'{state.value}'" for state in sorted(NEVER_SENT))})
    OR (state IN ('undelivered', 'expired') AND refund_undelivered)
    OR (state = 'expired' AND sent_at IS NULL))"""
OWED = f"(state IN ('sent', 'delivered', 'read', 'undelivered', 'expired') AND NOT {GIVES_BACK})"
# Nobody pays for it, the provider had it all the same; the sandbox only plays outside live mode.
FREE_AND_SENT = """(billing = 'free' AND cost > 0 AND (sent_at IS NOT NULL OR delivered_at IS NOT NULL)
    AND (mode = 'live' OR provider <> 'sandbox'))"""
MINE = "FROM notifications_message WHERE chunk_id = %s"


@dataclass(frozen=True)
class Sum:
    """What some messages take together."""

    price: Decimal
    tax: Decimal


def hold(sending: Sending, chunk: Chunk, amount: Decimal, *, actor: str) -> Hold | None:
    """Set a chunk's price aside; nothing where nothing is to be paid. Raises InsufficientFunds."""
    if not sending.moves_money or amount == 0:
        return None
    return place_hold(
        wallet=sending.wallet, amount=amount, reference=f"chunk:{chunk.pk}", description=description(sending),
        actor=actor, credential=sending.credential,
    )  # fmt: skip


def settle(chunk: Chunk) -> None:
    """Bring the money of a locked chunk to where its messages are."""
    held, number = chunk.hold, chunk.settlements + 1
    if held is not None:
        _capture(chunk, held, number)
        _release(chunk, held, number)
        _refund(chunk, number)
    _book_free_costs(chunk, number)


def _capture(chunk: Chunk, held: Hold, number: int) -> None:
    owed = _sum(chunk, "held", OWED)
    if owed is None:
        return
    _book_costs(chunk, f"billing = 'held' AND {OWED}", f"cost:{number}")
    charged = capture(
        hold=held, amount=owed.price, kind=kind_of(chunk.sending), reference=f"chunk:{chunk.pk}:capture:{number}",
        account=_revenue(chunk.sending), description=description(chunk.sending),
    )  # fmt: skip
    _bill(chunk, "charged", "held", OWED, charged)
    _post_tax(chunk, owed.tax, debit=_revenue(chunk.sending), credit=TAX, reference=f"chunk:{chunk.pk}:tax:{number}")


def _release(chunk: Chunk, held: Hold, number: int) -> None:
    free = _sum(chunk, "held", GIVES_BACK)
    if free is not None:
        release(hold=held, amount=free.price, reference=f"chunk:{chunk.pk}:release:{number}")
        _bill(chunk, "released", "held", GIVES_BACK)


def _refund(chunk: Chunk, number: int) -> None:
    """By the charges that took them. Staff may have given back a part, or all, of one before."""
    for charge_id, price, tax in _rows(
        f"SELECT charge_id, sum(price), sum(tax) {MINE} AND billing = 'charged' AND {GIVES_BACK}"
        " GROUP BY charge_id ORDER BY charge_id",
        [chunk.pk],
    ):  # fmt: skip
        charged = Transaction.objects.get(pk=charge_id)
        amount = min(price, refundable(charged))
        if amount > 0:
            refund(
                original=charged, amount=amount, reference=f"chunk:{chunk.pk}:refund:{number}:{charge_id}",
                kind=f"{chunk.sending.channel}_refund", description=f"Refund for {description(chunk.sending)}",
            )  # fmt: skip
        _post_tax(
            chunk, tax, debit=TAX, credit=_revenue(chunk.sending),
            reference=f"chunk:{chunk.pk}:tax_back:{number}:{charge_id}",
        )  # fmt: skip
    _bill(chunk, "refunded", "charged", GIVES_BACK)


def _book_free_costs(chunk: Chunk, number: int) -> None:
    """Of tests that went out for real, and of what has no price."""
    unbooked = f"NOT is_free_cost_booked AND {FREE_AND_SENT}"
    if _book_costs(chunk, unbooked, f"cost_free:{number}"):
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE notifications_message SET is_free_cost_booked = true WHERE chunk_id = %s AND {unbooked}",  # noqa: S608
                [chunk.pk],
            )


def _book_costs(chunk: Chunk, condition: str, word: str) -> bool:
    """What the provider is expected to take for these: between house accounts. False where it is nothing."""
    costs = _rows(
        f"SELECT provider, cost_currency, sum(cost) {MINE} AND {condition}"
        " GROUP BY provider, cost_currency HAVING sum(cost) > 0 ORDER BY provider, cost_currency",
        [chunk.pk],
    )
    for provider, currency, cost in costs:
        post(
            Posting(
                debit=PROVIDER_COSTS, credit=f"payable:{provider}", amount=cost, currency=currency,
                kind="provider_cost", reference=f"chunk:{chunk.pk}:{word}:{currency}",
                description=description(chunk.sending), journal=journal_of(chunk.sending), actor=f"provider:{provider}",
            )
        )  # fmt: skip
    return bool(costs)


def _post_tax(chunk: Chunk, amount: Decimal, *, debit: str, credit: str, reference: str) -> None:
    if amount > 0:
        post(
            Posting(
                debit=debit, credit=credit, amount=amount, currency=chunk.sending.currency, kind="tax",
                reference=reference, description=description(chunk.sending), journal=journal_of(chunk.sending),
            )
        )  # fmt: skip


def _sum(chunk: Chunk, billing: str, condition: str) -> Sum | None:
    price, tax = _rows(f"SELECT sum(price), sum(tax) {MINE} AND billing = %s AND {condition}", [chunk.pk, billing])[0]
    return Sum(price, tax) if price else None


def _bill(chunk: Chunk, now: str, before: str, condition: str, charge: Transaction | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE notifications_message SET billing = %s, charge_id = coalesce(%s, charge_id)"  # noqa: S608
            f" WHERE chunk_id = %s AND billing = %s AND {condition}",
            [now, charge.pk if charge else None, chunk.pk, before],
        )


def _rows(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def _revenue(sending: Sending) -> str:
    return REVENUE.format(channel=sending.channel)


def kind_of(sending: Sending) -> str:
    """What the statement calls the charge of it."""
    return "number_sms" if sending.from_number else f"{sending.channel}_send"


def description(sending: Sending) -> str:
    """How the statement calls it: `SMS sending #503`."""
    return f"{Channel(sending.channel).label} sending #{sending.pk}"


def journal_of(sending: Sending) -> str:
    """What groups the movements between house accounts that are for it."""
    return f"sending:{sending.pk}"
