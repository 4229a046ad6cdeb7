"""Exchange rates, and moving money between currencies."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

from django.db import transaction
from django.utils import timezone

from wallets.errors import CurrencyMismatch, NoExchangeRate, ReferenceConflict
from wallets.models import ExchangeRate, Transaction, Wallet
from wallets.services.amounts import check_amount, quantize
from wallets.services.posting import Posting, post

PIVOT = "USD"
CLEARING = "fx:clearing"
RATE_PLACES = Decimal(1).scaleb(-12)
DIGITS = 60  # enough that only `quantize` rounds an amount


@dataclass(frozen=True)
class Conversion:
    """What an amount was before it was converted: stored on the transaction."""

    amount: Decimal
    currency: str
    rate: Decimal

    def columns(self) -> dict[str, Any]:
        return {"original_amount": self.amount, "original_currency": self.currency, "rate": self.rate}


def rate(base: str, quote: str, at: datetime | None = None) -> Decimal:
    """How much of `quote` one unit of `base` is worth at `at` (now): direct, inverse, or through USD.

    Raises NoExchangeRate.
    """
    at = at or timezone.now()
    with localcontext(prec=DIGITS):
        found = _direct(base, quote, at)
        if found is None and PIVOT not in {base, quote}:
            first, second = _direct(base, PIVOT, at), _direct(PIVOT, quote, at)
            found = first * second if first and second else None
    if found is None:
        raise NoExchangeRate(base=base, quote=quote)
    return found


def _direct(base: str, quote: str, at: datetime) -> Decimal | None:
    if base == quote:
        return Decimal(1)
    current = ExchangeRate.objects.filter(effective_at__lte=at).order_by("-effective_at", "-id")
    forward = current.filter(base=base, quote=quote).first()
    backward = current.filter(base=quote, quote=base).first()
    # The newer of the two rows is the truth, whichever way round it was written.
    if forward and (not backward or forward.effective_at >= backward.effective_at):
        return forward.rate
    return Decimal(1) / backward.rate if backward else None


def convert_amount(amount: Decimal, base: str, quote: str, at: datetime | None = None) -> Decimal:
    """`amount` of `base` in `quote`, rounded once. Raises NoExchangeRate."""
    return _times(amount, rate(base, quote, at))


def _times(amount: Decimal, current: Decimal) -> Decimal:
    with localcontext(prec=DIGITS):
        return quantize(amount * current)


@transaction.atomic
def convert(
    *, source: Wallet, target: Wallet, amount: Decimal, reference: str, actor: str = ""
) -> tuple[Transaction, Transaction]:
    """Move `amount` (source's currency) to another wallet of the same customer at the current rate.

    Two transactions of one journal, through `fx:clearing`. Repeating it with the same reference
    returns the first two, at the first rate. Raises InsufficientFunds, NoExchangeRate, CurrencyMismatch,
    InvalidAmount (also where too little would arrive), ReferenceConflict.
    """
    if source.customer_id != target.customer_id or source.currency == target.currency:
        raise CurrencyMismatch("Convert between two wallets of one customer in two currencies.")
    check_amount(amount)
    # In id order, as everywhere. A concurrent repeat waits here, and then finds the first.
    list(Wallet.objects.select_for_update(no_key=True).filter(pk__in=(source.pk, target.pk)).order_by("pk"))
    done = {row.reference: row for row in Transaction.objects.filter(reference__in=_references(reference))}
    if done:
        return _same_conversion(done, reference, source, target, amount)
    current = rate(source.currency, target.currency)
    received = _times(amount, current)
    check_amount(received)
    facts: dict[str, Any] = {
        "kind": "conversion",
        "journal": reference,
        "rate": current.quantize(RATE_PLACES),
        "actor": actor,
    }
    out = Posting(
        debit=source.pk, credit=CLEARING, amount=amount, currency=source.currency, reference=_references(reference)[0],
        description=f"Converted to {target.currency}", original_amount=received, original_currency=target.currency,
        **facts,
    )  # fmt: skip
    back = Posting(
        debit=CLEARING, credit=target.pk, amount=received, currency=target.currency,
        reference=_references(reference)[1], description=f"Converted from {source.currency}", original_amount=amount,
        original_currency=source.currency, **facts,
    )  # fmt: skip
    return post(out), post(back)


def _references(reference: str) -> tuple[str, str]:
    return f"{reference}:out", f"{reference}:in"


def _same_conversion(
    done: dict[str, Transaction], reference: str, source: Wallet, target: Wallet, amount: Decimal
) -> tuple[Transaction, Transaction]:
    out, back = (done.get(one) for one in _references(reference))
    if out is None or back is None or (out.wallet_id, back.wallet_id, out.amount) != (source.pk, target.pk, amount):
        raise ReferenceConflict(reference=reference)
    return out, back
