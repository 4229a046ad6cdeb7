"""Which price holds for a customer. Every kind of product, one or thousands at once, goes through here.

The first of these that exists decides: the customer's own price, the price of their list, the
markup rule of their list, the base price. Within a level a price in the wanted currency goes before
one that must be converted; of several others the latest holds. Then it is converted at the
exchange rate of the moment and rounded once, half up, to 6 places.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum
from operator import itemgetter
from typing import Generic, Protocol, TypeVar

from django.db import connection
from django.utils import timezone

from catalog.models import MarkupRule, NotificationProduct, Offer, SmmService, SmsDestination
from catalog.services.markup import Markup
from wallets.errors import NoExchangeRate
from wallets.services import exchange

MICRO = Decimal("0.000001")
# Wide enough that nothing is rounded before the one rounding at the end.
EXACT = Context(prec=80, rounding=ROUND_HALF_UP)


# The base prices of some products, the customer's own, and those of their list, as PriceQuerySet.in_force says it.
# In SQL: every quote asks it, and building it takes longer than answering it.
PRICES = """
SELECT DISTINCT ON (product_id, price_list_id, customer_id, currency)
       effective_from, id, product_id, price_list_id, customer_id, amount, currency
  FROM catalog_price
 WHERE product_id = ANY(%s::bigint[]) AND effective_from <= %s
   AND (customer_id = %s OR (customer_id IS NULL AND (price_list_id IS NULL OR price_list_id = %s)))
 ORDER BY product_id, price_list_id, customer_id, currency, effective_from DESC, id DESC
"""
PRICE_LIST = """
SELECT coalesce((SELECT price_list_id FROM catalog_customerpricing WHERE customer_id = %s),
                (SELECT id FROM catalog_pricelist WHERE is_default))
"""


class Priceable(Protocol):
    """What pricing must know of a product, whatever its kind."""

    @property
    def product_id(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def service_id(self) -> int | None: ...
    @property
    def country_id(self) -> int | None: ...
    @property
    def provider(self) -> str: ...
    @property
    def cost(self) -> Decimal: ...
    @property
    def cost_currency(self) -> str: ...


# These are Priceable, but mypy does not see through the descriptors of their columns.
Sold = Priceable | Offer | SmmService | NotificationProduct | SmsDestination
Offered = TypeVar("Offered", bound=Sold)


class Source(StrEnum):
    CUSTOMER = "customer"  # a price of this customer's own
    LIST = "list"  # a price of their price list
    MARKUP = "markup"  # a markup rule of their price list
    BASE = "base"  # the base price


@dataclass(frozen=True, slots=True)
class Quote(Generic[Offered]):
    """What a customer pays: `amount` in `currency`, and how it came about.

    `original_amount` in `original_currency` × `rate` is `amount` before rounding. `source` says
    which level decided, `source_id` which row of it (a Price, or a MarkupRule for markup).
    """

    offer: Offered
    amount: Decimal
    currency: str
    original_amount: Decimal
    original_currency: str
    rate: Decimal
    source: Source
    source_id: int


@dataclass(frozen=True, slots=True)
class _Found:
    amount: Decimal
    currency: str
    source: Source
    source_id: int


def resolve(
    offered: Sequence[Offered],
    *,
    customer_id: int,
    currency: str,
    at: datetime | None = None,
    lacking_none: bool = False,
) -> list[Quote[Offered]]:
    """Price each of `offered` for a customer in `currency`; what has no price is left out.

    The cheapest comes first, of equals the one with the lower product id. It costs the same few
    queries however many there are. Raises NoExchangeRate when that alone leaves nothing; with
    `lacking_none` already when it leaves one out.
    """
    book = _Book(offered, customer_id=customer_id, currency=currency, at=at or timezone.now())
    quotes = [quote for each in offered if (quote := book.quote(each)) is not None]
    if book.missing is not None and (lacking_none or not quotes):
        raise book.missing
    return sorted(quotes, key=lambda quote: (quote.amount, quote.offer.product_id))


class _Book:
    """Everything that bears on some products' prices for one customer at one moment, read once."""

    def __init__(self, offered: Sequence[Sold], *, customer_id: int, currency: str, at: datetime) -> None:
        self.currency = currency
        self.at = at
        self.missing: NoExchangeRate | None = None
        self._rates: dict[str, Decimal | None] = {currency: Decimal(1)}
        price_list_id = price_list_of(customer_id)
        self._prices = self._read_prices([each.product_id for each in offered], customer_id, price_list_id)
        self._markup = Markup(self._rules(price_list_id))

    def quote(self, offer: Offered) -> Quote[Offered] | None:
        found = self._find(offer)
        rate = self._rate(found.currency) if found else None
        if found is None or rate is None:
            return None
        amount = EXACT.quantize(EXACT.multiply(found.amount, rate), MICRO)
        if amount <= 0:  # a discount below nothing: not sold rather than given away
            return None
        return Quote(offer, amount, self.currency, found.amount, found.currency, rate, found.source, found.source_id)

    def _find(self, offer: Sold) -> _Found | None:
        prices = self._prices.get(offer.product_id, {})
        return (
            prices.get(Source.CUSTOMER)
            or prices.get(Source.LIST)
            or self._marked_up(offer, prices.get(Source.BASE))
            or prices.get(Source.BASE)
        )

    def _marked_up(self, offer: Sold, base: _Found | None) -> _Found | None:
        rule = self._markup.rule_for(offer)
        if rule is None:
            return None
        if rule.basis == MarkupRule.Basis.COST:
            amount, currency = offer.cost, offer.cost_currency
        elif base is not None:
            amount, currency = base.amount, base.currency
        else:
            return None
        fixed = self._convert(rule.fixed, rule.fixed_currency, currency)
        if fixed is None:
            return None
        total = EXACT.add(EXACT.multiply(amount, 1 + rule.percent / 100), fixed)
        return _Found(total, currency, Source.MARKUP, rule.pk)

    def _convert(self, amount: Decimal, base: str, quote: str) -> Decimal | None:
        if amount == 0 or base == quote:
            return amount
        try:
            return EXACT.multiply(amount, exchange.rate(base, quote, self.at))
        except NoExchangeRate as error:
            self.missing = error
            return None

    def _rate(self, base: str) -> Decimal | None:
        if base not in self._rates:
            self._rates[base] = self._convert(Decimal(1), base, self.currency)
        return self._rates[base]

    def _rules(self, price_list_id: int | None) -> Iterable[MarkupRule]:
        if price_list_id is None:
            return []
        return MarkupRule.objects.in_force(self.at).filter(price_list_id=price_list_id)

    def _read_prices(
        self, product_ids: list[int], customer_id: int, price_list_id: int | None
    ) -> dict[int, dict[Source, _Found]]:
        chosen: dict[int, dict[Source, _Found]] = {}
        with connection.cursor() as cursor:
            cursor.execute(PRICES, [product_ids, self.at, customer_id, price_list_id])
            rows = cursor.fetchall()
        # Latest last, so that what is written to a level last holds, unless the wanted currency is there.
        for _, price_id, product_id, list_id, owner_id, amount, currency in sorted(rows, key=itemgetter(0, 1)):
            if amount is None:
                continue
            source = Source.CUSTOMER if owner_id else Source.LIST if list_id else Source.BASE
            levels = chosen.setdefault(product_id, {})
            if source not in levels or levels[source].currency != self.currency:
                levels[source] = _Found(amount, currency, source, price_id)
        return chosen


def price_list_of(customer_id: int) -> int | None:
    """The list a customer is on; else the default one; None where there is neither."""
    with connection.cursor() as cursor:
        cursor.execute(PRICE_LIST, [customer_id])
        (found,) = cursor.fetchone()
    return found
