"""What the histories of sendings and of their messages can be asked for."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from notifications.models import Channel, Message, Sending
from notifications.services.addresses import normal
from notifications.services.states import SENDING_WORDS

CHANNELS = [("sms", "SMS"), ("email", "E-mail")]


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
        choices=[(word, word) for word in dict.fromkeys(SENDING_WORDS.values())],
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
        return rows.filter(state__in=[state for state, word in SENDING_WORDS.items() if word == value])
