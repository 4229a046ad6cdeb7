"""Money set aside: what became of it, and the way out for a hold that no order claims."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils.module_loading import import_string
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from config.admin import OPEN_ORDERS
from config.errors import DomainError
from wallets.admin import finding
from wallets.admin.dialogs import ReasonDialog, dialog
from wallets.admin.filters import CustomerByWalletFilter, WalletFilter
from wallets.admin.look import (
    NOTHING,
    badge,
    credential_link,
    in_words,
    link,
    moment,
    money,
    order_of,
    page_of,
    staff,
    wallet_link,
)
from wallets.admin.pages import ReadOnlyPage, ReadOnlyRows
from wallets.models import Hold, Release, Transaction
from wallets.services import release

TONES = {"active": "info", "captured": "success", "released": "warning", "expired": "danger"}


class HoldOfAnOpenOrder(DomainError):
    """The order settles its own hold; taking it away would give the goods for nothing."""

    code = "hold_of_an_open_order"
    message = "This hold belongs to an open order. Cancel or resolve the order instead."


def open_order_of(hold: Hold) -> str:
    """The open order that this hold pays for, in words; "" where there is none."""
    for path in OPEN_ORDERS:
        finder: Callable[[Hold], str] = import_string(path)
        if found := finder(hold):
            return found
    return ""


class ReleaseHoldDialog(ReasonDialog):
    model = Hold

    def about(self) -> list[tuple[str, Any]]:
        currency = self.row.wallet.currency
        return [
            ("Hold", self.row.reference),
            ("Still held", money(self.row.remaining, currency)),
            ("Open order", open_order_of(self.row) or "none"),
        ]


class CaptureRows(ReadOnlyRows):
    model = Transaction
    fk_name = "hold"
    verbose_name_plural = "Captures"
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


class ReleaseRows(ReadOnlyRows):
    model = Release
    verbose_name_plural = "Releases"
    show_change_link = False
    fields = ("reference", "amount_money", "cause", "actor", "created")

    @display(description="Amount")
    def amount_money(self, row: Release) -> str:
        return money(row.amount, row.hold.wallet.currency)

    @display(description="When")
    def created(self, row: Release) -> str:
        return moment(row.created_at)


@admin.register(Hold)
class HoldAdmin(ReadOnlyPage):
    list_display = (
        "number", "shown_status", "shown_customer", "amount_money", "left_money", "reference", "shown_order", "created",
    )  # fmt: skip
    list_display_links = ("number",)
    list_filter = (("status", ChoicesDropdownFilter), CustomerByWalletFilter, WalletFilter)
    list_select_related = ("wallet__customer",)
    search_fields = ("reference",)
    search_help_text = "Start of a reference, or a number"
    sortable_by = ()
    fieldsets = (
        (None, {"fields": ("shown_status", "reference", "description", "shown_order")}),
        ("Money", {"fields": ("amount_money", "captured_money", "released_money", "left_money")}),
        ("Whose", {"fields": ("shown_customer", "shown_wallet", "actor", "shown_credential")}),
        ("When", {"fields": ("created", "expires", "closed")}),
    )
    inlines = (CaptureRows, ReleaseRows)
    actions_detail = ("release_it",)

    def search(self, term: str) -> Q:
        number = finding.number_in(term)
        found = Q(reference__startswith=term)
        return found | Q(pk=number) if number is not None else found

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        hold = self.get_object(request, str(object_id))
        offered = isinstance(hold, Hold) and hold.status == Hold.Status.ACTIVE and not open_order_of(hold)
        return super().get_actions_detail(request, object_id) if offered else []

    @display(description="Hold")
    def number(self, hold: Hold) -> str:
        return f"#{hold.pk}"

    @display(description="Status")
    def shown_status(self, hold: Hold) -> str:
        return badge(hold.get_status_display(), TONES[hold.status])

    @display(description="Customer")
    def shown_customer(self, hold: Hold) -> str:
        return link(page_of("wallets_customer", hold.wallet.customer_id), hold.wallet.customer)

    @display(description="Wallet")
    def shown_wallet(self, hold: Hold) -> str:
        return wallet_link(hold.wallet_id, hold.wallet.currency)

    @display(description="Credential")
    def shown_credential(self, hold: Hold) -> str:
        return credential_link(hold.credential)

    @display(description="Amount")
    def amount_money(self, hold: Hold) -> str:
        return money(hold.amount, hold.wallet.currency)

    @display(description="Captured")
    def captured_money(self, hold: Hold) -> str:
        return money(hold.captured, hold.wallet.currency)

    @display(description="Released")
    def released_money(self, hold: Hold) -> str:
        return money(hold.released, hold.wallet.currency)

    @display(description="Still held")
    def left_money(self, hold: Hold) -> str:
        return money(hold.remaining, hold.wallet.currency)

    @display(description="Order")
    def shown_order(self, hold: Hold) -> str:
        return link(*order_of(hold.reference)) or NOTHING

    @display(description="Placed")
    def created(self, hold: Hold) -> str:
        return moment(hold.created_at)

    @display(description="Expires")
    def expires(self, hold: Hold) -> str:
        return moment(hold.expires_at)

    @display(description="Closed")
    def closed(self, hold: Hold) -> str:
        return moment(hold.closed_at)

    @dialog(
        "Release", ReleaseHoldDialog, submit="Release", icon="lock_open",
        explain="All that is left becomes spendable again.",
    )  # fmt: skip
    def release_it(self, request: HttpRequest, form: ReleaseHoldDialog, hold: Hold) -> str:
        if open_order_of(hold):
            raise HoldOfAnOpenOrder(hold=hold.reference)
        with transaction.atomic():
            # Locked first: a second submit waits here, and finds it closed.
            locked = Hold.objects.select_for_update(no_key=True, of=("self",)).get(pk=hold.pk)
            released = release(hold=hold, actor=staff(request))
            amount = in_words(released.amount, hold.wallet.currency)
            if locked.status == Hold.Status.ACTIVE:
                self.log_change(request, hold, f"Released {amount}: {form.cleaned_data['reason']}")
        return f"{amount} released."
