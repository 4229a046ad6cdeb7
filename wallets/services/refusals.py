"""The database's refusals in words: which promise it kept, as a typed error with its facts."""

from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import DatabaseError, DataError
from psycopg.errors import Diagnostic, NumericValueOutOfRange

from config.errors import DomainError
from wallets.errors import (
    AmountExceedsHold,
    CurrencyMismatch,
    HoldClosed,
    InsufficientFunds,
    InvalidAmount,
    NotRefundable,
    RefundExceedsOriginal,
)
from wallets.models import Wallet
from wallets.services.spending import CAP_REACHED, cap_reached

if TYPE_CHECKING:
    from wallets.services.posting import Posting

ERRORS: dict[str, type[DomainError]] = {
    "transaction_hold_is_open": HoldClosed,
    "release_hold_is_open": HoldClosed,
    "hold_captured_and_released_not_above_amount": AmountExceedsHold,
    "transaction_refunds_not_above_original": RefundExceedsOriginal,
    "transaction_refund_mirrors_original": NotRefundable,
    "transaction_chargeback_names_its_deposit": NotRefundable,
    "transaction_one_currency": CurrencyMismatch,
}


def constraint_of(refusal: DatabaseError) -> str:
    """The name of the promise that the database kept."""
    diagnostic = _diagnostic_of(refusal)
    return (diagnostic.constraint_name if diagnostic else None) or ""


def detail_of(refusal: DatabaseError) -> str:
    """What the database says of the row that it refused."""
    diagnostic = _diagnostic_of(refusal)
    return (diagnostic.message_detail if diagnostic else None) or ""


def domain_error(refusal: DatabaseError, posting: "Posting | None") -> DomainError:
    """The refusal as a typed error with its facts. Re-raises what is no business matter."""
    name = constraint_of(refusal)
    if name == "wallet_available_not_negative":
        return insufficient_funds(posting.wallet_id, posting.amount) if posting else InsufficientFunds()
    if name == CAP_REACHED:
        return cap_reached(detail_of(refusal))
    if name in ERRORS:
        return ERRORS[name]()
    if isinstance(refusal, DataError) and isinstance(refusal.__cause__, NumericValueOutOfRange):
        return InvalidAmount("The wallet cannot hold that much.")
    raise refusal


def insufficient_funds(wallet_id: int, required: Decimal) -> InsufficientFunds:
    wallet = Wallet.objects.get(pk=wallet_id)
    return InsufficientFunds(required=required, available=max(wallet.available, Decimal(0)), currency=wallet.currency)


def _diagnostic_of(refusal: DatabaseError) -> Diagnostic | None:
    return getattr(refusal.__cause__, "diag", None)
