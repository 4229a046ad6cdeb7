"""What a sending would take, recipient by recipient; nothing is charged."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from catalog.services.rates import Rate, rates_for
from config.errors import InvalidInput
from notifications.models import Channel
from notifications.services.segments import segment
from notifications.services.sendings.pricing import price_of, tax_percent_of
from notifications.services.sendings.wanted import NAMED, bad_recipients


class Line(NamedTuple):
    """One recipient: `price` includes `tax`."""

    number: str
    rate: Rate
    segments: int
    price: Decimal
    tax: Decimal


@dataclass(frozen=True)
class Calculation:
    """In the wallet's currency; `segments` of the text, to one recipient. total = subtotal + tax."""

    lines: list[Line]
    segments: int
    subtotal: Decimal
    tax: Decimal
    total: Decimal


def calculate(*, customer_id: int, currency: str, text: str, recipients: Sequence[str]) -> Calculation:
    """What an SMS to these numbers would take now, in `currency`; a number given twice counts twice.

    Raises InvalidInput, UnknownDestination, NoExchangeRate.
    """
    if bad := bad_recipients(Channel.SMS, recipients):
        raise InvalidInput({"recipients": [f"This is no recipient: {to}" for to in bad[:NAMED]]})
    tax_percent = tax_percent_of(customer_id)
    segments = segment(text).count
    prices: dict[int, tuple[Decimal, Decimal]] = {}  # by the rate's identity: equal rates are one object
    lines: list[Line] = []
    subtotal = taxes = Decimal(0)
    for number, rate in zip(
        recipients, rates_for(customer_id=customer_id, currency=currency, numbers=recipients), strict=True
    ):  # fmt: skip
        found = prices.get(id(rate))
        if found is None:
            found = prices[id(rate)] = price_of(rate.amount, segments, tax_percent)
        price, tax = found
        lines.append(Line(number, rate, segments, price, tax))
        subtotal += price - tax
        taxes += tax
    return Calculation(lines, segments, subtotal, taxes, subtotal + taxes)
