"""What can be rented now, and how many numbers of it there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings

from activations.providers import SANDBOX
from activations.providers.pool import PoolProvider, stock_by_country
from catalog.models import Offer, Service
from catalog.services.resolution import Quote, resolve
from wallets.services import Buyer


@dataclass(frozen=True)
class Offered:
    """A service in one country at the price that a purchase would take, and what is in stock at that price."""

    service: Service
    price: Decimal
    ttl_seconds: int
    multiple_sms: bool
    stock: int


def offered(*, buyer: Buyer, country_code: str) -> list[Offered]:
    """Every service that is sold in the country to this buyer now, in the order of the catalogue.

    Raises NoExchangeRate when there are prices but none can be converted to the wallet's currency.
    """
    offers = Offer.objects.sellable().filter(country__code=country_code).select_related("service", "country")
    quotes = resolve(list(offers), customer_id=buyer.customer_id, currency=buyer.currency)
    by_service: dict[int, list[Quote[Offer]]] = {}
    for quote in for_sale(quotes, buyer):
        by_service.setdefault(quote.offer.service_id, []).append(quote)
    in_pool = stock_by_country().get(country_code, 0)
    rows = [_offered(cheapest(found), in_pool) for found in by_service.values()]
    return sorted(rows, key=lambda row: row.service.pk)


def for_sale(quotes: Sequence[Quote[Offer]], buyer: Buyer) -> list[Quote[Offer]]:
    """Without pretend numbers, which are never sold for real money where the sandbox is off."""
    if settings.SANDBOX or not buyer.moves_money:
        return list(quotes)
    return [quote for quote in quotes if quote.offer.provider != SANDBOX]


def cheapest(quotes: Sequence[Quote[Offer]]) -> list[Quote[Offer]]:
    """The lowest price, and more than one only where they cost the same: the price shown is the price taken."""
    return [quote for quote in quotes if quote.amount == quotes[0].amount]


def _offered(quotes: Sequence[Quote[Offer]], in_pool: int) -> Offered:
    first = quotes[0]
    return Offered(
        service=first.offer.service,
        price=first.amount,
        ttl_seconds=first.offer.ttl_seconds,
        multiple_sms=first.offer.multiple_sms,
        stock=sum(_stock_of(quote.offer, in_pool) for quote in quotes),
    )


def _stock_of(offer: Offer, in_pool: int) -> int:
    """Free numbers of our own, or what the provider reports; where it reports none, as many as are sold at once."""
    if offer.provider == PoolProvider.name:
        return in_pool
    return offer.service.max_quantity if offer.stock is None else offer.stock
