"""What a message to one recipient takes: its destination's rate times its segments, and tax on that.

Each recipient's price is rounded once, half up, to 6 places, its tax likewise; totals are their sums.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

from catalog.services.notifications import quote_email
from catalog.services.rates import Rate, rates_for
from notifications.errors import NotPriced
from wallets.services import quantize


@dataclass(frozen=True, slots=True)
class Terms:
    """One message to one destination. `price` is in the wallet's currency, `tax` of it included."""

    destination_id: int
    unit_amount: Decimal  # of one segment or e-mail, in the wallet's currency, before tax
    unit_price: Decimal  # and in the currency of the price list
    list_currency: str
    exchange_rate: Decimal
    quantity: int
    price: Decimal
    tax: Decimal
    cost: Decimal
    cost_currency: str
    refund_undelivered: bool = False


@dataclass(frozen=True, slots=True)
class Priced:
    """The terms that occur, which of them is whose, and who is not sent to, by place among the recipients."""

    terms: list[Terms]
    whose: list[int]
    suppressed: frozenset[int]

    def sum(self, places: Iterable[int]) -> tuple[Decimal, Decimal]:
        """Price and tax of these together; who is not sent to takes nothing."""
        counted = Counter(self.whose[place] for place in places if place not in self.suppressed)
        price = sum((self.terms[which].price * count for which, count in counted.items()), Decimal(0))
        return price, sum((self.terms[which].tax * count for which, count in counted.items()), Decimal(0))


def tax_percent_of(customer_id: int) -> Decimal:
    # Asked for with every price: as plain SQL, for a queryset takes thrice as long.
    with connection.cursor() as cursor:
        cursor.execute("SELECT tax_percent FROM wallets_customer WHERE id = %s", [customer_id])
        (found,) = cursor.fetchone()
    return found


def price_of(amount: Decimal, quantity: int, tax_percent: Decimal) -> tuple[Decimal, Decimal]:
    """The price of `quantity` at `amount` each, tax included, and the tax in it."""
    net = quantize(amount * quantity)
    tax = quantize(net * tax_percent / 100)
    return net + tax, tax


def sms_terms(
    *, customer_id: int, currency: str, numbers: Sequence[str], segments: int
) -> tuple[list[Terms], list[int]]:
    """The terms that occur among these numbers, and which of them is whose, in the order of the numbers.

    Raises UnknownDestination, NoExchangeRate.
    """
    tax_percent = tax_percent_of(customer_id)
    terms: list[Terms] = []
    places: dict[int, int] = {}  # of a rate among the terms, by its identity: equal rates are one object
    whose: list[int] = []
    for rate in rates_for(customer_id=customer_id, currency=currency, numbers=numbers):
        place = places.get(id(rate))
        if place is None:
            place = places[id(rate)] = len(terms)
            terms.append(_terms_of(rate, segments, tax_percent))
        whose.append(place)
    return terms, whose


def email_terms(*, customer_id: int, currency: str) -> Terms:
    """What one e-mail takes. Raises NotPriced, NoExchangeRate."""
    quote = quote_email(customer_id=customer_id, currency=currency)
    if quote is None:
        raise NotPriced
    price, tax = price_of(quote.amount, 1, tax_percent_of(customer_id))
    return Terms(
        quote.offer.product_id, quote.amount, quote.original_amount, quote.original_currency, quote.rate, 1, price, tax,
        quantize(quote.offer.cost), quote.offer.cost_currency, quote.offer.refund_undelivered,
    )  # fmt: skip


def _terms_of(rate: Rate, segments: int, tax_percent: Decimal) -> Terms:
    price, tax = price_of(rate.amount, segments, tax_percent)
    return Terms(
        rate.product_id, rate.amount, rate.list_amount, rate.list_currency, rate.exchange_rate, segments, price, tax,
        quantize(rate.cost * segments), rate.cost_currency,
    )  # fmt: skip
