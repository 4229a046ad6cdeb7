"""Exchange rates, and moving money between currencies."""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from wallets.errors import CurrencyMismatch, NoExchangeRate
from wallets.models import ExchangeRate, Transaction, Wallet
from wallets.models.ledger import MONEY_PLACES
from wallets.services.posting import Posting, post

PIVOT = "USD"
CLEARING = "fx:clearing"
RATE_PLACES = Decimal(1).scaleb(-12)


@dataclass(frozen=True)
class Conversion:
    """What an amount was before it was converted: stored on the transaction."""

    amount: Decimal
    currency: str
    rate: Decimal

    def columns(self) -> dict[str, Any]:
        return {"original_amount": self.amount, "original_currency": self.currency, "rate": self.rate}


def quantize(amount: Decimal) -> Decimal:
    """Round a computed price, once: 6 places, half up."""
    return amount.quantize(Decimal(1).scaleb(-MONEY_PLACES), rounding=ROUND_HALF_UP)


def rate(base: str, quote: str, at: datetime | None = None) -> Decimal:
    """How much of `quote` one unit of `base` is worth at `at` (now): direct, inverse, or through USD.

    Raises NoExchangeRate.
    """
    at = at or timezone.now()
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
    return quantize(amount * rate(base, quote, at))


def convert(
    *, source: Wallet, target: Wallet, amount: Decimal, reference: str, actor: str = ""
) -> tuple[Transaction, Transaction]:
    """Move `amount` (source's currency) to another wallet of the same customer at the current rate.

    Two transactions of one journal, through `fx:clearing`. Repeating it with the same reference
    returns the first two, at the first rate. Raises InsufficientFunds, NoExchangeRate, CurrencyMismatch.
    """
    if source.customer_id != target.customer_id or source.currency == target.currency:
        raise CurrencyMismatch("Convert between two wallets of one customer in two currencies.")
    done = {row.reference: row for row in Transaction.objects.filter(journal=reference)}
    if done:
        return done[f"{reference}:out"], done[f"{reference}:in"]
    current = rate(source.currency, target.currency)
    received = quantize(amount * current)
    stored_rate = current.quantize(RATE_PLACES)
    out = Posting(
        debit=source.pk, credit=CLEARING, amount=amount, currency=source.currency, kind="conversion",
        reference=f"{reference}:out", journal=reference, description=f"Converted to {target.currency}",
        original_amount=received, original_currency=target.currency, rate=stored_rate, actor=actor,
    )  # fmt: skip
    back = Posting(
        debit=CLEARING, credit=target.pk, amount=received, currency=target.currency, kind="conversion",
        reference=f"{reference}:in", journal=reference, description=f"Converted from {source.currency}",
        original_amount=amount, original_currency=source.currency, rate=stored_rate, actor=actor,
    )  # fmt: skip
    # Wallets in id order, as everywhere.
    with transaction.atomic():
        first, second = (post(leg) for leg in sorted((out, back), key=lambda leg: leg.wallet_id))
    return (first, second) if first.reference.endswith(":out") else (second, first)
