"""Which numbers are whose: the countries' prefixes of E.164, also where several share a dial code.

Derived from libphonenumber's patterns (the phonenumbers package): +1 is the United States, but
+1 876 Jamaica; +7 is Russia, but +7 7 Kazakhstan; +44 is the United Kingdom, but +44 1534 Jersey.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import regex
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

# No shared dial code needs more digits than this after it to tell its countries apart.
DEEPEST = 6
LONGEST = 3 + DEEPEST
DIGITS = "0123456789"

Patterns = dict[str, "regex.Pattern[str]"]


@cache
def country_prefixes() -> dict[str, tuple[str, ...]]:
    """By country code (ISO 3166 alpha-2), the prefixes of its numbers. The longest prefix of a number decides.

    The first country of a shared dial code has the dial code itself.
    """
    prefixes: dict[str, list[str]] = {}
    for dial_code, (first, *others) in COUNTRY_CODE_TO_REGION_CODE.items():
        if first == "001":  # satellites and services, of no country
            continue
        prefixes.setdefault(first, []).append(str(dial_code))
        for country, prefix in _shared(dial_code, (first, *others)) if others else ():
            prefixes.setdefault(country, []).append(prefix)
    return {country: tuple(sorted(found)) for country, found in prefixes.items()}


def country_of(number: str) -> str | None:
    """The country code (ISO 3166 alpha-2) of a number, digits from the dial code on; None where it is of none."""
    countries = _by_prefix()
    prefixes = (number[:length] for length in range(LONGEST, 0, -1))
    return next((countries[prefix] for prefix in prefixes if prefix in countries), None)


@cache
def _by_prefix() -> dict[str, str]:
    return {prefix: country for country, prefixes in country_prefixes().items() for prefix in prefixes}


def _shared(dial_code: int, countries: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The prefixes of all but the first country."""
    for country, national in _divided("", _patterns(countries)):
        if country != countries[0]:
            yield country, f"{dial_code}{national}"


def _divided(national: str, patterns: Patterns) -> list[tuple[str, str]]:
    """Whose numbers begin with `national`; where that is open still, whose with one digit more."""
    possible = {country: pattern for country, pattern in patterns.items() if pattern.fullmatch(national, partial=True)}
    if len(possible) <= 1 or len(national) == DEEPEST:
        return [(country, national) for country in list(possible)[:1]]
    finer = [found for digit in DIGITS for found in _divided(national + digit, possible)]
    owners = {country for country, _ in finer}
    return [(owners.pop(), national)] if len(owners) == 1 else finer


def _patterns(countries: tuple[str, ...]) -> Patterns:
    """What a number looks like in each country. A pattern that an earlier one has too is that one's."""
    patterns: Patterns = {}
    taken: set[str] = set()
    for country in countries:
        metadata: Any = PhoneMetadata.metadata_for_region(country)
        own = {f"(?:{metadata.leading_digits})[0-9]*"} if metadata.leading_digits else _looks(metadata, not patterns)
        patterns[country] = regex.compile("|".join(own - taken) or regex.escape("-"))
        taken |= own
    return patterns


def _looks(metadata: Any, is_first: bool) -> set[str]:
    """The patterns of phones; for the first country of a dial code of its services too (+1 800, +44 76)."""
    kinds = [metadata.fixed_line, metadata.mobile]
    if is_first:
        kinds += [metadata.toll_free, metadata.premium_rate, metadata.voip, metadata.pager, metadata.uan]
    return {kind.national_number_pattern for kind in kinds if kind and kind.national_number_pattern}
