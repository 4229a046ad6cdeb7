"""Filters of SMM orders."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from activations.models import SmmOrder
from activations.providers.smm import PROVIDERS

Status = SmmOrder.Status


class SmmStatusFilter(DropdownFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("open", "Open, whatever it is"), *Status.choices]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if self.value() == "open":
            return queryset.filter(status__in=(*SmmOrder.UNSETTLED, *SmmOrder.RUNNING))
        return queryset.filter(status=self.value()) if self.value() else queryset


class SmmAttentionFilter(DropdownFilter):
    title = "attention"
    parameter_name = "staff"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("yes", "Needs staff"), ("contradicted", "Contradicted after its end")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if self.value() == "contradicted":
            return queryset.exclude(contradiction="")
        return queryset.filter(needs_staff=True) if self.value() else queryset


class SmmProviderFilter(DropdownFilter):
    title = "provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(name, name) for name in PROVIDERS]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(provider=self.value()) if self.value() else queryset
