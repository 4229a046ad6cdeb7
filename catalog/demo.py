"""The demo catalogue: real names, believable prices, the sandbox's magic services. Development only."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from django.db import transaction

from catalog.demo_numbers import ensure_demo_plans
from catalog.demo_rates import ensure_demo_rates
from catalog.demo_smm import ensure_demo_smm
from catalog.models import Country, Offer, Operator, Price, Service
from catalog.services.countries import load_countries
from catalog.services.offers import create_offers
from wallets.models import ExchangeRate

DATA = Path(__file__).parent / "data"
PROVIDER = "sandbox"
ACTOR = "task:demo"
CENT = Decimal("0.01")
# What the provider takes of each price.
COST_SHARE = Decimal("0.6")

Row = dict[str, str]


@dataclass(frozen=True)
class DemoCatalogue:
    """What the demo world holds in all, and how many offers this call added."""

    services: int
    countries: int
    offers: int
    added: int


@transaction.atomic
def ensure_demo_catalogue() -> DemoCatalogue:
    """Make sure that the demo catalogue exists: countries, operators, services, offers, rates, prices.

    A price is the service's price in the US times the country's factor, in USD. Repeating it adds
    only what is missing: what staff changed since stays changed.
    """
    load_countries()
    factors = {row["country"]: Decimal(row["factor"]) for row in _read("countries")}
    countries = Country.objects.in_bulk(field_name="code")
    _ensure_operators(countries)
    _ensure_exchange_rates()
    services = _ensure_services()
    added = _ensure_offers(services, countries, factors)
    ensure_demo_smm()
    ensure_demo_plans(countries)
    ensure_demo_rates(countries)
    return DemoCatalogue(len(services), len(factors), Offer.objects.filter(provider=PROVIDER).count(), added)


def _read(name: str) -> Iterator[Row]:
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _ensure_operators(countries: dict[str, Country]) -> None:
    Operator.objects.bulk_create(
        (
            Operator(country=countries[row["country"]], name=row["name"], mcc=row["mcc"], mnc=row["mnc"])
            for row in _read("operators")
        ),
        ignore_conflicts=True,
    )


def _ensure_exchange_rates() -> None:
    known = set(ExchangeRate.objects.values_list("base", "quote"))
    ExchangeRate.objects.bulk_create(
        ExchangeRate(base=row["base"], quote=row["quote"], rate=Decimal(row["rate"]), source="demo")
        for row in _read("exchange_rates")
        if (row["base"], row["quote"]) not in known
    )


def _ensure_services() -> dict[str, Service]:
    Service.objects.bulk_create(
        (
            Service(
                slug=row["slug"], name=row["name"], min_quantity=row["min_quantity"], max_quantity=row["max_quantity"]
            )
            for row in _read("services")
        ),
        ignore_conflicts=True,
    )
    return Service.objects.in_bulk([row["slug"] for row in _read("services")], field_name="slug")


def _ensure_offers(services: dict[str, Service], countries: dict[str, Country], factors: dict[str, Decimal]) -> int:
    known = set(Offer.objects.filter(provider=PROVIDER).values_list("service__slug", "country__code"))
    offers, amounts = [], []
    for row in _read("services"):
        for code in row["countries"].split() or factors:
            if (row["slug"], code) in known:
                continue
            # A sandbox service costs the same wherever it is tried.
            factor = Decimal(1) if row["countries"] else factors[code]
            amount = max(CENT, (Decimal(row["usd_price"]) * factor).quantize(CENT, ROUND_HALF_UP))
            offers.append(_offer(row, services[row["slug"]], countries[code], amount * COST_SHARE))
            amounts.append(amount)
    create_offers(offers)
    Price.objects.bulk_create(
        Price(product_id=offer.pk, amount=amount, currency="USD", note="Demo catalogue", actor=ACTOR)
        for offer, amount in zip(offers, amounts, strict=True)
    )
    return len(offers)


def _offer(row: Row, service: Service, country: Country, cost: Decimal) -> Offer:
    return Offer(
        service=service,
        country=country,
        provider=PROVIDER,
        cost=cost,
        ttl_seconds=int(row["ttl_seconds"]),
        multiple_sms=row["multiple_sms"] == "1",
    )
