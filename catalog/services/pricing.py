"""What an activation costs a customer: the same resolution for one purchase and for whole lists."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from catalog.models import Country, Offer, Product, Service
from catalog.models.offer import OfferQuerySet
from catalog.services.resolution import Quote, resolve


class Line(NamedTuple):
    """An offer without its model: a third of the time where thousands are priced at once."""

    product_id: int
    service_id: int
    country_id: int
    provider: str
    cost: Decimal
    cost_currency: str
    kind: str = Product.Kind.ACTIVATION


def quote(
    *, customer_id: int, service: Service, country: Country, currency: str, at: datetime | None = None
) -> list[Quote[Offer]]:
    """What each offer of `service` in `country` costs this customer, cheapest first.

    Amounts are in `currency`, to 6 places. Empty when nothing is sold there. What is quoted is what
    is charged. Raises NoExchangeRate when prices exist but none can be converted.
    """
    offers = Offer.objects.sellable().filter(service=service, country=country).select_related("service", "country")
    return resolve(list(offers), customer_id=customer_id, currency=currency, at=at)


def cheapest_by_service(*, customer_id: int, currency: str, at: datetime | None = None) -> dict[int, Quote[Line]]:
    """Per service id, its cheapest quote over all countries; services without one are absent.

    Raises NoExchangeRate as `quote` does.
    """
    quotes = resolve(_lines(Offer.objects.sellable()), customer_id=customer_id, currency=currency, at=at)
    return {quote.offer.service_id: quote for quote in _dearest_first(quotes)}


def cheapest_by_country(
    *, customer_id: int, service: Service, currency: str, at: datetime | None = None
) -> dict[int, Quote[Line]]:
    """Per country id, the cheapest quote of `service`; countries without one are absent.

    Raises NoExchangeRate as `quote` does.
    """
    lines = _lines(Offer.objects.sellable().filter(service=service))
    quotes = resolve(lines, customer_id=customer_id, currency=currency, at=at)
    return {quote.offer.country_id: quote for quote in _dearest_first(quotes)}


def _lines(offers: OfferQuerySet) -> list[Line]:
    columns = ("product_id", "service_id", "country_id", "provider", "cost", "cost_currency")
    return [Line(*row) for row in offers.order_by().values_list(*columns)]


def _dearest_first(quotes: list[Quote[Line]]) -> Iterable[Quote[Line]]:
    # The last one written to a key of a dict stays: the cheapest.
    return reversed(quotes)
