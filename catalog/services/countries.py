"""Countries of the world, from ISO 3166 (pycountry) and the ITU's dial codes (phonenumbers)."""

import phonenumbers
import pycountry

from catalog.models import Country

# The native reference prints the United States as 1 and the United Kingdom as 2.
FIRST = ("US", "GB")
# What people call those that ISO 3166 names by statute.
USUAL_NAMES = {
    "BN": "Brunei", "CD": "DR Congo", "FK": "Falkland Islands", "FM": "Micronesia", "PS": "Palestine", "RU": "Russia",
    "SX": "Sint Maarten", "VA": "Vatican City", "VG": "British Virgin Islands", "VI": "U.S. Virgin Islands",
}  # fmt: skip
ISO_FACTS = ("alpha3", "name", "dial_code")


def load_countries() -> int:
    """Write every country that exists; return how many there are.

    Repeating it renews names and dial codes and leaves ids and `is_enabled` as they are.
    """
    countries = _countries()
    countries.sort(key=lambda country: (country.code not in FIRST, country.code != FIRST[0], country.name))
    known = set(Country.objects.values_list("code", flat=True))
    Country.objects.bulk_create(country for country in countries if country.code not in known)
    if known:
        _renew([country for country in countries if country.code in known])
    return len(countries)


def _renew(countries: list[Country]) -> None:
    ids = dict(Country.objects.values_list("code", "id"))
    for country in countries:
        country.id = ids[country.code]
    Country.objects.bulk_update(countries, ISO_FACTS)


def _countries() -> list[Country]:
    iso = [
        Country(
            code=country.alpha_2,
            alpha3=country.alpha_3,
            name=USUAL_NAMES.get(country.alpha_2, getattr(country, "common_name", country.name)),
            dial_code=_dial_code(country.alpha_2),
        )
        for country in pycountry.countries
    ]
    # In use everywhere (its numbers, its operators), though ISO reserved no code for it.
    return [*iso, Country(code="XK", alpha3="XKX", name="Kosovo", dial_code=_dial_code("XK"))]


def _dial_code(region: str) -> str:
    """`44` for GB; empty for the few places without a numbering plan, such as Antarctica."""
    code = phonenumbers.country_code_for_region(region)
    return str(code) if code else ""
