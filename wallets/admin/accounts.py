"""The books: accounts, their entries, and the trial balance."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display

from wallets.admin import finding
from wallets.admin.filters import CurrencyFilter, NumberFilter
from wallets.admin.look import badge, kind_in_words, link, list_of, moment, money, page_of, wallet_link
from wallets.admin.pages import ReadOnlyPage
from wallets.models import Account, Entry

TONES = {"asset": "info", "liability": "warning", "revenue": "success", "expense": "danger"}
DEBIT_TYPES = (Account.Type.ASSET, Account.Type.EXPENSE)

# One statement, so one snapshot: house accounts by roll-up plus what came since, all wallets as one line a currency.
TRIAL_BALANCE = """
    SELECT id, code, type, currency, wallets_account_balance(id) AS total, 1 AS accounts
      FROM wallets_account WHERE NOT is_wallet
    UNION ALL
    SELECT NULL, 'wallets of all customers', 'liability', currency, -sum(balance), count(*)
      FROM wallets_wallet GROUP BY currency
     ORDER BY currency, type, code
"""


@dataclass(frozen=True)
class Line:
    """One account's total: debit above zero, credit below."""

    id: int | None
    code: str
    type: str
    currency: str
    total: Decimal
    accounts: int

    @property
    def debit(self) -> str:
        return money(self.total, self.currency) if self.total > 0 else ""

    @property
    def credit(self) -> str:
        return money(-self.total, self.currency) if self.total < 0 else ""

    @property
    def url(self) -> str:
        if self.id is None:
            return list_of("wallets_wallet", currency=self.currency)
        return page_of("wallets_account", self.id)


@dataclass(frozen=True)
class Balance:
    """One currency's accounts. The books balance where `difference` is zero."""

    currency: str
    lines: list[Line] = field(default_factory=list)

    @property
    def debit(self) -> str:
        return money(sum((line.total for line in self.lines if line.total > 0), Decimal(0)), self.currency)

    @property
    def credit(self) -> str:
        return money(-sum((line.total for line in self.lines if line.total < 0), Decimal(0)), self.currency)

    @property
    def difference(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal(0))


def trial_balance() -> list[Balance]:
    with connection.cursor() as cursor:
        cursor.execute(TRIAL_BALANCE)
        lines = [Line(*row) for row in cursor.fetchall()]
    return [Balance(currency, list(group)) for currency, group in groupby(lines, key=lambda line: line.currency)]


def balance_of(account: Account) -> Decimal:
    """What the account stands at, above zero on its natural side (assets and expenses: debit)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT wallets_account_balance(%s)", [account.pk])
        total = Decimal(cursor.fetchone()[0])
    return total if account.type in DEBIT_TYPES else -total


class WhoseFilter(DropdownFilter):
    title = "whose"
    parameter_name = "whose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return (("house", "The house's"), ("wallet", "A wallet's"))

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(is_wallet=self.value() == "wallet") if self.value() else queryset


class AccountFilter(NumberFilter):
    title = "account number"
    parameter_name = "account"
    path = "account_id"


@admin.register(Account)
class AccountAdmin(ReadOnlyPage):
    list_display = ("code", "currency", "shown_type", "is_wallet", "entries")
    list_filter = (WhoseFilter, ("type", ChoicesDropdownFilter), CurrencyFilter)
    search_fields = ("code",)
    search_help_text = "Start of a code, or a number"
    fields = ("code", "currency", "shown_type", "balance_money", "rolled_up", "shown_wallet", "entries", "created")

    def search(self, term: str) -> Q:
        number = finding.number_in(term)
        return Q(code__startswith=term) | (Q(pk=number) if number is not None else Q(pk__in=()))

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.trial_balance)
        return [path("trial-balance/", page, name="wallets_trial_balance"), *super().get_urls()]

    def trial_balance(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "Trial balance",
            "balances": trial_balance(),
        }
        return TemplateResponse(request, "admin/wallets/trial_balance.html", context)

    @display(description="Type", ordering="type")
    def shown_type(self, account: Account) -> str:
        return badge(account.get_type_display(), TONES[account.type])

    @display(description="Balance")
    def balance_money(self, account: Account) -> str:
        return money(balance_of(account), account.currency)

    @display(description="Rolled up until")
    def rolled_up(self, account: Account) -> str:
        total = getattr(account, "total", None)
        return moment(total.updated_at if total else None)

    @display(description="Wallet")
    def shown_wallet(self, account: Account) -> str:
        return wallet_link(account.pk, account.currency) if account.is_wallet else "the house's"

    @display(description="Entries")
    def entries(self, account: Account) -> str:
        return link(list_of("wallets_entry", account=account.pk), "Entries")

    @display(description="Opened")
    def created(self, account: Account) -> str:
        return moment(account.created_at)


@admin.register(Entry)
class EntryAdmin(ReadOnlyPage):
    """Both sides of each transaction; a row's page is its transaction's."""

    list_display = ("shown_transaction", "posted", "shown_account", "debit_money", "credit_money", "shown_kind")
    list_display_links = None
    list_filter = (AccountFilter, CurrencyFilter)
    list_select_related = ("account",)
    sortable_by = ()
    fields = ("id",)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        number = finding.number_in(object_id)
        if not self.has_view_permission(request):
            raise PermissionDenied
        url = list_of("wallets_entry") if number is None else page_of("wallets_transaction", number // 2)
        return HttpResponseRedirect(url)

    @display(description="Transaction")
    def shown_transaction(self, entry: Entry) -> str:
        return link(page_of("wallets_transaction", entry.transaction_id), f"#{entry.transaction_id}")

    @display(description="Posted")
    def posted(self, entry: Entry) -> str:
        return moment(entry.posted_at)

    @display(description="Account")
    def shown_account(self, entry: Entry) -> str:
        return link(page_of("wallets_account", entry.account_id), entry.account)

    @display(description="Kind")
    def shown_kind(self, entry: Entry) -> str:
        return kind_in_words(entry.kind)

    @display(description="Debit")
    def debit_money(self, entry: Entry) -> str:
        return money(entry.amount, entry.currency) if entry.amount > 0 else ""

    @display(description="Credit")
    def credit_money(self, entry: Entry) -> str:
        return money(-entry.amount, entry.currency) if entry.amount < 0 else ""
