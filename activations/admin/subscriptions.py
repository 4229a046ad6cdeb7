"""Monthly numbers: the list, and each one's whole story with what staff can do about it."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant

from activations.admin import subscription_story
from activations.admin.filters import ModeFilter, ProviderFilter
from activations.admin.order_page import PhoneOrderPage
from activations.models import Subscription, SubscriptionPeriod
from activations.services import subscriptions
from wallets.admin.dialogs import ReasonDialog, dialog
from wallets.admin.filters import CustomerFilter
from wallets.admin.look import in_words, link, moment, money, page_of, staff
from wallets.admin.pages import ReadOnlyRows

Status = Subscription.Status
TONES = {
    "requested": "info", "calling": "info", "unknown": "danger", "active": "success", "grace": "warning",
    "expired": "", "canceled": "", "released": "danger", "failed": "warning",
}  # fmt: skip


class SubscriptionDialog(ReasonDialog):
    model = Subscription

    def about(self) -> list[tuple[str, Any]]:
        row = self.row
        return [
            ("Subscription", row),
            ("Status", row.get_status_display()),
            ("Period", f"{row.period}, until {row.expires_at:%Y-%m-%d %H:%M} UTC" if row.expires_at else row.period),
            ("Price of this period", in_words(row.price, row.currency)),
            ("Available in the wallet", in_words(row.wallet.available, row.currency)),
        ]


class StatusFilter(DropdownFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return Status.choices

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(status=self.value()) if self.value() else queryset


class PeriodRows(ReadOnlyRows):
    model = SubscriptionPeriod
    fields = ("number", "starts", "ends", "price_money", "charge")
    ordering = ("-number",)
    show_change_link = False

    @display(description="From")
    def starts(self, row: SubscriptionPeriod) -> str:
        return moment(row.starts_at)

    @display(description="Until")
    def ends(self, row: SubscriptionPeriod) -> str:
        return moment(row.ends_at)

    @display(description="Price")
    def price_money(self, row: SubscriptionPeriod) -> str:
        return money(row.price, row.currency)

    @display(description="Ledger reference")
    def charge(self, row: SubscriptionPeriod) -> str:
        return row.reference


@admin.register(Subscription)
class SubscriptionAdmin(PhoneOrderPage):
    teller = subscription_story
    tones = TONES
    list_display = (
        "number", "shown_status", "phone", "shown_country", "shown_customer", "price_money", "auto_renew", "expires",
        "notes",
    )  # fmt: skip
    list_filter = (
        StatusFilter, "needs_staff", "auto_renew", ("country", RelatedDropdownFilter), ProviderFilter, ModeFilter,
        CustomerFilter,
    )  # fmt: skip
    list_select_related = ("country", "customer")
    inlines = (PeriodRows,)
    fieldsets = (
        (
            "Order",
            {"fields": ("shown_status", "shown_country", "shown_plan", "provider", "provider_number_id", "shown_mode")},
        ),
        ("Whose", {"fields": ("shown_customer", "shown_wallet", "shown_credential", "idempotency_key", "uuid")}),
        ("Renewal", {"fields": ("auto_renew", "is_canceled", "anchor_day", "period", "expires", "grace", "failure")}),
        ("Clock", {"fields": ("created", "started", "closed", "returned", "due", "attempts")}),
    )
    actions_detail = ("renew_now", "ask_provider", "release_it")

    def fitting(self, row: Subscription) -> set[str]:
        goes_back = row.has_ended and bool(row.provider_number_id) and row.returned_at is None
        can = {
            "renew_now": row.auto_renew and (row.status == Status.GRACE or (row.is_listening and row.needs_staff)),
            "ask_provider": row.status in Subscription.UNSETTLED or goes_back,
            "release_it": row.is_listening,
        }
        return {name for name, fits in can.items() if fits}

    @display(description="Plan")
    def shown_plan(self, row: Subscription) -> str:
        return link(page_of("catalog_monthlynumberplan", row.plan_id), row.plan)

    @display(description="Period ends")
    def expires(self, row: Subscription) -> str:
        return moment(row.expires_at)

    @display(description="In grace until")
    def grace(self, row: Subscription) -> str:
        return moment(row.grace_until)

    @display(description="Number given back")
    def returned(self, row: Subscription) -> str:
        return moment(row.returned_at)

    @dialog(
        "Renew now", SubscriptionDialog, submit="Renew", icon="autorenew",
        explain="Charges the next period, one, without waiting for the daily try. Without the money it stays as it is.",
    )  # fmt: skip
    def renew_now(self, request: HttpRequest, form: SubscriptionDialog, row: Subscription) -> str:
        now = subscriptions.renew(subscription=row, actor=staff(request))
        done = f"period {now.period}" if now.status == Status.ACTIVE else now.failure
        self.log_change(request, row, f"Tried to renew ({now.status}, {done}): {form.cleaned_data['reason']}")
        return f"{row} is {now.get_status_display().lower()}: {done}."

    @dialog(
        "Ask the provider again", SubscriptionDialog, submit="Ask", icon="refresh",
        explain="An order without an answer: a number it gave begins, a certain no gives the money back. "
        "One that has ended: its number is offered back once more.",
    )  # fmt: skip
    def ask_provider(self, request: HttpRequest, form: SubscriptionDialog, row: Subscription) -> str:
        now = subscriptions.look_at(row)
        self.log_change(request, row, f"Asked the provider ({now.status}): {form.cleaned_data['reason']}")
        back = ", its number given back" if now.returned_at else ""
        return f"{row} is {now.get_status_display().lower()}{back}."

    @dialog(
        "Release the number", SubscriptionDialog, submit="Release", icon="link_off", variant=ActionVariant.DANGER,
        explain="The customer loses the number at once. Nothing is refunded by this; the number is quarantined.",
    )  # fmt: skip
    def release_it(self, request: HttpRequest, form: SubscriptionDialog, row: Subscription) -> str:
        was = row.status
        now = subscriptions.take_back(subscription=row)
        if was != now.status:
            self.log_change(request, row, f"Released: {form.cleaned_data['reason']}")
        return f"{row} is {now.get_status_display().lower()}."
