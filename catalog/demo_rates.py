"""The demo's SMS rates and its price of an e-mail. Development only.

Prices are in USD, and per network a little apart. Where a reference prints a price it is the price in that reference's
currency: pounds for Denmark, Singapore, Russia and Latvia, cedis for Ghana and for e-mail.
"""

import csv
from collections.abc import Iterator
from decimal import Decimal
from itertools import cycle
from pathlib import Path

from catalog.models import Country, NotificationProduct, Price, SmsDestination
from catalog.services.networks import Code, Network, country_mcc, network_prefixes, networks
from catalog.services.notifications import create_notification_product
from catalog.services.sms_destinations import Place, create_destinations, place_of

SHEET = Path(__file__).parent / "data" / "sms_rates.csv"
ACTOR = "task:demo"
NOTE = "Demo catalogue"
PLACES = Decimal("0.0001")
# What the provider takes of each price.
COST_SHARE = Decimal("0.6")
# How much a country's networks differ from its own price, one after the other.
NETWORK_FACTORS = (Decimal(1), Decimal("1.08"), Decimal("0.95"), Decimal("1.15"), Decimal("1.04"))
# The last one is what wallets in other currencies convert.
CURRENCIES = ("GHS", "GBP", "USD")
# Telenor's, as the reference prints one of its numbers.
PRINTED = {("238", "02"): "4587992"}
EMAIL = {"GHS": Decimal("0.001"), "GBP": Decimal("0.0003"), "USD": Decimal("0.0004")}
EMAIL_COST = Decimal("0.0001")

Amounts = dict[str, Decimal]


def ensure_demo_rates(countries: dict[str, Country]) -> int:
    """Make sure that the demo sells SMS and e-mail; returns how many destinations this call added.

    Repeating it adds only what is missing: what staff changed since stays changed.
    """
    known = set(SmsDestination.objects.values_list("country_id", "mcc", "mnc"))
    offered = [(each, amounts) for each, amounts in _offered(countries) if place_of(each) not in known]
    create_destinations([each for each, _ in offered], _prefixes(offered))
    Price.objects.bulk_create(
        Price(product_id=each.pk, amount=amounts[currency], currency=currency, note=NOTE, actor=ACTOR)
        for currency in CURRENCIES
        for each, amounts in offered
        if currency in amounts
    )
    _ensure_email()
    return len(offered)


def _offered(countries: dict[str, Country]) -> Iterator[tuple[SmsDestination, Amounts]]:
    """Every destination of the sheet with its prices; a country's networks after the country."""
    with SHEET.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            amounts = {currency: Decimal(row[currency.lower()]) for currency in CURRENCIES if row[currency.lower()]}
            country = countries[row["country"]] if row["country"] else None
            yield _destination(country, country_mcc(row["country"]) if country else "", amounts), amounts
            if country and row["by_network"] == "1":
                yield from _by_network(country, amounts)


def _by_network(country: Country, amounts: Amounts) -> Iterator[tuple[SmsDestination, Amounts]]:
    for network, factor in zip(_networks_in(country.code), cycle(NETWORK_FACTORS)):
        own = amounts | {"USD": (amounts["USD"] * factor).quantize(PLACES)}
        yield _destination(country, network.mcc, own, mnc=network.mnc, operator=network.name), own


def _networks_in(country: str) -> list[Network]:
    """Those that we know a prefix of."""
    numbered = set(network_prefixes().values())
    return [each for each in networks() if each.country == country and (each.mcc, each.mnc) in numbered]


def _destination(country: Country | None, mcc: str, amounts: Amounts, **facts: str) -> SmsDestination:
    currency = "USD" if "USD" in amounts else "GHS"
    cost = (amounts[currency] * COST_SHARE).quantize(Decimal("0.000001"))
    return SmsDestination(country=country, mcc=mcc, cost=cost, cost_currency=currency, **facts)


def _prefixes(offered: list[tuple[SmsDestination, Amounts]]) -> dict[Place, list[str]]:
    """Those of networks, with the printed one added; countries get their own."""
    given: dict[Code, list[str]] = {network: [digits] for network, digits in PRINTED.items()}
    for digits, network in network_prefixes().items():
        given.setdefault(network, []).append(digits)
    return {place_of(each): given[each.mcc, each.mnc] for each, _ in offered if each.mnc}


def _ensure_email() -> None:
    category = NotificationProduct.Category.EMAIL
    if NotificationProduct.objects.filter(category=category).exists():
        return
    product = create_notification_product(category=category, cost=EMAIL_COST, cost_currency="USD")
    Price.objects.bulk_create(
        Price(product_id=product.pk, amount=amount, currency=currency, note=NOTE, actor=ACTOR)
        for currency, amount in EMAIL.items()
    )
