"""SMM orders: the list, and each one's whole story with what staff can do about it."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from unfold.decorators import display
from unfold.enums import ActionVariant

from activations.admin import smm_story
from activations.admin.filters import ModeFilter
from activations.admin.order_page import OrderPage
from activations.admin.orders import NothingTaken
from activations.admin.smm_dialogs import PlacedDialog, SettleDialog, SmmOrderDialog, SmmRefundDialog
from activations.admin.smm_filters import SmmAttentionFilter, SmmProviderFilter, SmmStatusFilter
from activations.models import SmmOrder
from activations.providers.smm import PROVIDERS
from activations.services import smm
from activations.services.smm.orders import can_be_found
from wallets.admin import finding
from wallets.admin.dialogs import dialog, once
from wallets.admin.filters import CustomerFilter
from wallets.admin.look import NOTHING, in_words, link, moment, page_of, staff
from wallets.models import Transaction
from wallets.services import refund

Status = SmmOrder.Status
TONES = {
    "requested": "info", "calling": "info", "unknown": "danger", "pending": "primary", "in_progress": "primary",
    "partial": "warning", "completed": "success", "canceled": "", "failed": "warning",
}  # fmt: skip


@admin.register(SmmOrder)
class SmmOrderAdmin(OrderPage):
    teller = smm_story
    tones = TONES
    list_display = (
        "number", "shown_status", "service", "shown_quantity", "shown_progress", "shown_customer", "price_money", "age",
        "notes",
    )  # fmt: skip
    list_filter = (SmmStatusFilter, SmmAttentionFilter, SmmProviderFilter, ModeFilter, CustomerFilter)
    list_select_related = ("service", "customer")
    search_fields = ("link",)
    search_help_text = "Number, uuid, number at the provider, the whole link, or customer"
    fieldsets = (
        (
            "Order",
            {
                "fields": (
                    "shown_status", "shown_service", "link", "shown_quantity", "shown_progress", "start_count",
                    "remains", "shown_mode",
                )
            },
        ),
        ("Provider", {"fields": ("provider", "provider_order_id", "refill_id", "contradiction")}),
        ("Whose", {"fields": ("shown_customer", "shown_wallet", "shown_credential", "idempotency_key", "uuid")}),
        ("Clock", {"fields": ("created", "placed", "reported", "closed", "due", "attempts")}),
    )  # fmt: skip
    actions_detail = (
        "it_was_placed",
        "it_was_not_placed",
        "deal_with_it",
        "ask_again",
        "cancel_it",
        "refill_it",
        "settle_it",
        "refund_it",
    )

    def search(self, term: str) -> Q:
        number = finding.number_in(term)
        if number is not None:
            return Q(pk=number) | Q(provider__in=PROVIDERS, provider_order_id=term.removeprefix("#"))
        if finding.uuid_in(term):
            return finding.by_number_or_uuid(term)
        at_provider = Q(provider__in=PROVIDERS, provider_order_id=term[:64])
        if "://" in term:
            return Q(link=term)
        return at_provider | Q(customer_id__in=finding.customer_ids(term))

    def fitting(self, row: SmmOrder) -> set[str]:
        return fitting_actions(row)

    # --- What is shown ---------------------------------------------------------------------------

    @display(description="Service")
    def shown_service(self, row: SmmOrder) -> str:
        return link(page_of("catalog_smmservice", row.service_id), row.service)

    @display(description="Quantity")
    def shown_quantity(self, row: SmmOrder) -> str:
        return f"{row.quantity:,}"

    @display(description="Progress")
    def shown_progress(self, row: SmmOrder) -> str:
        return NOTHING if row.remains is None else f"{row.progress} %"

    @display(description="Placed")
    def placed(self, row: SmmOrder) -> str:
        return moment(row.placed_at)

    @display(description="Last report")
    def reported(self, row: SmmOrder) -> str:
        return moment(row.reported_at)

    # --- What can be done ------------------------------------------------------------------------

    @dialog(
        "It was placed", PlacedDialog, submit="It was placed", icon="task_alt",
        explain="You have found the order at the provider. It goes on under that number, and its price stays charged.",
    )  # fmt: skip
    def it_was_placed(self, request: HttpRequest, form: PlacedDialog, row: SmmOrder) -> str:
        was = row.status
        now = smm.declare_placed(order=row, provider_order_id=form.cleaned_data["provider_order_id"])
        if now.status != was:
            said = f"Placed as {now.provider} order {now.provider_order_id}"
            self.log_change(request, row, f"{said}: {form.cleaned_data['reason']}")
        return f"{row} is {now.get_status_display().lower()}."

    @dialog(
        "It was not placed", SmmOrderDialog, submit="Refund it", icon="undo", variant=ActionVariant.DANGER,
        explain="You have looked, and the provider has no such order. Everything is given back.",
    )  # fmt: skip
    def it_was_not_placed(self, request: HttpRequest, form: SmmOrderDialog, row: SmmOrder) -> str:
        was = row.status
        now = smm.declare_not_placed(order=row, actor=staff(request))
        if now.status != was:
            self.log_change(request, row, f"Not placed, refunded: {form.cleaned_data['reason']}")
        return f"{row} is {now.get_status_display().lower()}."

    @dialog(
        "Ask the provider again", SmmOrderDialog, submit="Ask", icon="refresh",
        explain="What it says counts where the order still runs. Where it is over, it is only noted.",
    )  # fmt: skip
    def ask_again(self, request: HttpRequest, form: SmmOrderDialog, row: SmmOrder) -> str:
        now = smm.ask_again(row)
        self.log_change(request, row, f"Asked the provider ({now.status}): {form.cleaned_data['reason']}")
        noted = f" The provider now says: {now.contradiction}." if now.contradiction else ""
        return f"{row} is {now.get_status_display().lower()}.{noted}"

    @dialog(
        "It is dealt with", SmmOrderDialog, submit="It is dealt with", icon="done_all",
        explain="You have seen what the provider did after the end of this order. No money moves here.",
    )  # fmt: skip
    def deal_with_it(self, request: HttpRequest, form: SmmOrderDialog, row: SmmOrder) -> str:
        if smm.deal_with(order=row):
            said = row.contradiction or "needed staff"
            self.log_change(request, row, f"Dealt with ({said}): {form.cleaned_data['reason']}")
        return f"{row} no longer asks for anybody."

    @dialog(
        "Cancel", SmmOrderDialog, submit="Ask to cancel", icon="cancel", variant=ActionVariant.DANGER,
        explain="The provider is asked to stop. Its next report says what became of that; the rest goes back then.",
    )  # fmt: skip
    def cancel_it(self, request: HttpRequest, form: SmmOrderDialog, row: SmmOrder) -> str:
        now = smm.request_cancel(order=row)
        if row.cancel_asked_at is None:
            self.log_change(request, row, f"Asked to cancel: {form.cleaned_data['reason']}")
        return f"The provider was asked to stop {row}; it is {now.get_status_display().lower()}."

    @dialog(
        "Refill", SmmOrderDialog, submit="Ask for a refill", icon="replay",
        explain="The provider is asked to deliver again what dropped off. No money moves.",
    )  # fmt: skip
    def refill_it(self, request: HttpRequest, form: SmmOrderDialog, row: SmmOrder) -> str:
        now = smm.request_refill(order=row)
        if now.refill_asked_at != row.refill_asked_at:
            self.log_change(request, row, f"Asked for refill {now.refill_id}: {form.cleaned_data['reason']}")
        return f"Refill {now.refill_id} was asked for."

    @dialog(
        "Settle by hand", SettleDialog, submit="Settle", icon="gavel", permission="refund",
        explain="For an order that its provider reports wrongly, or not at all. Money goes back as if it had said so.",
    )  # fmt: skip
    def settle_it(self, request: HttpRequest, form: SettleDialog, row: SmmOrder) -> str:
        was, sent = row.status, form.cleaned_data
        remains = sent["remains"] if sent["ending"] == Status.PARTIAL else None
        now = smm.settle_by_hand(order=row, status=sent["ending"], remains=remains, actor=staff(request))
        if now.status != was:
            self.log_change(request, row, f"Settled by hand as {now.status}: {sent['reason']}")
        return f"{row} is {now.get_status_display().lower()}."

    def has_refund_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_act_permission(request) and request.user.has_perm("wallets.change_transaction")

    @dialog(
        "Refund", SmmRefundDialog, submit="Refund", icon="undo", permission="refund",
        explain="It was delivered and paid for. What you give back goes to the wallet as a new transaction.",
    )  # fmt: skip
    def refund_it(self, request: HttpRequest, form: SmmRefundDialog, row: SmmOrder) -> str:
        if row.charge is None:
            raise NothingTaken
        charge: Transaction = row.charge
        reference = f"smm:{row.pk}:staff-refund:{form.cleaned_data['nonce']}"
        posted = once(
            row.wallet_id,
            reference,
            lambda: refund(
                original=charge, amount=form.cleaned_data["amount"], reference=reference, kind="smm_refund",
                description=f"Refund for {charge.description}", actor=staff(request),
            ),
            lambda done: self.log_change(
                request, row, f"Refunded {in_words(done.amount, done.currency)}: {form.cleaned_data['reason']}"
            ),
        )  # fmt: skip
        return f"{in_words(posted.amount, posted.currency)} given back."


def fitting_actions(order: SmmOrder) -> set[str]:
    """What can be done about an order in its state."""
    is_running = order.status in SmmOrder.RUNNING
    can = {
        "it_was_placed": order.status == Status.UNKNOWN,
        "it_was_not_placed": order.status == Status.UNKNOWN,
        "deal_with_it": order.is_final and (order.needs_staff or bool(order.contradiction)),
        "ask_again": bool(order.provider_order_id) or (order.status in SmmOrder.UNSETTLED and can_be_found(order)),
        "cancel_it": is_running and order.service.can_cancel and order.cancel_asked_at is None,
        "refill_it": order.status in SmmOrder.DELIVERED and order.service.can_refill,
        "settle_it": is_running,
        "refund_it": order.status in SmmOrder.DELIVERED and order.charge_id is not None,
    }
    return {name for name, fits in can.items() if fits}
