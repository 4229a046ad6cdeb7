"""What the SMM lists can be asked for."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from activations.api.smm.serializers import WORDS
from activations.models import SmmOrder
from catalog.models import SmmService


class SmmServiceFilter(django_filters.FilterSet):
    search = django_filters.CharFilter(
        field_name="name", lookup_expr="icontains", max_length=100, help_text="A part of the name."
    )
    category = django_filters.CharFilter(
        lookup_expr="iexact", max_length=100, help_text="Exactly, such as Instagram; in any case."
    )

    class Meta:
        model = SmmService
        fields = ("category",)


class SmmOrderFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(
        choices=[(word, word) for word in dict.fromkeys(WORDS.values())],
        method="by_status",
        help_text="pending, in_progress, partial, completed, canceled or failed.",
    )
    since = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = SmmOrder
        fields = ("status",)

    def by_status(self, rows: "QuerySet[SmmOrder]", name: str, value: str) -> Any:
        return rows.filter(status__in=[status for status, word in WORDS.items() if word == value])
