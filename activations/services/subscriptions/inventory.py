"""Which monthly numbers can be bought now."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db.models import Count

from activations.providers import SANDBOX
from activations.providers.pool import PoolProvider, free_numbers
from catalog.models import Country
from catalog.services.number_plans import PlanQuote, quote_plans


@dataclass(frozen=True)
class Stocked:
    """A country where a number can be bought: for how much a month, and how many there are where that is known."""

    country: Country
    price: Decimal
    stock: int | None


def inventory(*, customer_id: int, currency: str, live: bool = True) -> list[Stocked]:
    """Each country where this customer can buy now, at the price that a purchase would take.

    Raises NoExchangeRate when there are prices but none can be converted to `currency`.
    """
    quotes = in_stock(quote_plans(customer_id=customer_id, currency=currency), live=live)
    cheapest: dict[int, list[PlanQuote]] = {}
    for quote in quotes:
        best = cheapest.setdefault(quote.offer.country_id, [quote])
        if quote is not best[0] and quote.amount == best[0].amount:
            best.append(quote)
    stock = pool_stock()
    countries = Country.objects.filter(pk__in=cheapest).order_by("id")
    return [
        Stocked(country, cheapest[country.pk][0].amount, _known_stock(cheapest[country.pk], stock))
        for country in countries
    ]


def in_stock(quotes: Sequence[PlanQuote], *, live: bool) -> list[PlanQuote]:
    """Without the plans whose provider is known to have none, cheapest first as they came.

    A pretend number is never sold for real money where the sandbox is off; a test buys pretend ones only.
    """
    stock = pool_stock()
    return [quote for quote in quotes if not live or _may_sell(quote, stock)]


def pool_stock() -> dict[int, int]:
    """How many of the operator's own numbers are free, by country id; countries without any are absent."""
    counted = free_numbers().order_by().values_list("country_id").annotate(count=Count("pk"))
    return dict(counted)


def _may_sell(quote: PlanQuote, stock: dict[int, int]) -> bool:
    if quote.offer.provider == SANDBOX:
        return settings.SANDBOX
    return quote.offer.provider != PoolProvider.name or stock.get(quote.offer.country_id, 0) > 0


def _known_stock(quotes: Sequence[PlanQuote], stock: dict[int, int]) -> int | None:
    """The sum over the plans that cost the same; unknown as soon as one of them does not say."""
    if any(quote.offer.provider != PoolProvider.name for quote in quotes):
        return None
    return stock.get(quotes[0].offer.country_id, 0)
