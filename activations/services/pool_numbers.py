"""The operator's own numbers: taken in, switched on and off."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import phonenumbers
from django.db import transaction

from activations.models import PoolNumber
from catalog.models import Country, Operator
from config.errors import InvalidInput

E164 = re.compile(r"\A\+[1-9][0-9]{7,14}\Z")
PUNCTUATION = re.compile(r"[\s().-]+")
SHOWN = 10


@dataclass(frozen=True)
class Added:
    """How many numbers are new, and how many were there already."""

    new: int
    known: int


def add_numbers(*, phones: Iterable[str], operator: Operator | None = None) -> Added:
    """Take numbers into the pool; the country of each is its own. All of them, or none.

    A number that is there already stays as it is, so repeating changes nothing. Raises InvalidInput,
    which names what is no number, and numbers of a country that the operator or the catalogue has not.
    """
    countries = {country.code: country for country in Country.objects.all()}
    found: dict[str, Country] = {}
    wrong: list[str] = []
    for phone in phones:
        parsed = e164(phone)
        country = countries.get(region_of(parsed))
        if country is None or (operator is not None and operator.country_id != country.pk):
            wrong.append(phone.strip()[:30])
        else:
            found[parsed] = country
    if wrong or not found:
        raise InvalidInput({"phones": _complaints(wrong)})
    return _store(found, operator)


def set_active(*, ids: Iterable[int], active: bool) -> int:
    """Lease these numbers, or lease them no more; a lease that runs goes on. Returns how many changed."""
    return PoolNumber.objects.filter(pk__in=list(ids)).exclude(is_active=active).update(is_active=active)


def e164(phone: str) -> str:
    """The number as E.164, spaces and dashes forgiven; "" where it is none."""
    plain = PUNCTUATION.sub("", phone)
    return plain if E164.match(plain) else ""


def region_of(phone: str) -> str:
    """ISO 3166 code of a valid number's country; "" for any other text, and for numbers of no country."""
    try:
        parsed = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.region_code_for_number(parsed) or "" if phonenumbers.is_valid_number(parsed) else ""


@transaction.atomic
def _store(found: dict[str, Country], operator: Operator | None) -> Added:
    known = set(PoolNumber.objects.filter(phone__in=found).values_list("phone", flat=True))
    rows = [
        PoolNumber(phone=phone, country=country, operator=operator)
        for phone, country in found.items()
        if phone not in known
    ]
    PoolNumber.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1_000)
    return Added(new=len(rows), known=len(known))


def _complaints(wrong: list[str]) -> list[str]:
    if not wrong:
        return ["At least one number."]
    more = [f"and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
    return [f"Not a valid number of a known country: {', '.join([*wrong[:SHOWN], *more])}"]
