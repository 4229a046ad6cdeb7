"""Filters of rentals and messages."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from activations.admin.queues import due, open_late_cases
from activations.models import Activation, InboundMessage
from activations.providers import PROVIDERS


class StatusFilter(DropdownFilter):
    """Open states go by the index on what is due; of closed ones the newest come first anyway."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("open", "Open, whatever it is"), *Activation.Status.choices]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        wanted = self.value()
        if not wanted:
            return queryset
        if wanted == "open":
            return queryset.filter(pk__in=due().values("pk"))
        found = queryset.filter(status=wanted)
        return found.filter(pk__in=due().values("pk")) if wanted in Activation.OPEN else found


class StaffFilter(DropdownFilter):
    title = "needs staff"
    parameter_name = "staff"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("yes", "Needs staff")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(pk__in=due().filter(needs_staff=True).values("pk")) if self.value() else queryset


class ProviderFilter(DropdownFilter):
    title = "provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(name, name) for name in PROVIDERS]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(provider=self.value()) if self.value() else queryset


class ModeFilter(DropdownFilter):
    title = "mode"
    parameter_name = "mode"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("live", "Live"), ("test", "Test"), ("dryrun", "Dry run")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(mode=self.value()) if self.value() else queryset


class CaseFilter(DropdownFilter):
    """Late SMS as cases: those that somebody still has to deal with, and those that are done."""

    title = "late case"
    parameter_name = "case"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("open", "Open"), ("resolved", "Resolved")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if self.value() == "open":
            return queryset.filter(pk__in=open_late_cases().values("pk"))
        resolved = Q(state=InboundMessage.State.LATE, resolved_at__isnull=False)
        return queryset.filter(resolved) if self.value() == "resolved" else queryset
