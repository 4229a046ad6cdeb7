"""Numbers as people and clients read them."""

from decimal import Decimal


def plain(value: Decimal) -> Decimal:
    """The same number without trailing zeros or an exponent: 150.500000 → 150.5, 1E+2 → 100."""
    value = value.normalize()
    exponent = value.as_tuple().exponent
    return value.quantize(Decimal(1)) if isinstance(exponent, int) and exponent > 0 else value
