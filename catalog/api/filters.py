"""Filters of the catalogue's lists. A value that makes no sense is refused, not ignored."""

import django_filters as filters
from django.db.models import Q, QuerySet
from rest_framework.exceptions import ValidationError

from catalog.models import Country, Service
from catalog.models.country import CountryQuerySet

BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def filtered(filterset: filters.FilterSet) -> QuerySet:
    """The rows that pass. Raises ValidationError, per field."""
    if not filterset.is_valid():
        raise ValidationError(filterset.errors)
    return filterset.qs


class ServiceFilter(filters.FilterSet):
    search = filters.CharFilter(method="by_words", max_length=100, help_text="A part of the name or slug.")

    class Meta:
        model = Service
        fields = ()

    def by_words(self, services: QuerySet[Service], name: str, value: str) -> QuerySet[Service]:
        return services.filter(Q(name__icontains=value) | Q(slug__icontains=value))


class CountryFilter(filters.FilterSet):
    search = filters.CharFilter(method="by_words", max_length=100, help_text="A part of the name, or the code.")

    class Meta:
        model = Country
        fields = ()

    def by_words(self, countries: CountryQuerySet, name: str, value: str) -> CountryQuerySet:
        return countries.filter(Q(name__icontains=value) | Q(code__iexact=value))


class AvailabilityFilter(CountryFilter):
    available = filters.TypedChoiceFilter(
        field_name="is_available",
        choices=[(word, word) for word in BOOLEANS],
        coerce=BOOLEANS.get,
        help_text="true: only where something can be bought; false: only where nothing can.",
    )
