"""What the histories of sendings and of their messages can be asked for."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from notifications.api.serializers import WORDS
from notifications.models import Channel, Message, Sending
from notifications.services.addresses import normal

CHANNELS = [("sms", "SMS"), ("email", "E-mail")]
STATUSES = {state: "canceled" if state == Message.State.CANCELED else word for state, word in WORDS.items()}


class SendingFilter(django_filters.FilterSet):
    channel = django_filters.ChoiceFilter(choices=CHANNELS, help_text="sms or email.")
    status = django_filters.ChoiceFilter(
        choices=Sending.Status.choices, help_text="pending, processing, sent, completed, failed or canceled."
    )
    since = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Sending
        fields = ("channel", "status")


class RecipientFilter(django_filters.FilterSet):
    channel = django_filters.ChoiceFilter(choices=CHANNELS, help_text="sms or email.")
    status = django_filters.ChoiceFilter(
        choices=[(word, word) for word in dict.fromkeys(STATUSES.values())],
        method="by_status",
        help_text="queued, sent, delivered, read, undelivered, failed or canceled.",
    )
    to = django_filters.CharFilter(max_length=254, method="by_recipient", help_text="With or without +.")
    since = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Message
        fields = ("channel",)

    def by_recipient(self, rows: "QuerySet[Message]", name: str, value: str) -> Any:
        # In a query string an unencoded + arrives as a space.
        value = value.strip()
        return rows.filter(to__in={value, normal(Channel.EMAIL if "@" in value else Channel.SMS, value)})

    def by_status(self, rows: "QuerySet[Message]", name: str, value: str) -> Any:
        return rows.filter(state__in=[state for state, word in STATUSES.items() if word == value])
