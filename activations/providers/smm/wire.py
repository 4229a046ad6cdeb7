"""The panel API's words and numbers. Pure: what a panel answered in, what we understand out.

The de facto "API v2" of SMM panels is documented only on the panels' own pages: numbers come as strings or as
numbers, and states in a handful of spellings.
"""

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from activations.models import SmmOrder
from activations.providers.smm.base import OrderReport, SmmSheet
from catalog.models.smm import LARGEST_ORDER
from catalog.services.smm import ListedService

Status = SmmOrder.Status
WORDS: Mapping[str, SmmOrder.Status] = {
    "pending": Status.PENDING,
    "awaiting": Status.PENDING,
    "queued": Status.PENDING,
    "processing": Status.IN_PROGRESS,
    "inprogress": Status.IN_PROGRESS,
    "active": Status.IN_PROGRESS,
    "completed": Status.COMPLETED,
    "complete": Status.COMPLETED,
    "partial": Status.PARTIAL,
    "canceled": Status.CANCELED,
    "cancelled": Status.CANCELED,
    "refunded": Status.CANCELED,
    "fail": Status.FAILED,
    "failed": Status.FAILED,
    "error": Status.FAILED,
}
NUMBER = re.compile(r"\A\s*-?[0-9]{1,15}(\.[0-9]{1,30})?\s*\Z")
IDENTIFIER = re.compile(r"\A[!-~]{1,64}\Z")
CURRENCY = re.compile(r"\A[A-Z]{3}\Z")
MICRO = Decimal("0.000001")
LONGEST_SERVICE_ID, LONGEST_NAME, LONGEST_CATEGORY = 32, 200, 100
COUNT_LIMIT = 2**62


def number(value: Any) -> Decimal | None:
    """A number, or a text of one in ASCII digits; else None."""
    text = value if isinstance(value, str) else str(value) if isinstance(value, int | Decimal) else ""
    if isinstance(value, bool) or not NUMBER.match(text):
        return None
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        return None


def whole(value: Any) -> int | None:
    found = number(value)
    return int(found) if found is not None and found == int(found) and abs(found) < COUNT_LIMIT else None


def cost(value: Any) -> Decimal | None:
    """An amount of money, zero or more, rounded half up to 6 places; below 10^12."""
    found = number(value)
    if found is None or not 0 <= found < Decimal(10) ** 12:
        return None
    return found.quantize(MICRO, ROUND_HALF_UP)


def identifier(value: Any) -> str | None:
    """An id, which comes as a number or as a text; never as true, 0 or an empty text."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if IDENTIFIER.match(text) and text != "0" else None


def complaint(answer: Any) -> str | None:
    """The panel's own `error`, where the answer is one."""
    if not isinstance(answer, dict) or not answer.get("error"):
        return None
    return str(answer["error"])[:100]


def report(row: Any) -> OrderReport | None:
    """What one order's row of `status` says; None where it says nothing, or nothing that we know."""
    if not isinstance(row, dict) or complaint(row):
        return None
    status = WORDS.get(re.sub(r"[^a-z]", "", str(row.get("status", "")).lower()))
    if status is None:
        return None
    currency = row.get("currency")
    return OrderReport(
        status,
        start_count=whole(row.get("start_count")),
        remains=whole(row.get("remains")),
        cost=cost(row.get("charge")),
        cost_currency=currency if isinstance(currency, str) and CURRENCY.match(currency) else "",
    )


def sheet(rows: list[Any], cost_currency: str) -> SmmSheet:
    """What `services` lists. Only those of type Default are ordered by a link and a quantity."""
    services: dict[str, ListedService] = {}
    unreadable: set[str] = set()
    for row in rows:
        service_id = identifier(row.get("service")) if isinstance(row, dict) else None
        if service_id is None or len(service_id) > LONGEST_SERVICE_ID:
            continue
        found = _listed(service_id, row)
        if found is not None:
            services[service_id] = found
        elif _is_default(row):
            unreadable.add(service_id)
    return SmmSheet(cost_currency, list(services.values()), frozenset(unreadable - services.keys()))


def _listed(service_id: str, row: dict[str, Any]) -> ListedService | None:
    rate, low, high = cost(row.get("rate")), whole(row.get("min")), whole(row.get("max"))
    name = _words(row.get("name"), LONGEST_NAME)
    if not _is_default(row) or not name or rate is None or low is None or high is None:
        return None
    low, high = max(low, 1), min(high, LARGEST_ORDER)
    if high < low:
        return None
    return ListedService(
        id=service_id, name=name, category=_words(row.get("category"), LONGEST_CATEGORY), cost=rate,
        min_quantity=low, max_quantity=high, can_refill=_flag(row.get("refill")), can_cancel=_flag(row.get("cancel")),
    )  # fmt: skip


def _is_default(row: dict[str, Any]) -> bool:
    return str(row.get("type") or "default").strip().lower() == "default"


def _words(value: Any, longest: int) -> str:
    """A text on one line, without what cannot be stored or shown."""
    if not isinstance(value, str):
        return ""
    printable = "".join(letter if letter.isprintable() else " " for letter in value)
    return " ".join(printable.split())[:longest]


def _flag(value: Any) -> bool:
    return value is True or str(value).strip().lower() in {"1", "true", "yes"}
