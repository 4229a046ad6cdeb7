"""What the history of messages can be asked for."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from notifications.models import Message
from notifications.services.states import NATIVE_WORDS


class MessageFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(
        choices=[(word, word) for word in dict.fromkeys(NATIVE_WORDS.values())],
        method="by_status",
        help_text="queued, sent, delivered, read, undelivered or failed.",
    )
    billing_status = django_filters.ChoiceFilter(
        field_name="billing", choices=Message.Billing.choices, help_text="charged, refunded or free."
    )
    template_id = django_filters.NumberFilter(min_value=1, max_value=10**18 - 1, decimal_places=0)
    to = django_filters.CharFilter(max_length=32, method="by_recipient", help_text="With or without +.")
    message_sid = django_filters.CharFilter(field_name="provider_message_id", max_length=64)
    since = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Message
        fields = ("message_sid",)

    def by_recipient(self, rows: "QuerySet[Message]", name: str, value: str) -> Any:
        # In a query string an unencoded + arrives as a space.
        return rows.filter(to=f"+{value.strip().removeprefix('+')}")

    def by_status(self, rows: "QuerySet[Message]", name: str, value: str) -> Any:
        return rows.filter(state__in=[state for state, word in NATIVE_WORDS.items() if word == value])
