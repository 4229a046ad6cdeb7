"""What the list of activations can be asked for."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from activations.api.serializers import WORDS
from activations.models import Activation


class ActivationFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(
        choices=[(word, word) for word in dict.fromkeys(WORDS.values())],
        method="by_status",
        help_text="pending, completed, expired, canceled or failed.",
    )
    service = django_filters.CharFilter(field_name="service__slug", help_text="Service slug.")
    country = django_filters.CharFilter(field_name="country__code", help_text="Country code.")
    phone = django_filters.CharFilter(max_length=32, method="by_phone", help_text="With or without +.")
    since = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Activation
        fields = ("phone",)

    def by_phone(self, rows: "QuerySet[Activation]", name: str, value: str) -> Any:
        # In a query string an unencoded + arrives as a space.
        return rows.filter(phone=f"+{value.removeprefix('+')}")

    def by_status(self, rows: "QuerySet[Activation]", name: str, value: str) -> Any:
        return rows.filter(status__in=[status for status, word in WORDS.items() if word == value])
