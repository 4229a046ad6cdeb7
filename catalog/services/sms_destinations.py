"""Writes where SMS are sold to: each destination is a product first, found by its prefixes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection, transaction

from catalog.models import Country, OperatorPrefix, Product, SmsDestination, SmsPrefix
from catalog.services.dialing import country_prefixes

INSERT = "INSERT INTO catalog_smsprefix (digits, destination_id) SELECT * FROM unnest(%s::text[], %s::bigint[])"
BATCH = 5_000  # rows of one statement: it ends well before its timeout
INSERT_DESTINATIONS = """
    INSERT INTO catalog_smsdestination (product_id, country_id, mcc, mnc, operator, cost, cost_currency, is_active)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::numeric[], %s::text[],
                         %s::boolean[])
"""
UPDATE_DESTINATIONS = """
    UPDATE catalog_smsdestination d
       SET operator = v.operator, cost = v.cost, cost_currency = v.cost_currency, is_active = v.is_active
      FROM unnest(%s::bigint[], %s::text[], %s::numeric[], %s::text[], %s::boolean[])
           AS v (id, operator, cost, cost_currency, is_active)
     WHERE d.product_id = v.id
"""
FACTS = ("operator", "cost", "cost_currency", "is_active")
# A prefix that is there already: it becomes this destination's, or stays whose it is.
MOVE = " ON CONFLICT (digits) DO UPDATE SET destination_id = excluded.destination_id"
LEAVE = " ON CONFLICT DO NOTHING"


def create_destination(
    *,
    country: Country | None = None,
    mcc: str = "",
    mnc: str = "",
    prefixes: Sequence[str] | None = None,
    **facts: Any,
) -> SmsDestination:
    """Sell SMS to a country, to one network in it (`mnc`), or to everywhere else (no country).

    Without `prefixes` it has those that are known to be its own: the country's, or the network's.
    `facts` are further columns. Repeating it violates `sms_destination_unique_while_active`.
    """
    destination = SmsDestination(country=country, mcc=mcc, mnc=mnc, **facts)
    create_destinations([destination], {} if prefixes is None else {place_of(destination): prefixes})
    return destination


Place = tuple[int | None, str, str]


def place_of(destination: SmsDestination) -> Place:
    """What a destination is known by: its country's id, MCC and MNC."""
    return (destination.country_id, destination.mcc, destination.mnc)


@transaction.atomic
def create_destinations(wanted: Sequence[SmsDestination], prefixes: Mapping[Place, Iterable[str]]) -> None:
    """Save many new destinations in a few statements; see `create_destination`.

    A prefix that another destination has moves here where `prefixes` names it, and stays there otherwise.
    """
    for destination, product_id in zip(wanted, _new_products(len(wanted)), strict=True):
        destination.product_id = product_id
    # Columns instead of rows: a tenth of the time for tens of thousands.
    _execute(INSERT_DESTINATIONS, wanted, ("product_id", "country_id", "mcc", "mnc", *FACTS))
    set_prefixes({each.pk: prefixes[place_of(each)] for each in wanted if place_of(each) in prefixes})
    _give_known_prefixes([each for each in wanted if place_of(each) not in prefixes])


def save_facts(destinations: Sequence[SmsDestination]) -> None:
    """Write what is a destination's own, not its place: network, costs, whether it is on."""
    _execute(UPDATE_DESTINATIONS, sorted(destinations, key=lambda each: each.pk), ("product_id", *FACTS))


@transaction.atomic
def set_prefixes(wanted: Mapping[int, Iterable[str]]) -> None:
    """Give destinations (by id) exactly these prefixes. One that was another destination's is it no more."""
    rows = {digits: destination_id for destination_id, found in wanted.items() for digits in found}
    held = SmsPrefix.objects.filter(destination__in=list(wanted)).values_list("pk", "digits", "destination_id")
    gone = [pk for pk, digits, destination_id in held if rows.get(digits) != destination_id]
    SmsPrefix.objects.filter(pk__in=gone).delete()
    _write(rows, MOVE)


def _give_known_prefixes(destinations: Iterable[SmsDestination]) -> None:
    destinations = list(destinations)
    networks = _network_prefixes({(each.mcc, each.mnc) for each in destinations if each.mnc})
    countries = country_prefixes()
    rows: dict[str, int] = {}
    for each in destinations:
        if each.mnc:
            rows |= dict.fromkeys(networks.get((each.mcc, each.mnc), ()), each.pk)
        elif each.country:
            rows |= dict.fromkeys(countries.get(each.country.code, ()), each.pk)
    _write(rows, LEAVE)


def _network_prefixes(networks: set[tuple[str, str]]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    rows = OperatorPrefix.objects.filter(operator__mcc__in={mcc for mcc, _ in networks})
    for mcc, mnc, digits in rows.values_list("operator__mcc", "operator__mnc", "digits"):
        found.setdefault((mcc, mnc), []).append(digits)
    return found


def _write(rows: Mapping[str, int], on_conflict: str) -> None:
    # In one order, so that two sheets written at once never wait for each other in a circle.
    digits = sorted(rows)
    for begin in range(0, len(digits), BATCH):
        batch = digits[begin : begin + BATCH]
        with connection.cursor() as cursor:
            cursor.execute(
                INSERT + on_conflict,
                [batch, [rows[each] for each in batch]],
            )


def _execute(statement: str, rows: Sequence[SmsDestination], columns: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        for begin in range(0, len(rows), BATCH):
            batch = rows[begin : begin + BATCH]
            cursor.execute(statement, [[getattr(row, column) for row in batch] for column in columns])


def _new_products(count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO catalog_product (kind) SELECT %s FROM generate_series(1, %s) RETURNING id",
            [Product.Kind.SMS, count],
        )
        return sorted(pk for (pk,) in cursor.fetchall())
