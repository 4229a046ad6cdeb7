"""What an SMS costs, by the number it goes to: 100,000 numbers in a second, at the prices of this moment.

The map from prefixes to destinations is kept per process and read anew when its stamp says that it
changed. Prices are never kept: the distinct destinations that were hit are resolved each time.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from catalog.errors import UnknownDestination
from catalog.services.destinations import Destination, destinations
from catalog.services.resolution import Quote, resolve

# How many of the unknown numbers an error names.
NAMED = 5


class Rate(NamedTuple):
    """What one segment to a destination costs: `amount` in `currency`, what is charged.

    `list_amount` in `list_currency` × `exchange_rate` is `amount` before rounding. The default rate
    has no country; a whole country's no `mnc`.
    """

    product_id: int
    country_id: int | None
    country: str
    operator: str
    mcc: str
    mnc: str | None
    amount: Decimal
    currency: str
    list_amount: Decimal
    list_currency: str
    exchange_rate: Decimal
    cost: Decimal
    cost_currency: str

    @property
    def destination(self) -> str:
        return f"{self.country} {self.operator}"


def rates_for(*, customer_id: int, currency: str, numbers: Sequence[str], at: datetime | None = None) -> list[Rate]:
    """What one segment to each of `numbers` costs this customer, in their order, in `currency`.

    Numbers are digits from the country code on, with or without +. The longest prefix whose
    destination has a price decides, else the default rate. Numbers of one destination share one
    object. Raises UnknownDestination (`numbers`: the first few), NoExchangeRate when a price that
    decides cannot be converted.
    """
    known = destinations()
    digits = [number[1:] if number[:1] == "+" else number for number in numbers]
    hits = [known.find(each) for each in digits]
    rates: dict[int, Rate] = {}
    unpriced: set[int] = set()
    while fresh := {hit for hit in hits if hit is not None} - rates.keys():
        priced = _priced(known.of(fresh), customer_id, currency, at)
        rates |= priced
        if len(priced) == len(fresh):
            break
        unpriced |= fresh - priced.keys()
        hits = [known.find(each, unpriced) if hit in unpriced else hit for each, hit in zip(digits, hits, strict=True)]
    if None in hits:
        unknown = (number for number, hit in zip(numbers, hits, strict=True) if hit is None)
        raise UnknownDestination(numbers=[number for number, _ in zip(unknown, range(NAMED), strict=False)])
    return [rates[hit] for hit in hits if hit is not None]


def rate_rows(
    *,
    customer_id: int,
    currency: str,
    mcc: str | None = None,
    mnc: str | None = None,
    country: str | None = None,
    country_id: int | None = None,
    prefix: str | None = None,
    at: datetime | None = None,
) -> list[Rate]:
    """This customer's rates by country, MCC and MNC; the default row is not listed.

    `mnc=""` asks for the rows of whole countries, `country` is a part of a country's name in any
    case, `prefix` takes the destinations that numbers beginning with it may go to. What has no price
    is left out. Raises NoExchangeRate when none can be converted.
    """
    known = destinations()
    words = country.casefold() if country else ""
    found = [
        each for each in known.by_country()
        if (mcc is None or each.mcc == mcc)
        and (mnc is None or each.mnc == mnc)
        and (country_id is None or each.country_id == country_id)
        and words in each.country.casefold()
    ]  # fmt: skip
    if prefix is not None:
        reached = known.reached_by(prefix)
        found = [each for each in found if each.product_id in reached]
    quotes = resolve(found, customer_id=customer_id, currency=currency, at=at)
    rates = [_rate(quote) for quote in quotes]
    return sorted(rates, key=lambda rate: (rate.country, rate.mcc, rate.mnc or "", rate.product_id))


def _priced(hit: Iterable[Destination], customer_id: int, currency: str, at: datetime | None) -> dict[int, Rate]:
    quotes = resolve(list(hit), customer_id=customer_id, currency=currency, at=at, lacking_none=True)
    return {quote.offer.product_id: _rate(quote) for quote in quotes}


def _rate(quote: Quote[Destination]) -> Rate:
    where = quote.offer
    return Rate(
        where.product_id, where.country_id, where.country, where.operator, where.mcc, where.mnc or None, quote.amount,
        quote.currency, quote.original_amount, quote.original_currency, quote.rate, where.cost, where.cost_currency,
    )  # fmt: skip
