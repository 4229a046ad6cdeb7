"""The demo's SMM services: the sandbox's, with believable prices. Development only."""

import csv
from decimal import Decimal
from pathlib import Path

from catalog.models import Price, SmmService
from catalog.services.smm import create_smm_service

SHEET = Path(__file__).parent / "data" / "smm_services.csv"
PROVIDER = "sandbox"
# What the provider takes of each price.
COST_SHARE = Decimal("0.6")


def ensure_demo_smm() -> int:
    """Make sure that the demo sells SMM services; returns how many this call added.

    Repeating it adds only what is missing: what staff changed since stays changed.
    """
    known = set(SmmService.objects.filter(provider=PROVIDER).values_list("provider_service_id", flat=True))
    with SHEET.open(encoding="utf-8", newline="") as file:
        missing = [row for row in csv.DictReader(file) if row["id"] not in known]
    for row in missing:
        _add(row)
    return len(missing)


def _add(row: dict[str, str]) -> None:
    rate = Decimal(row["usd_rate"])
    service = create_smm_service(
        name=row["name"], category=row["category"], provider=PROVIDER, provider_service_id=row["id"],
        min_quantity=int(row["min_quantity"]), max_quantity=int(row["max_quantity"]),
        can_refill=row["refill"] == "1", can_cancel=row["cancel"] == "1", cost=rate * COST_SHARE,
    )  # fmt: skip
    Price.objects.create(product_id=service.pk, amount=rate, currency="USD", note="Demo catalogue", actor="task:demo")
