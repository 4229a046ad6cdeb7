"""The map of destinations: which one a number goes to. Kept per process, guarded by a stamp."""

from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import connection
from django.db.models import Q

from catalog.models import Country, Product, SmsDestination
from catalog.services.dialing import country_prefixes

# Where a prefix leads that is not one destination: nowhere, as its country is switched off; or out of a destination
# that would take it though it is another country's (Jersey's numbers, where only the United Kingdom has a rate).
CLOSED, ELSEWHERE = 0, -1
NONE: Collection[int] = frozenset()
COLUMNS = ("product_id", "country_id", "country__name", "operator", "mcc", "mnc", "cost", "cost_currency")


class Destination(NamedTuple):
    """A destination without its model: thousands are priced at once."""

    product_id: int
    country_id: int | None
    country: str
    operator: str
    mcc: str
    mnc: str
    cost: Decimal
    cost_currency: str
    service_id: None = None
    provider: str = ""
    kind: str = Product.Kind.SMS


class Destinations:
    """All destinations that are sold, with their prefixes, as they were at one stamp."""

    def __init__(self, by_id: dict[int, Destination], prefixes: dict[str, int]) -> None:
        self._by_id = by_id
        self._prefixes = prefixes
        self._lengths = sorted({len(prefix) for prefix in prefixes}, reverse=True)
        self._default = next((one for one, each in by_id.items() if each.country_id is None), None)

    def find(self, number: str, without: Collection[int] = NONE) -> int | None:
        """The destination of a number (digits alone) by its longest prefix, else the default.

        None where nothing is sold. `without` are destinations to pass over.
        """
        prefixes = self._prefixes
        for length in self._lengths:
            found = prefixes.get(number[:length])
            if found is None or found in without:
                continue
            if found == ELSEWHERE:
                break
            return found or None
        return None if self._default in without else self._default

    def of(self, ids: Iterable[int]) -> Iterator[Destination]:
        return (self._by_id[one] for one in ids)

    def by_country(self) -> Iterator[Destination]:
        """All but the default."""
        return (each for each in self._by_id.values() if each.country_id is not None)

    def reached_by(self, prefix: str) -> set[int | None]:
        """The destinations that numbers beginning with `prefix` may go to."""
        longer = {found for digits, found in self._prefixes.items() if digits.startswith(prefix)}
        return {self.find(prefix), *longer}


_kept: tuple[UUID, Destinations] | None = None


def destinations() -> Destinations:
    """The map as it is now: one small query, and a second's reading where it changed."""
    global _kept  # noqa: PLW0603 - one map per process, replaced as a whole
    # The stamp first: what changes while the rows are read comes with another one.
    stamp = _stamp()
    kept = _kept
    if kept is not None and kept[0] == stamp:
        return kept[1]
    found = _read()
    if stamp is not None:
        _kept = (stamp, found)
    return found


def _stamp() -> UUID | None:
    # Asked for each number that is priced: as plain SQL, for a queryset takes thrice as long.
    with connection.cursor() as cursor:
        cursor.execute("SELECT stamp FROM catalog_destinationmap")
        row = cursor.fetchone()
    return row[0] if row else None


def _read() -> Destinations:
    by_id: dict[int, Destination] = {}
    prefixes: dict[str, int] = {}
    rows = SmsDestination.objects.filter(is_active=True).annotate(
        digits=ArrayAgg("prefixes__digits", filter=Q(prefixes__isnull=False), default=[])
    )
    for *facts, is_open, digits in rows.order_by().values_list(*COLUMNS, "country__is_enabled", "digits"):
        product_id, country_id, country, *others = facts
        if is_open is not False:
            by_id[product_id] = Destination(product_id, country_id, country or "", *others)
        prefixes |= dict.fromkeys(digits, product_id if is_open is not False else CLOSED)
    return Destinations(by_id, _led_elsewhere(by_id.values()) | prefixes)


def _led_elsewhere(sold: Iterable[Destination]) -> dict[str, int]:
    """The prefixes of countries that are switched off, and of those without a destination of their own."""
    own = {each.country_id for each in sold}
    found: dict[str, int] = {}
    for pk, code, is_open in Country.objects.values_list("pk", "code", "is_enabled"):
        if pk not in own or not is_open:
            found |= dict.fromkeys(country_prefixes().get(code, ()), ELSEWHERE if is_open else CLOSED)
    return found
