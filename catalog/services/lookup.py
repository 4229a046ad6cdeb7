"""From what a customer sends to what we sell."""

from collections.abc import Iterable

from catalog.errors import InvalidCountry, InvalidService
from catalog.models import Country, Service
from catalog.services.dialing import country_of


def find_service(slug: str) -> Service:
    """The active service called `slug`. Raises InvalidService."""
    service = Service.objects.filter(slug=slug, is_active=True).first()
    if service is None:
        raise InvalidService
    return service


def find_country(code: str) -> Country:
    """The enabled country with this ISO 3166 alpha-2 `code`, in any case. Raises InvalidCountry."""
    # ASCII alone: the capital of ß is SS, which is South Sudan.
    country = Country.objects.filter(code=code.upper() if code.isascii() else "", is_enabled=True).first()
    if country is None:
        raise InvalidCountry
    return country


def countries_of(numbers: Iterable[str]) -> dict[str, str]:
    """By number (digits from the dial code on), the name of its country; a number of none is absent."""
    codes = {number: country_of(number) for number in numbers}
    names = dict(Country.objects.filter(code__in=set(codes.values()) - {None}).values_list("code", "name"))
    return {number: names[code] for number, code in codes.items() if code in names}
