"""Wallets: all figures read-only; money moves by dialogs that call the services."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextInputWidget

from wallets.admin import finding
from wallets.admin.dialogs import AmountField, OnceDialog, ReasonDialog, dialog, once
from wallets.admin.filters import CurrencyFilter, CustomerFilter, StandingFilter, with_warning
from wallets.admin.look import badge, digits, in_words, link, list_of, moment, money, page_of, staff
from wallets.admin.pages import ReadOnlyPage
from wallets.models import Transaction, Wallet
from wallets.services import adjust, deposit, set_alert_levels, set_credit_limit


def standing_of(wallet: Wallet) -> list[tuple[str, Any]]:
    """What a dialog about a wallet shows before anything is decided."""
    facts = [("Customer", wallet.customer), ("Balance", wallet.balance), ("Held", wallet.held)]
    facts += [("Available", wallet.available)] + ([("Debt", wallet.debt)] if wallet.debt else [])
    return [(name, money(v, wallet.currency) if isinstance(v, Decimal) else v) for name, v in facts]


class DepositDialog(OnceDialog):
    model = Wallet
    amount = AmountField(
        min_value=Decimal("0.000001"), help_text="In the wallet's currency, as it arrived at the bank."
    )
    field_order = ("amount", "reason")

    def about(self) -> list[tuple[str, Any]]:
        return standing_of(self.row)


class AdjustDialog(DepositDialog):
    amount = AmountField(help_text="With its sign: 5 credits, -5 debits the wallet.")
    reason = forms.CharField(
        max_length=200,
        widget=ReasonDialog.base_fields["reason"].widget,
        help_text="The customer reads it on the statement. No phone numbers, no message texts.",
    )


class LevelsField(forms.CharField):
    """Amounts, one after another."""

    widget = UnfoldAdminTextInputWidget

    def to_python(self, value: Any) -> list[Decimal]:  # type: ignore[override]
        amount = AmountField(min_value=Decimal(0))
        return [amount.clean(word) for word in (super().to_python(value) or "").replace(";", " ").split()]


def levels_of(wallet: Wallet) -> list[Decimal]:
    return [level.amount for level in wallet.alert_levels.all()]


def in_digits(levels: list[Decimal]) -> str:
    return " ".join(digits(level) for level in levels)


class LimitsDialog(ReasonDialog):
    model = Wallet
    credit_limit = AmountField(min_value=Decimal(0), help_text="How far below zero the customer may spend.")
    warn_below = LevelsField(
        required=False, help_text="The customer is told when available falls below each of these; empty: never."
    )
    field_order = ("credit_limit", "warn_below", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.row is not None:
            self.fields["credit_limit"].initial = digits(self.row.credit_limit)
            self.fields["warn_below"].initial = in_digits(levels_of(self.row))

    def about(self) -> list[tuple[str, Any]]:
        return standing_of(self.row)


@admin.register(Wallet)
class WalletAdmin(ReadOnlyPage):
    list_display = (
        "number", "shown_customer", "currency", "balance_money", "held_money", "available_money", "standing",
        "statement",
    )  # fmt: skip
    list_display_links = ("number",)
    list_filter = (CustomerFilter, CurrencyFilter, StandingFilter, "is_default")
    list_select_related = ("customer",)
    search_fields = ("customer__name",)
    search_help_text = "Customer's name, e-mail or uuid, or the wallet's number"
    ordering = ("-account_id",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "shown_customer", "balance_money", "held_money", "limit_money", "available_money", "debt_money",
                    "standing", "statement",
                )
            },
        ),
        ("Settings", {"fields": ("currency", "is_default", "threshold_money")}),
        ("Facts", {"fields": ("shown_account", "shown_holds", "last_seq", "last_posted", "created")}),
    )  # fmt: skip
    actions_detail = ("deposit", "adjust", "set_limits")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Wallet]":
        return with_warning(super().get_queryset(request))

    def search(self, term: str) -> Q:
        number = finding.number_in(term)
        return Q(customer_id__in=finding.customers(term).values("pk")) | (Q(pk=number) if number else Q(pk__in=()))

    @display(description="Wallet", ordering="account_id")
    def number(self, wallet: Wallet) -> str:
        return f"#{wallet.pk}"

    @display(description="Customer", ordering="customer__name")
    def shown_customer(self, wallet: Wallet) -> str:
        return link(page_of("wallets_customer", wallet.customer_id), wallet.customer)

    @display(description="Balance", ordering="balance")
    def balance_money(self, wallet: Wallet) -> str:
        return money(wallet.balance, wallet.currency, alarming=True)

    @display(description="Held", ordering="held")
    def held_money(self, wallet: Wallet) -> str:
        return money(wallet.held, wallet.currency)

    @display(description="Available")
    def available_money(self, wallet: Wallet) -> str:
        return money(wallet.available, wallet.currency, alarming=True)

    @display(description="Credit limit")
    def limit_money(self, wallet: Wallet) -> str:
        return money(wallet.credit_limit, wallet.currency)

    @display(description="Debt")
    def debt_money(self, wallet: Wallet) -> str:
        return money(wallet.debt, wallet.currency)

    @display(description="Warn below")
    def threshold_money(self, wallet: Wallet) -> str:
        return ", ".join(in_words(level, wallet.currency) for level in levels_of(wallet)) or "Never"

    @display(description="Standing")
    def standing(self, wallet: Wallet) -> str:
        if wallet.debt:
            return badge("In debt", "danger")
        threshold = getattr(wallet, "warned_below", None)
        is_low = threshold is not None and wallet.available < threshold
        return badge("Low", "warning") if is_low else badge("Fine", "success")

    @display(description="Statement")
    def statement(self, wallet: Wallet) -> str:
        return link(list_of("wallets_transaction", wallet=wallet.pk), "Statement")

    @display(description="Account in the books")
    def shown_account(self, wallet: Wallet) -> str:
        return link(page_of("wallets_account", wallet.pk), wallet.account)

    @display(description="Holds")
    def shown_holds(self, wallet: Wallet) -> str:
        return link(list_of("wallets_hold", wallet=wallet.pk), "Its holds")

    @display(description="Last movement")
    def last_posted(self, wallet: Wallet) -> str:
        return moment(wallet.last_posted_at if wallet.last_seq else None)

    @display(description="Opened")
    def created(self, wallet: Wallet) -> str:
        return moment(wallet.created_at)

    @dialog("Deposit", DepositDialog, submit="Deposit", icon="add", variant=ActionVariant.PRIMARY)
    def deposit(self, request: HttpRequest, form: DepositDialog, wallet: Wallet) -> str:
        reference = f"staff:deposit:{form.cleaned_data['nonce']}"
        posted = once(
            wallet.pk,
            reference,
            lambda: deposit(
                wallet=wallet, amount=form.cleaned_data["amount"], reference=reference, actor=staff(request)
            ),
            self._logger(request, wallet, form.cleaned_data["reason"]),
        )
        return f"{in_words(posted.amount, posted.currency)} deposited."

    @dialog("Adjust", AdjustDialog, submit="Adjust", icon="tune", explain="Corrects the wallet against the house.")
    def adjust(self, request: HttpRequest, form: AdjustDialog, wallet: Wallet) -> str:
        reference = f"staff:adjustment:{form.cleaned_data['nonce']}"
        reason = form.cleaned_data["reason"]
        posted = once(
            wallet.pk,
            reference,
            lambda: adjust(
                wallet=wallet, amount=form.cleaned_data["amount"], reference=reference, reason=reason,
                actor=staff(request),
            ),
            self._logger(request, wallet, reason),
        )  # fmt: skip
        return f"Adjusted by {in_words(posted.wallet_delta or Decimal(0), posted.currency)}."

    @dialog("Set limits", LimitsDialog, submit="Set", icon="speed")
    def set_limits(self, request: HttpRequest, form: LimitsDialog, wallet: Wallet) -> str:
        credit_limit, levels = form.cleaned_data["credit_limit"], form.cleaned_data["warn_below"]
        if (credit_limit, set(levels)) != (wallet.credit_limit, set(levels_of(wallet))):
            with transaction.atomic():
                set_credit_limit(wallet=wallet, credit_limit=credit_limit)
                set_alert_levels(wallet=wallet, levels=levels)
            says = f"credit limit {digits(credit_limit)}, warn below {in_digits(levels) or 'nothing'}"
            self.log_change(request, wallet, f"Set {says}: {form.cleaned_data['reason']}")
        return "The limits are set."

    def _logger(self, request: HttpRequest, wallet: Wallet, reason: str) -> Any:
        def log(posted: Transaction) -> None:
            amount = in_words(posted.wallet_delta or Decimal(0), posted.currency)
            self.log_change(request, wallet, f"{posted.kind} {amount} ({posted.reference}): {reason}")

        return log
