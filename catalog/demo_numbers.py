"""The demo's monthly numbers: plans and prices of the sandbox. Development only."""

import csv
from decimal import Decimal
from pathlib import Path

from catalog.models import Country, MonthlyNumberPlan, Price
from catalog.services.number_plans import create_plan

SHEET = Path(__file__).parent / "data" / "monthly_numbers.csv"
PROVIDER = "sandbox"
COST_SHARE = Decimal("0.4")


def ensure_demo_plans(countries: dict[str, Country]) -> int:
    """Make sure that the demo sells monthly numbers; returns how many plans this call added.

    Repeating it adds only what is missing: what staff changed since stays changed.
    """
    known = set(MonthlyNumberPlan.objects.filter(provider=PROVIDER).values_list("country__code", flat=True))
    with SHEET.open(encoding="utf-8", newline="") as file:
        missing = [row for row in csv.DictReader(file) if row["country"] not in known]
    for row in missing:
        price = Decimal(row["usd_price"])
        plan = create_plan(country=countries[row["country"]], provider=PROVIDER, cost=price * COST_SHARE)
        Price.objects.create(product_id=plan.pk, amount=price, currency="USD", note="Demo catalogue", actor="task:demo")
    return len(missing)
