"""Small worlds for tests, here and in the apps above: a country, a service, an offer with a price."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from catalog.models import Country, CustomerPricing, Offer, Price, PriceList, Service, SmsDestination
from catalog.services.offers import create_offer
from catalog.services.sms_destinations import create_destination
from wallets.models import Customer, ExchangeRate

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ALPHA3 = {"US": "USA", "GB": "GBR", "KE": "KEN", "DE": "DEU", "NG": "NGA", "GH": "GHA", "FR": "FRA", "LV": "LVA"}
NAMES = {"US": "United States", "GB": "United Kingdom", "KE": "Kenya", "DE": "Germany"}
DIAL_CODES = {"US": "1", "GB": "44", "KE": "254", "DE": "49", "NG": "234", "GH": "233", "FR": "33", "LV": "371"}


def make_country(code: str = "US", **facts: Any) -> Country:
    """The country; made if it is not there yet."""
    defaults = {
        "alpha3": ALPHA3.get(code, f"{code}X"),
        "name": NAMES.get(code, code),
        "dial_code": DIAL_CODES.get(code, "1"),
    }
    return Country.objects.get_or_create(code=code, defaults=defaults | facts)[0]


def make_service(slug: str = "telegram", **facts: Any) -> Service:
    """The service; made if it is not there yet."""
    return Service.objects.get_or_create(slug=slug, defaults={"name": slug.capitalize()} | facts)[0]


def make_offer(
    service: str = "telegram",
    country: str = "US",
    *,
    price: str | None = "0.15",
    currency: str = "USD",
    provider: str = "sandbox",
    **facts: Any,
) -> Offer:
    """A new offer, with a base price that has held since 2020 (none if `price` is None)."""
    offer = create_offer(service=make_service(service), country=make_country(country), provider=provider, **facts)
    if price is not None:
        make_price(offer, price, currency)
    return offer


def make_price(offer: Offer | SmsDestination, amount: str | None, currency: str = "USD", **facts: Any) -> Price:
    """A row of the price history, at any moment (the service refuses the past)."""
    value = None if amount is None else Decimal(amount)
    return Price.objects.create(
        product_id=offer.pk, amount=value, currency=currency, **{"effective_from": LONG_AGO, **facts}
    )


def make_price_list(name: str = "Resellers", *customers: Customer, is_default: bool = False) -> PriceList:
    """A new price list with these customers on it."""
    price_list = PriceList.objects.create(name=name, is_default=is_default)
    for customer in customers:
        CustomerPricing.objects.create(customer=customer, price_list=price_list)
    return price_list


def make_rate(base: str, quote: str, rate: str, at: datetime = LONG_AGO) -> ExchangeRate:
    return ExchangeRate.objects.create(base=base, quote=quote, rate=Decimal(rate), effective_at=at)


def make_destination(
    country: str | None = None, *, price: str | None = "0.05", currency: str = "USD", **facts: Any
) -> SmsDestination:
    """Sell SMS to a country, a network of it (`mcc`, `mnc`) or everywhere else, at a base price since 2020."""
    where = make_country(country) if country else None
    if where:
        facts.setdefault("mcc", "001")
    destination = create_destination(country=where, **facts)
    if price is not None:
        make_price(destination, price, currency)
    return destination
