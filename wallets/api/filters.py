"""What lists of movements can be asked for."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from wallets.models import Transaction


class MovementFilter(django_filters.FilterSet):
    kind = django_filters.CharFilter(help_text="sms_purchase, sms_refund, deposit …")
    reference = django_filters.CharFilter(max_length=120)
    since = django_filters.IsoDateTimeFilter(field_name="posted_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="posted_at", lookup_expr="lt")

    class Meta:
        model = Transaction
        fields = ("kind", "reference")


class StatementFilter(MovementFilter):
    type = django_filters.ChoiceFilter(choices=(("credit", "credit"), ("debit", "debit")), method="by_direction")

    def by_direction(self, rows: "QuerySet[Transaction]", name: str, value: str) -> Any:
        return rows.filter(wallet_delta__gt=0) if value == "credit" else rows.filter(wallet_delta__lt=0)


class PlatformFilter(MovementFilter):
    type = django_filters.CharFilter(field_name="kind", help_text="The same as `kind`.")
