"""The ledger's rows: read by everybody who may, changed by nobody; a refund is a new row."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant

from config.numbers import plain
from wallets.admin import finding
from wallets.admin.dialogs import AmountField, OnceDialog, dialog, once
from wallets.admin.filters import CurrencyFilter, CustomerByWalletFilter, PostedFilter, WalletFilter
from wallets.admin.look import (
    NOTHING,
    credential_link,
    digits,
    in_words,
    kind_in_words,
    link,
    list_of,
    moment,
    money,
    order_of,
    page_of,
    staff,
    wallet_link,
)
from wallets.admin.pages import ReadOnlyPage, ReadOnlyRows
from wallets.models import Account, Transaction
from wallets.services import chargeback, refund
from wallets.services.movements import refundable

# The product's movements, in the order in which staff look for them.
KINDS = (
    "deposit", "chargeback", "adjustment", "refund", "conversion", "sms_purchase", "sms_refund", "smm_order",
    "smm_refund", "number_purchase", "number_renewal", "number_sms", "whatsapp_send", "whatsapp_refund", "sms_send",
    "email_send",
)  # fmt: skip


def is_charge(row: Transaction) -> bool:
    """Could it be refunded: did it take money from a wallet, and is it no refund or chargeback itself?"""
    return row.wallet_delta is not None and row.wallet_delta < 0 and row.reverses_id is None


def is_deposit(row: Transaction) -> bool:
    return row.kind == "deposit" and row.reverses_id is None


class KindFilter(DropdownFilter):
    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(kind, kind_in_words(kind)) for kind in KINDS]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(kind=self.value()) if self.value() else queryset


class GiveBackDialog(OnceDialog):
    """Asks how much of a transaction to take back: by default all that is left of it."""

    model = Transaction
    amount = AmountField(min_value=Decimal("0.000001"), help_text="All that is left, or a part of it.")
    field_order = ("amount", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.row is not None:
            self.fields["amount"].initial = digits(refundable(self.row))

    def about(self) -> list[tuple[str, Any]]:
        row = self.row
        left = refundable(row)
        return [
            ("Transaction", f"#{row.pk}, {kind_in_words(row.kind)}"),
            ("Its amount", money(row.amount, row.currency)),
            ("Given back so far", money(row.amount - left, row.currency)),
            ("Still refundable", money(left, row.currency)),
        ]


class RefundRows(ReadOnlyRows):
    model = Transaction
    fk_name = "reverses"
    verbose_name_plural = "Given back of it"
    fields = ("shown_reference", "amount_money", "posted")

    @display(description="Reference")
    def shown_reference(self, row: Transaction) -> str:
        return link(page_of("wallets_transaction", row.pk), row.reference)

    @display(description="Amount")
    def amount_money(self, row: Transaction) -> str:
        return money(row.amount, row.currency)

    @display(description="Posted")
    def posted(self, row: Transaction) -> str:
        return moment(row.posted_at)


@admin.register(Transaction)
class TransactionAdmin(ReadOnlyPage):
    list_display = (
        "number", "posted", "shown_customer", "shown_kind", "delta_money", "after_money", "reference", "shown_order",
    )  # fmt: skip
    list_display_links = ("number",)
    list_filter = (
        KindFilter, CustomerByWalletFilter, CurrencyFilter, ("posted_at", PostedFilter), WalletFilter,
    )  # fmt: skip
    list_select_related = ("wallet__customer",)
    search_fields = ("reference",)
    search_help_text = "Number, start of a reference, a journal, or customer"
    sortable_by = ()
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("amount_money", "shown_kind", "reference", "description", "shown_order")}),
        ("Books", {"fields": ("shown_debit", "shown_credit", "shown_journal", "posted")}),
        ("Wallet", {"fields": ("shown_customer", "shown_wallet", "wallet_seq", "delta_money", "after_money")}),
        ("Ties", {"fields": ("shown_hold", "shown_reverses", "converted")}),
        ("Who", {"fields": ("actor", "shown_credential")}),
    )
    inlines = (RefundRows,)
    actions_detail = ("refund", "chargeback")

    def get_ordering(self, request: HttpRequest) -> Any:
        # A statement: one wallet's rows in one index range.
        return ("-wallet_seq",) if request.GET.get("wallet") else super().get_ordering(request)

    def search(self, term: str) -> Q:
        number = finding.number_in(term)
        if number is not None:
            return Q(pk=number) | Q(reference__startswith=term)
        wallets = [] if ":" in term else finding.wallet_ids(term)
        return Q(wallet_id__in=wallets) if wallets else Q(reference__startswith=term) | Q(journal=term)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        row = self.get_object(request, str(object_id))
        fitting = {"refund": is_charge, "chargeback": is_deposit}
        return [
            each
            for each in super().get_actions_detail(request, object_id)
            if isinstance(row, Transaction) and fitting[each.action_name.rsplit("_", 1)[1]](row)
        ]

    @display(description="Transaction")
    def number(self, row: Transaction) -> str:
        return f"#{row.pk}"

    @display(description="Posted")
    def posted(self, row: Transaction) -> str:
        return moment(row.posted_at)

    @display(description="Customer")
    def shown_customer(self, row: Transaction) -> str:
        return link(page_of("wallets_customer", row.wallet.customer_id), row.wallet.customer) if row.wallet else "house"

    @display(description="Wallet")
    def shown_wallet(self, row: Transaction) -> str:
        return wallet_link(row.wallet_id, row.currency)

    @display(description="Kind")
    def shown_kind(self, row: Transaction) -> str:
        return kind_in_words(row.kind)

    @display(description="Credential")
    def shown_credential(self, row: Transaction) -> str:
        return credential_link(row.credential)

    @display(description="Amount")
    def amount_money(self, row: Transaction) -> str:
        return money(row.amount, row.currency)

    @display(description="Change")
    def delta_money(self, row: Transaction) -> str:
        return money(row.amount if row.wallet_delta is None else row.wallet_delta, row.currency)

    @display(description="Balance after")
    def after_money(self, row: Transaction) -> str:
        return money(row.balance_after, row.currency)

    @display(description="Order")
    def shown_order(self, row: Transaction) -> str:
        return link(*order_of(row.reference)) or NOTHING

    @display(description="Debit")
    def shown_debit(self, row: Transaction) -> str:
        return account_link(row, row.debit)

    @display(description="Credit")
    def shown_credit(self, row: Transaction) -> str:
        return account_link(row, row.credit)

    @display(description="Journal")
    def shown_journal(self, row: Transaction) -> str:
        return link(list_of("wallets_transaction", q=row.journal), row.journal) if row.journal else NOTHING

    @display(description="Captured from hold")
    def shown_hold(self, row: Transaction) -> str:
        return link(page_of("wallets_hold", row.hold_id), row.hold) if row.hold_id else NOTHING

    @display(description="Gives back")
    def shown_reverses(self, row: Transaction) -> str:
        return link(page_of("wallets_transaction", row.reverses_id), row.reverses) if row.reverses_id else NOTHING

    @display(description="Converted from")
    def converted(self, row: Transaction) -> str:
        if row.original_amount is None or row.rate is None:
            return NOTHING
        return f"{in_words(row.original_amount, row.original_currency or '')} at {plain(row.rate):f}"

    @dialog(
        "Refund", GiveBackDialog, submit="Refund", icon="undo",
        explain="The money goes back to the wallet it came from, as a new transaction.",
    )  # fmt: skip
    def refund(self, request: HttpRequest, form: GiveBackDialog, row: Transaction) -> str:
        order = ":".join(row.reference.split(":")[:2]) if order_of(row.reference)[0] else f"transaction:{row.pk}"
        reference = f"{order}:staff-refund:{form.cleaned_data['nonce']}"
        posted = once(
            row.wallet_id or 0,
            reference,
            lambda: refund(
                original=row, amount=form.cleaned_data["amount"], reference=reference, kind=refund_kind(row),
                description=f"Refund for {row.description or row.kind}"[:200], actor=staff(request),
            ),
            lambda done: self._log(request, row, done, form.cleaned_data["reason"]),
        )  # fmt: skip
        return f"{in_words(posted.amount, posted.currency)} given back."

    @dialog(
        "Chargeback", GiveBackDialog, submit="Charge back", icon="money_off", variant=ActionVariant.DANGER,
        explain="The payer's bank took this deposit back. What is spent already becomes the wallet's debt.",
    )  # fmt: skip
    def chargeback(self, request: HttpRequest, form: GiveBackDialog, row: Transaction) -> str:
        reference = f"transaction:{row.pk}:chargeback:{form.cleaned_data['nonce']}"
        posted = once(
            row.wallet_id or 0,
            reference,
            lambda: chargeback(
                original=row, amount=form.cleaned_data["amount"], reference=reference,
                description="Deposit taken back by the bank", actor=staff(request),
            ),
            lambda done: self._log(request, row, done, form.cleaned_data["reason"]),
        )  # fmt: skip
        return f"{in_words(posted.amount, posted.currency)} charged back."

    def _log(self, request: HttpRequest, row: Transaction, posted: Transaction, reason: str) -> None:
        amount = in_words(posted.amount, posted.currency)
        self.log_change(request, row, f"{posted.kind} {amount} ({posted.reference}): {reason}")


def account_link(row: Transaction, account: Account) -> str:
    """An account of the house by its code, a customer's wallet by whose it is."""
    is_payer = row.wallet is not None and account.pk == row.wallet_id
    return link(page_of("wallets_account", account.pk), f"Wallet of {row.wallet}" if is_payer else account)


def refund_kind(row: Transaction) -> str:
    """The word the statement uses for giving such a charge back."""
    product = row.kind.partition("_")[0]
    return f"{product}_refund" if f"{product}_refund" in KINDS else "refund"
