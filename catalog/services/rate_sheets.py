"""Sheets of SMS rates: what one would change, importing it as one batch, and writing one.

A price that differs from the one that holds becomes a new row of the history; nothing is ever
edited. Names, prefixes, costs and switches are the destination's own: only a sheet of the base
prices changes them, and at once, whatever the moment its prices begin.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from catalog.errors import SheetImported, SheetOutdated, SheetRefused
from catalog.models import Country, DestinationMap, Price, PriceList, RateSheet, SmsDestination, SmsPrefix
from catalog.models.price import PriceQuerySet
from catalog.services.sheet_rows import COLUMNS, ENDED, Row, Wrong, read_rows, safe_cell
from catalog.services.sms_destinations import Place, create_destinations, place_of, save_facts, set_prefixes
from config.numbers import plain
from wallets.models import Customer

NOTE = "Rate sheet"
PRICE_COLUMNS = "product_id, amount, currency, price_list_id, customer_id, effective_from, note, actor, created_at"


@dataclass(frozen=True)
class Change:
    """What a line of the sheet would do, in words for the staff."""

    line: int
    where: str
    says: tuple[str, ...]


@dataclass
class Plan:
    """What a sheet would do if it were imported now."""

    begins: datetime
    new: list[Change] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    unchanged: int = 0
    wrong: list[Wrong] = field(default_factory=list)
    destinations: dict[Place, SmsDestination] = field(default_factory=dict)
    touched: dict[int, SmsDestination] = field(default_factory=dict)
    prefixes: dict[Place, tuple[str, ...]] = field(default_factory=dict)
    prices: list[tuple[SmsDestination, Decimal | None, str]] = field(default_factory=list)

    @property
    def fingerprint(self) -> str:
        """Equal where the same would happen."""
        told = [(each.line, each.says) for each in (*self.new, *self.changed)]
        return hashlib.sha256(repr((told, self.wrong)).encode()).hexdigest()


def plan_of(sheet: RateSheet) -> Plan:
    """What `sheet` would change now, line by line. Raises InvalidSheet."""
    now = timezone.now()
    plan = Plan(begins=max(sheet.effective_from or now, now))
    known = _Known(sheet, plan.begins)
    for row in read_rows(sheet.text):
        try:
            if isinstance(row, Wrong):
                plan.wrong.append(row)
            else:
                known.decide(row, plan)
        except ValueError as error:
            plan.wrong.append(Wrong(row.line, str(error)))
    return plan


@transaction.atomic
def import_sheet(*, sheet: RateSheet, fingerprint: str, actor: str) -> RateSheet:
    """Do what the preview with this `fingerprint` showed: all of it, or nothing.

    Raises SheetImported where it was done before, SheetRefused where a line is wrong, SheetOutdated
    where the rates changed since the preview, InvalidSheet.
    """
    sheet = RateSheet.objects.select_for_update(of=("self",)).get(pk=sheet.pk)
    if sheet.imported_at is not None:
        raise SheetImported
    # One sheet at a time: whoever writes destinations waits for this row.
    DestinationMap.objects.select_for_update().first()
    plan = plan_of(sheet)
    if plan.wrong:
        raise SheetRefused(wrong=len(plan.wrong))
    if plan.fingerprint != fingerprint:
        raise SheetOutdated
    _write(plan, sheet, actor)
    sheet.added, sheet.changed, sheet.unchanged = len(plan.new), len(plan.changed), plan.unchanged
    sheet.imported_at, sheet.imported_by, sheet.wanted_at, sheet.refusal = timezone.now(), actor, None, ""
    sheet.save()
    return sheet


def _write(plan: Plan, sheet: RateSheet, actor: str) -> None:
    create_destinations(list(plan.destinations.values()), plan.prefixes)
    save_facts(list(plan.touched.values()))
    moved = {pk: plan.prefixes[place_of(each)] for pk, each in plan.touched.items() if place_of(each) in plan.prefixes}
    set_prefixes(moved)
    facts = (sheet.price_list_id, sheet.customer_id, plan.begins, NOTE, actor, timezone.now())
    with connection.cursor() as cursor, cursor.copy(f"COPY catalog_price ({PRICE_COLUMNS}) FROM STDIN") as copy:
        for destination, amount, currency in plan.prices:
            copy.write_row((destination.pk, amount, currency, *facts))


class _Known:
    """Everything that a sheet is compared with, read once."""

    def __init__(self, sheet: RateSheet, begins: datetime) -> None:
        self.is_base = sheet.is_base
        self.countries = Country.objects.in_bulk(field_name="code")
        # The active one of several last: it stays.
        rows = _with_countries(SmsDestination.objects.order_by("is_active", "pk"), self.countries.values())
        self.destinations = {place_of(each): each for each in rows}
        self.prefixes = _prefixes()
        prices = _level([each.pk for each in rows], sheet.price_list, sheet.customer).in_force(begins)
        columns = ("product_id", "currency", "amount")
        self.prices = {(product_id, currency): amount for product_id, currency, amount in prices.values_list(*columns)}
        self.lines: dict[tuple[Place, str], int] = {}
        self.prefix_lines: dict[str, tuple[Place, int]] = {}

    def decide(self, row: Row, plan: Plan) -> None:
        """Add what a row does to the plan. Raises ValueError with what is wrong."""
        place = self._place(row)
        self._refuse_twice(row, place)
        destination = self.destinations.get(place)
        if destination is None:
            self._add(row, place, plan)
        elif says := (*self._facts(row, destination, plan), *self._price(row, destination, plan)):
            plan.changed.append(Change(row.line, where(destination), says))
        else:
            plan.unchanged += 1

    def _place(self, row: Row) -> Place:
        if not row.country:
            return (None, "", "")
        if row.country not in self.countries:
            raise ValueError(f"Unknown country: {row.country[:50]}. It is an ISO 3166 code like DK.")
        return (self.countries[row.country].pk, row.mcc, row.mnc)

    def _refuse_twice(self, row: Row, place: Place) -> None:
        before = self.lines.setdefault((place, row.currency), row.line)
        if before != row.line:
            raise ValueError(f"Line {before} is about this destination in {row.currency} already.")
        for digits in row.prefixes or ():
            owner, line = self.prefix_lines.setdefault(digits, (place, row.line))
            if owner != place:
                raise ValueError(f"Line {line} gives the prefix {digits} to another destination.")

    def _add(self, row: Row, place: Place, plan: Plan) -> None:
        if not self.is_base:
            raise ValueError("There is no such destination yet: it comes with a sheet of the base prices.")
        if row.price is None:
            raise ValueError("A new destination needs a price.")
        new = SmsDestination(
            country=self.countries.get(row.country), mcc=row.mcc, mnc=row.mnc, operator=row.network or "",
            cost=row.cost or Decimal(0), cost_currency=row.cost_currency or row.currency,
            is_active=row.active is not False,
        )  # fmt: skip
        self.destinations[place] = plan.destinations[place] = new
        if row.prefixes:
            plan.prefixes[place] = row.prefixes
        plan.prices.append((new, row.price, row.currency))
        said = f"prefixes {' '.join(row.prefixes)}" if row.prefixes else "prefixes as known"
        plan.new.append(Change(row.line, where(new), (f"{_shown(row.price)} {row.currency}", said)))

    def _price(self, row: Row, destination: SmsDestination, plan: Plan) -> tuple[str, ...]:
        if row.price is None and not row.is_ended:
            return ()
        holds = self.prices.get((destination.pk, row.currency)) if destination.pk else None
        if holds == row.price:
            return ()
        plan.prices.append((destination, row.price, row.currency))
        return (f"price {_shown(holds)} → {_shown(row.price)} {row.currency}",)

    def _facts(self, row: Row, destination: SmsDestination, plan: Plan) -> tuple[str, ...]:
        if not self.is_base or destination.pk is None:
            return ()
        wanted = {
            "operator": row.network, "cost": row.cost, "cost_currency": row.cost_currency, "is_active": row.active
        }  # fmt: skip
        says = []
        for name, value in wanted.items():
            before = getattr(destination, name)
            if value is not None and value != before:
                says.append(f"{NAMES[name]} {_shown(before)} → {_shown(value)}")
                setattr(destination, name, value)
        held = set(self.prefixes.get(destination.pk, ()))
        if row.prefixes and set(row.prefixes) != held:
            says.append(_moved(held, set(row.prefixes)))
            plan.prefixes[place_of(destination)] = row.prefixes
        if says:
            plan.touched[destination.pk] = destination
        return tuple(says)


NAMES = {"operator": "network", "cost": "cost", "cost_currency": "cost in", "is_active": "active"}


def where(destination: SmsDestination) -> str:
    """A destination in words: Denmark Telenor 238/02."""
    if destination.country is None:
        return "Everywhere else"
    codes = f"{destination.mcc}/{destination.mnc}" if destination.mnc else destination.mcc
    return " ".join(each for each in (destination.country.name, destination.operator, codes) if each)


def _shown(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{plain(value):f}"
    return {None: ENDED, True: "yes", False: "no", "": "none"}.get(value, str(value))  # type: ignore[call-overload]


def _moved(before: set[str], after: set[str]) -> str:
    signs = [f"+{each}" for each in sorted(after - before)] + [f"−{each}" for each in sorted(before - after)]
    more = f" and {len(signs) - 8} more" if len(signs) > 8 else ""
    return f"prefixes {' '.join(signs[:8])}{more}"


def sheet_lines(*, price_list: PriceList | None = None, customer: Customer | None = None) -> Iterator[list[str]]:
    """The prices in force of one level as a sheet, header first: what `import_sheet` takes unchanged.

    The base sheet has every destination, also those without a price; another only what it prices.
    """
    yield list(COLUMNS)
    prices: dict[int, list[tuple[str, Decimal]]] = {}
    sorted_rows = SmsDestination.objects.order_by("country__name", "mcc", "mnc", "pk")
    destinations = _with_countries(sorted_rows, Country.objects.all())
    rows = _level([each.pk for each in destinations], price_list, customer).in_force(timezone.now())
    for product_id, currency, amount in rows.values_list("product_id", "currency", "amount"):
        if amount is not None:
            prices.setdefault(product_id, []).append((currency, amount))
    prefixes = _prefixes()
    for each in destinations:
        priced = sorted(prices.get(each.pk, []))
        if not priced and price_list is None and customer is None:
            yield _line(each, prefixes.get(each.pk, []), "", each.cost_currency)
        for currency, amount in priced:
            yield _line(each, prefixes.get(each.pk, []), _shown(amount), currency)


def _line(each: SmsDestination, prefixes: list[str], price: str, currency: str) -> list[str]:
    code = each.country.code if each.country else ""
    return [
        code, each.mcc, each.mnc, safe_cell(each.operator), " ".join(prefixes), price, currency, _shown(each.cost),
        each.cost_currency, str(int(each.is_active)),
    ]  # fmt: skip


def _with_countries(rows: "QuerySet[SmsDestination]", countries: Iterable[Country]) -> list[SmsDestination]:
    """As `select_related` would, with one object for each country instead of one for each row."""
    by_id = {country.pk: country for country in countries}
    found = list(rows)
    for each in found:
        if each.country_id is not None:
            each.country = by_id[each.country_id]
    return found


def _prefixes() -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for destination_id, digits in SmsPrefix.objects.order_by("digits").values_list("destination_id", "digits"):
        found.setdefault(destination_id, []).append(digits)
    return found


def _level(product_ids: list[int], price_list: PriceList | None, customer: Customer | None) -> PriceQuerySet:
    return Price.objects.filter(price_list=price_list, customer=customer).for_products(product_ids)
