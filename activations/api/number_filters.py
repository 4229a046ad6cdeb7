"""What the list of subscriptions can be asked for."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from activations.api.number_serializers import WORDS
from activations.models import Subscription


class SubscriptionFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(
        choices=[(word, word) for word in dict.fromkeys(WORDS.values())],
        method="by_status",
        help_text="pending, active, grace, expired, canceled or released.",
    )
    country = django_filters.CharFilter(field_name="country__code", help_text="Country code.")
    phone = django_filters.CharFilter(max_length=32, method="by_phone", help_text="With or without +.")
    auto_renew = django_filters.ChoiceFilter(choices=[("true", "true"), ("false", "false")], method="by_auto_renew")

    class Meta:
        model = Subscription
        fields = ("phone",)

    def by_status(self, rows: "QuerySet[Subscription]", name: str, value: str) -> Any:
        return rows.filter(status__in=[status for status, word in WORDS.items() if word == value])

    def by_phone(self, rows: "QuerySet[Subscription]", name: str, value: str) -> Any:
        # In a query string an unencoded + arrives as a space.
        return rows.filter(phone=f"+{value.strip().removeprefix('+')}")

    def by_auto_renew(self, rows: "QuerySet[Subscription]", name: str, value: str) -> Any:
        return rows.filter(auto_renew=value == "true")
