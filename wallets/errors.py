"""Why money could not move."""

from config.errors import DomainError


class InsufficientFunds(DomainError):
    """Facts: `required` and `available`, both in the wallet's currency."""

    code = "insufficient_balance"
    message = "Insufficient balance"


class SpendCapReached(DomainError):
    """Facts: `cap`, `spent` and `required` in `currency`, the cap's `period` (day or month), and `resets_at`."""

    code = "spend_cap_reached"
    message = "The spend cap of this key would be exceeded."


class AccountSuspended(DomainError):
    code = "account_suspended"
    message = "This account is suspended."


class HoldClosed(DomainError):
    """Facts: `hold` (its reference) and `status`."""

    code = "hold_closed"
    message = "The hold is closed."


class AmountExceedsHold(DomainError):
    """Facts: `remaining`."""

    code = "amount_exceeds_hold"
    message = "The amount is more than what is left of the hold."


class RefundExceedsOriginal(DomainError):
    """Facts: `refundable`, what can still be given back."""

    code = "refund_exceeds_original"
    message = "Refunds would exceed the original amount."


class NotRefundable(DomainError):
    code = "not_refundable"
    message = "This transaction cannot be refunded."


class CurrencyMismatch(DomainError):
    code = "currency_mismatch"
    message = "The currencies differ."


class ReferenceConflict(DomainError):
    """The same reference was used before for something else. Facts: `reference`."""

    code = "reference_conflict"
    message = "This reference was already used for a different request."


class NoExchangeRate(DomainError):
    """Facts: `base` and `quote`."""

    code = "no_exchange_rate"
    message = "There is no exchange rate between these currencies."


class InvalidAmount(DomainError):
    code = "invalid_amount"
    message = "An amount must be above zero, with at most 6 decimal places."
