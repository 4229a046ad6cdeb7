"""Filters that the lists share."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter, RangeDateFilter, TextFilter
from unfold.utils import parse_date_str

from wallets.admin.days import first_id_since
from wallets.admin.finding import customer_ids, number_in
from wallets.models import AlertLevel, Wallet

AVAILABLE = F("balance") - F("held") + F("credit_limit")


class TextIs(TextFilter):
    """The rows whose field is exactly what was typed."""

    field = ""

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        typed = (self.value() or "").strip()
        return queryset.filter(**{self.field: self.understood(typed)}) if typed else queryset

    def understood(self, typed: str) -> str:
        return typed


class CurrencyFilter(TextIs):
    title = "currency"
    parameter_name = "currency"
    field = "currency"

    def understood(self, typed: str) -> str:
        return typed.upper()


class CustomerFilter(TextFilter):
    """By number, uuid, or a part of the name or e-mail address."""

    title = "customer (number, uuid, name or e-mail)"
    parameter_name = "customer"
    path = "customer_id__in"

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        typed = (self.value() or "").strip()
        return queryset.filter(**{self.path: self.ids(typed)}) if typed else queryset

    def ids(self, typed: str) -> list[int]:
        return customer_ids(typed)


class CustomerByWalletFilter(CustomerFilter):
    """The same for rows that know only their wallet: its index is used, not a join."""

    path = "wallet_id__in"

    def ids(self, typed: str) -> list[int]:
        return list(Wallet.objects.filter(customer_id__in=customer_ids(typed)).values_list("pk", flat=True))


class NumberFilter(TextFilter):
    """Rows of one row of another table, by its number."""

    path = ""

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        typed = (self.value() or "").strip()
        if not typed:
            return queryset
        number = number_in(typed)
        return queryset.none() if number is None else queryset.filter(**{self.path: number})


class WalletFilter(NumberFilter):
    title = "wallet number"
    parameter_name = "wallet"
    path = "wallet_id"


class DayFilter(RangeDateFilter):
    """From a day to a day, both whole, in UTC."""

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        first, last = self._day("_from"), self._day("_to")
        if first is not None:
            queryset = self.since(queryset, first)
        if last is not None:
            queryset = self.before(queryset, last + timedelta(days=1))
        return queryset

    def since(self, queryset: "QuerySet[Any]", moment: datetime) -> "QuerySet[Any]":
        return queryset.filter(**{f"{self.field_path}__gte": moment})

    def before(self, queryset: "QuerySet[Any]", moment: datetime) -> "QuerySet[Any]":
        return queryset.filter(**{f"{self.field_path}__lt": moment})

    def _day(self, end: str) -> datetime | None:
        day = parse_date_str(str(self.used_parameters.get(self.field_path + end) or ""))
        if day is None or not 1970 <= day.year <= 9000:
            return None
        return timezone.make_aware(datetime.combine(day, time.min))


class PostedFilter(DayFilter):
    """The same for transactions, by primary key: their time has no index of its own."""

    def since(self, queryset: "QuerySet[Any]", moment: datetime) -> "QuerySet[Any]":
        return super().since(queryset.filter(pk__gte=first_id_since(moment)), moment)

    def before(self, queryset: "QuerySet[Any]", moment: datetime) -> "QuerySet[Any]":
        # Twice the slack: `first_id_since` looks that much earlier.
        return super().before(queryset.filter(pk__lte=first_id_since(moment + timedelta(minutes=30))), moment)


class StandingFilter(DropdownFilter):
    """Wallets that somebody should look at."""

    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return (("low", "Below its warning"), ("debt", "In debt"), ("held", "With money held"))

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if self.value() == "low":
            return low(queryset)
        if self.value() == "debt":
            return queryset.filter(debt__gt=0)
        return queryset.filter(held__gt=0) if self.value() == "held" else queryset


def low(wallets: "QuerySet[Any]") -> "QuerySet[Any]":
    """Wallets whose available money is below one of their levels."""
    return with_warning(wallets).filter(warned_below__gt=AVAILABLE)


def with_warning(wallets: "QuerySet[Any]") -> "QuerySet[Any]":
    """Adds `warned_below`, the highest level; None where there is none."""
    highest = AlertLevel.objects.filter(wallet=OuterRef("pk")).order_by("-amount")
    return wallets.annotate(warned_below=Subquery(highest.values("amount")[:1]))
