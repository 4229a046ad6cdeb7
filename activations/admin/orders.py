"""Rentals: the list, and each one's whole story with what staff can do about it."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant

from activations.admin import timeline
from activations.admin.filters import ModeFilter, ProviderFilter, StaffFilter, StatusFilter
from activations.admin.order_page import PhoneOrderPage
from activations.models import Activation
from activations.services import cancel, resolve
from config.errors import DomainError
from wallets.admin.dialogs import AmountField, OnceDialog, ReasonDialog, dialog, once
from wallets.admin.filters import CustomerFilter
from wallets.admin.look import digits, in_words, link, moment, money, page_of, staff
from wallets.models import Transaction
from wallets.services import refund
from wallets.services.movements import refundable

Status = Activation.Status
TONES = {
    "requested": "info", "calling": "info", "unknown": "danger", "waiting": "primary", "received": "success",
    "closing": "warning", "finished": "success", "canceled": "", "expired": "", "failed": "warning",
}  # fmt: skip
UNDECIDED = (Status.REQUESTED, Status.CALLING, Status.UNKNOWN)
MODES = {"live": "", "test": "info", "dryrun": "info"}


class NothingTaken(DomainError):
    code = "nothing_taken"
    message = "Nothing was taken for this order: there is nothing to refund."


class OrderDialog(ReasonDialog):
    model = Activation

    def about(self) -> list[tuple[str, Any]]:
        row = self.row
        return [
            ("Order", row),
            ("Status", row.get_status_display()),
            ("Price", in_words(row.price, row.currency)),
        ]


class RefundDialog(OnceDialog):
    model = Activation
    amount = AmountField(min_value=Decimal("0.000001"), help_text="All that is left, or a part of it.")
    field_order = ("amount", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.row is not None and self.row.charge is not None:
            self.fields["amount"].initial = digits(refundable(self.row.charge))

    def about(self) -> list[tuple[str, Any]]:
        charge = self.row.charge
        left = refundable(charge) if charge else Decimal(0)
        return [("Order", self.row), ("Still refundable", money(left, self.row.currency))]


@admin.register(Activation)
class ActivationAdmin(PhoneOrderPage):
    teller = timeline
    tones = TONES
    list_display = (
        "number", "shown_status", "service", "shown_country", "phone", "shown_customer", "price_money", "age", "notes",
    )  # fmt: skip
    list_filter = (
        StatusFilter, StaffFilter, ("service", RelatedDropdownFilter), ("country", RelatedDropdownFilter),
        ProviderFilter, ModeFilter, CustomerFilter,
    )  # fmt: skip
    list_select_related = ("service", "country", "customer")
    fieldsets = (
        (
            "Order",
            {
                "fields": (
                    "shown_status",
                    "service",
                    "shown_country",
                    "shown_offer",
                    "provider",
                    "shown_mode",
                    "settlement",
                )
            },
        ),
        ("Whose", {"fields": ("shown_customer", "shown_wallet", "shown_credential", "idempotency_key", "uuid")}),
        ("Asked for", {"fields": ("area_code", "carrier", "multiple_sms", "ttl_seconds")}),
        ("Clock", {"fields": ("created", "started", "expires", "received", "closed", "due", "attempts")}),
    )
    actions_detail = ("cancel_it", "ask_again", "refund_it")

    def fitting(self, row: Activation) -> set[str]:
        can = {
            "cancel_it": row.status in {Status.WAITING, Status.CLOSING},
            "ask_again": row.status in UNDECIDED,
            "refund_it": row.status in Activation.EARNED and row.charge_id is not None,
        }
        return {name for name, fits in can.items() if fits}

    @display(description="Offer")
    def shown_offer(self, row: Activation) -> str:
        return link(page_of("catalog_offer", row.offer_id), row.offer)

    @display(description="Expires")
    def expires(self, row: Activation) -> str:
        return moment(row.expires_at)

    @display(description="First SMS")
    def received(self, row: Activation) -> str:
        return moment(row.received_at)

    @dialog(
        "Cancel", OrderDialog, submit="Cancel the order", icon="cancel", variant=ActionVariant.DANGER,
        explain="The provider is asked a last time; without an SMS the number and the money go back.",
    )  # fmt: skip
    def cancel_it(self, request: HttpRequest, form: OrderDialog, row: Activation) -> str:
        was = row.status
        now = cancel(activation=row, actor=staff(request))
        if now.status != was:
            self.log_change(request, row, f"Canceled ({now.status}): {form.cleaned_data['reason']}")
        return f"{row} is {now.get_status_display().lower()}."

    @dialog(
        "Ask the provider again", OrderDialog, submit="Ask", icon="refresh",
        explain="A number it gave goes on, a certain no gives the money back, silence changes nothing.",
    )  # fmt: skip
    def ask_again(self, request: HttpRequest, form: OrderDialog, row: Activation) -> str:
        now = resolve(row)
        self.log_change(request, row, f"Asked the provider ({now.status}): {form.cleaned_data['reason']}")
        return f"{row} is {now.get_status_display().lower()}."

    def has_refund_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_act_permission(request) and request.user.has_perm("wallets.change_transaction")

    @dialog(
        "Refund", RefundDialog, submit="Refund", icon="undo", permission="refund",
        explain="An SMS came and was paid for. What you give back goes to the wallet as a new transaction.",
    )  # fmt: skip
    def refund_it(self, request: HttpRequest, form: RefundDialog, row: Activation) -> str:
        if row.charge is None:
            raise NothingTaken
        charge: Transaction = row.charge
        reference = f"activation:{row.pk}:staff-refund:{form.cleaned_data['nonce']}"
        posted = once(
            row.wallet_id,
            reference,
            lambda: refund(
                original=charge, amount=form.cleaned_data["amount"], reference=reference, kind="sms_refund",
                description=f"Refund for {charge.description}", actor=staff(request),
            ),
            lambda done: self.log_change(
                request, row, f"Refunded {in_words(done.amount, done.currency)}: {form.cleaned_data['reason']}"
            ),
        )  # fmt: skip
        return f"{in_words(posted.amount, posted.currency)} given back."
