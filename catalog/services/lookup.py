"""From what a customer sends to what we sell."""

from catalog.errors import InvalidCountry, InvalidService
from catalog.models import Country, Service


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
