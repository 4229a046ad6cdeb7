"""The world's mobile networks and the prefixes that were given to them, from data that may be shared.

Networks: mcc-mnc-list (MIT, see catalog/data/networks.csv). Prefixes: the carrier names of
libphonenumber (Apache-2.0, in the phonenumbers package), matched to networks by name within a country.
"""

import csv
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pycountry
from django.db import transaction
from phonenumbers.carrierdata import CARRIER_DATA

from catalog.models import Country, Operator, OperatorPrefix
from catalog.services.dialing import country_prefixes

SHEET = Path(__file__).parent.parent / "data" / "networks.csv"
# What says nothing about which network of a country it is.
HOLLOW = frozenset(
    ("ab", "aps", "as", "bv", "co", "communication", "communications", "company", "corp", "corporation", "gmbh",
     "group", "inc", "kft", "lda", "limited", "llc", "lte", "ltd", "mobil", "mobile", "mobiles", "movil", "nv", "oy",
     "oyj", "phone", "plc", "pt", "pte", "sa", "sarl", "spa", "srl", "telecom", "telecommunication",
     "telecommunications", "telecoms", "telekom", "the", "wireless")
)  # fmt: skip
# What a country is called beside its code and its names.
USUAL = {"GB": ("UK",), "US": ("USA",), "AE": ("UAE",)}

Code = tuple[str, str]


class Network(NamedTuple):
    country: str
    mcc: str
    mnc: str
    name: str
    company: str


@dataclass(frozen=True)
class LoadedNetworks:
    """What there is now: networks, prefixes matched to one, and prefixes whose carrier matched none."""

    networks: int
    matched: int
    unmatched: int


@cache
def networks() -> tuple[Network, ...]:
    """Every network in operation, by country, MCC and MNC."""
    with SHEET.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(line for line in file if not line.startswith("#"))
        next(rows)
        return tuple(Network(*row) for row in rows)


def country_mcc(country: str) -> str:
    """The mobile country code of a country: of several the first. Raises KeyError where no network is."""
    return _mccs()[country]


@cache
def _mccs() -> dict[str, str]:
    return {each.country: each.mcc for each in reversed(networks())}


@cache
def network_prefixes() -> dict[str, Code]:
    """By prefix, the network (MCC, MNC) its numbers were given to. Ported numbers keep their prefix."""
    countries = {prefix: code for code, prefixes in country_prefixes().items() for prefix in prefixes}
    named = _by_name(networks())
    found = {}
    for prefix, names in CARRIER_DATA.items():
        country = next((countries[prefix[:end]] for end in range(len(prefix), 0, -1) if prefix[:end] in countries), "")
        code = named.get((country, _essence(names.get("en", ""), country)))
        if code:
            found[prefix] = code
    return found


@transaction.atomic
def load_networks() -> LoadedNetworks:
    """Write every network and prefix we know; repeating it renews names and prefixes.

    A new network is not active: staff switch on those that customers see counted. Countries come
    first (`load_countries`): networks of unknown ones are left out.
    """
    countries = dict(Country.objects.values_list("code", "pk"))
    known = [each for each in networks() if each.country in countries]
    Operator.objects.bulk_create(
        (
            Operator(country_id=countries[each.country], mcc=each.mcc, mnc=each.mnc, name=each.name, is_active=False)
            for each in known
        ),
        update_conflicts=True,
        update_fields=["name"],  # a network of several countries stays where staff have put it
        unique_fields=["mcc", "mnc"],
    )
    matched = _renew_prefixes()
    return LoadedNetworks(len(known), matched, len(CARRIER_DATA) - matched)


def _renew_prefixes() -> int:
    ids = {(mcc, mnc): pk for mcc, mnc, pk in Operator.objects.values_list("mcc", "mnc", "pk")}
    wanted = {digits: ids[code] for digits, code in network_prefixes().items() if code in ids}
    there = dict(OperatorPrefix.objects.values_list("digits", "operator_id"))
    changed = [digits for digits, operator_id in wanted.items() if there.get(digits) != operator_id]
    OperatorPrefix.objects.filter(digits__in=there.keys() - wanted.keys()).delete()
    OperatorPrefix.objects.bulk_create(
        (OperatorPrefix(digits=digits, operator_id=wanted[digits]) for digits in changed),
        batch_size=10_000,
        update_conflicts=True,
        update_fields=["operator"],
        unique_fields=["digits"],
    )
    return len(wanted)


def _by_name(known: Iterable[Network]) -> dict[tuple[str, str], Code]:
    """By country and what its name comes down to: of several with one name the first; a name before a company."""
    found: dict[tuple[str, str], Code] = {}
    known = list(known)
    for words in ([each.name for each in known], [each.company for each in known]):
        for each, word in zip(known, words, strict=True):
            essence = _essence(word, each.country)
            if essence:
                found.setdefault((each.country, essence), (each.mcc, each.mnc))
    return found


def _essence(name: str, country: str) -> str:
    """`Telenor Denmark A/S` is `telenor`, as `telenor` is."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    words = re.findall(r"[a-z0-9]+", plain.replace("a/s", ""))
    telling = [word for word in words if word not in HOLLOW and word not in _names_of(country)]
    return "".join(telling or words)


@cache
def _names_of(country: str) -> frozenset[str]:
    """The words that a network's name may carry to say in which country it is."""
    found = pycountry.countries.get(alpha_2=country)
    names = [country, *USUAL.get(country, ()), getattr(found, "name", ""), getattr(found, "common_name", "")]
    return frozenset(word for name in names for word in re.findall(r"[a-z]+", name.casefold()))
