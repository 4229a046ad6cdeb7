"""Filters of messages, templates and reports."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, TextFilter

from notifications.models import Message
from notifications.providers import PROVIDERS
from wallets.admin import finding


class FieldFilter(DropdownFilter):
    """The rows whose field is exactly the choice."""

    field = ""
    words: Iterable[tuple[str, str]] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return list(self.words)

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


class StateFilter(FieldFilter):
    title = "state"
    parameter_name = "state"
    field = "state"
    words = Message.State.choices


class DispatchFilter(FieldFilter):
    title = "handing over"
    parameter_name = "dispatch"
    field = "dispatch"
    words = Message.Dispatch.choices


class BillingFilter(FieldFilter):
    title = "billing"
    parameter_name = "billing"
    field = "billing"
    words = Message.Billing.choices


class ModeFilter(FieldFilter):
    title = "mode"
    parameter_name = "mode"
    field = "mode"
    words = (("live", "Live"), ("test", "Test"), ("dryrun", "Dry run"))


class ProviderFilter(FieldFilter):
    title = "provider"
    parameter_name = "provider"
    field = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(name, name) for name in PROVIDERS]


class AttentionFilter(DropdownFilter):
    """What somebody should look at."""

    title = "attention"
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("staff", "Needs staff"), ("contradicted", "Contradicted by a report")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if self.value() == "staff":
            return queryset.filter(needs_staff=True)
        return queryset.filter(is_contradicted=True) if self.value() == "contradicted" else queryset


class SendingFilter(TextFilter):
    """Rows of one sending, by its number; `path` leads there."""

    title = "sending (number)"
    parameter_name = "sending"
    path = "chunk__sending_id"

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        number = finding.number_in((self.value() or "").strip())
        if not (self.value() or "").strip():
            return queryset
        return queryset.filter(**{self.path: number}) if number is not None else queryset.none()


class OwnSendingFilter(SendingFilter):
    path = "sending_id"


class ChunkFilter(SendingFilter):
    title = "chunk (number)"
    parameter_name = "chunk"
    path = "chunk_id"
