"""What an amount of money may be: finite, below 10^14, at most 6 places."""

from decimal import ROUND_HALF_UP, Decimal, localcontext

from wallets.errors import InvalidAmount
from wallets.models.ledger import MONEY_DIGITS, MONEY_PLACES

SMALLEST = Decimal(1).scaleb(-MONEY_PLACES)
TOO_LARGE = Decimal(1).scaleb(MONEY_DIGITS - MONEY_PLACES)


def check_amount(amount: Decimal) -> None:
    """Raises InvalidAmount unless it can be moved: above zero, and money."""
    if not is_money(amount) or amount == 0:
        raise InvalidAmount(amount=str(amount))


def is_money(amount: Decimal) -> bool:
    """Zero or more, and storable without losing a digit."""
    return amount.is_finite() and 0 <= amount < TOO_LARGE and amount == amount.quantize(SMALLEST)


def quantize(amount: Decimal) -> Decimal:
    """Round a computed price, once: 6 places, half up."""
    with localcontext(prec=80):  # the default 28 digits would round large amounts before this does
        return amount.quantize(SMALLEST, rounding=ROUND_HALF_UP)
