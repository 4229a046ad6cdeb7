"""Customers: who they are, what they have, and where everything of theirs is found."""

from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pycountry
from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextInputWidget

from config.admin import CUSTOMER_LISTS
from wallets.admin import finding
from wallets.admin.dialogs import Dialog, ReasonDialog, dialog
from wallets.admin.filters import TextIs
from wallets.admin.look import NOTHING, badge, list_of, moment, money, page_of
from wallets.admin.pages import StaffPage
from wallets.models import Customer, Wallet
from wallets.services import open_customer, open_wallet
from wallets.services.customers import set_customer_status

Status = Customer.Status
STATUS_TONES = {"active": "success", "suspended": "warning", "closed": "danger"}
# The dialogs that a customer of each status needs not.
HIDDEN: dict[str, tuple[str, ...]] = {
    Status.ACTIVE: ("reactivate",),
    Status.SUSPENDED: ("suspend",),
    Status.CLOSED: ("suspend", "close"),
}


class CurrencyCodeField(forms.CharField):
    """A currency of ISO 4217: a wallet in a misspelt one could never be removed."""

    widget = UnfoldAdminTextInputWidget

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=3, min_length=3, **options)

    def clean(self, value: Any) -> str:
        code = super().clean(value).upper()
        if pycountry.currencies.get(alpha_3=code) is None:
            raise forms.ValidationError("Three letters of ISO 4217, such as USD.")
        return code


class CustomerForm(forms.ModelForm):
    class Meta:
        model = Customer
        fields = ("name", "email", "default_region", "time_zone", "rate_limit_per_minute", "tax_percent")

    def clean_default_region(self) -> str:
        region = self.cleaned_data["default_region"].upper()
        if pycountry.countries.get(alpha_2=region) is None:
            raise forms.ValidationError("Two letters of ISO 3166, such as US.")
        return region

    def clean_time_zone(self) -> str:
        name = self.cleaned_data["time_zone"]
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
            raise forms.ValidationError("A time zone such as Africa/Nairobi.") from unknown
        return name


class NewCustomerForm(CustomerForm):
    currency = CurrencyCodeField(initial="USD", help_text="Of the first wallet, which becomes the default one.")


class WalletDialog(Dialog):
    currency = CurrencyCodeField(help_text="Three letters, such as USD. One wallet per currency; it opens empty.")


class RegionFilter(TextIs):
    title = "region"
    parameter_name = "region"
    field = "default_region"

    def understood(self, typed: str) -> str:
        return typed.upper()


def wallet_row(wallet: Wallet) -> dict[str, Any]:
    """A wallet as a line of its customer's page."""
    figures = ("balance", "held", "available", "debt")
    return {name: money(getattr(wallet, name), wallet.currency, alarming=True) for name in figures} | {
        "currency": wallet.currency,
        "is_default": wallet.is_default,
        "url": page_of("wallets_wallet", wallet.pk),
        "statement": list_of("wallets_transaction", wallet=wallet.pk),
    }


def lists_of(customer: Customer) -> list[tuple[str, str]]:
    """Where everything of theirs is: titles and addresses."""
    return [(title, list_of(name, **{parameter: customer.pk})) for title, name, parameter in CUSTOMER_LISTS]


@admin.register(Customer)
class CustomerAdmin(StaffPage):
    form = CustomerForm
    list_display = ("name", "shown_status", "email", "default_region", "wallets_money", "created")
    list_filter = (("status", ChoicesDropdownFilter), RegionFilter)
    search_fields = ("name",)
    search_help_text = "Name, e-mail, number, uuid, or a phone they rented or wrote to"
    readonly_fields = ("uuid", "shown_status", "created")
    fieldsets = (
        (None, {"fields": ("name", "email", "shown_status")}),
        ("Settings", {"fields": ("default_region", "time_zone", "rate_limit_per_minute", "tax_percent")}),
        ("Facts", {"fields": ("uuid", "created")}),
    )
    add_fieldsets = (
        (None, {"fields": ("name", "email", "currency", "default_region", "time_zone", "rate_limit_per_minute")}),
    )
    change_form_outer_before_template = "saldo/customer_wallets.html"
    actions_detail = ("open_a_wallet", "suspend", "reactivate", "close")

    def search(self, term: str) -> Q:
        return finding.customers_by_anything(term)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        return super().get_queryset(request).prefetch_related("wallets")

    def get_form(self, request: HttpRequest, obj: Customer | None = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **kwargs | ({} if obj else {"form": NewCustomerForm}))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Customer, form: forms.ModelForm, change: bool) -> None:
        if not change:
            given = {name: form.cleaned_data[name] for name in ("name", "email", "default_region", "currency")}
            opened = open_customer(**given)
            obj.pk, obj.uuid = opened.pk, opened.uuid
        # Only what was edited: a status set meanwhile stays as it is.
        edited = CustomerForm.Meta.fields if not change else form.changed_data
        obj.save(force_update=True, update_fields=list(edited))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        hidden = HIDDEN.get(self._status(request, object_id), ())
        offered = super().get_actions_detail(request, object_id)
        return [each for each in offered if not each.action_name.endswith(hidden)]

    def _status(self, request: HttpRequest, object_id: Any) -> str:
        customer = self.get_object(request, str(object_id))
        return customer.status if isinstance(customer, Customer) else ""

    @display(description="Status", ordering="status")
    def shown_status(self, customer: Customer) -> str:
        return badge(customer.get_status_display(), STATUS_TONES[customer.status])

    @display(description="Balances")
    def wallets_money(self, customer: Customer) -> str:
        rows = [(money(wallet.balance, wallet.currency),) for wallet in customer.wallets.all()]
        return format_html_join("", '<span class="money-of-many">{}</span>', rows) or NOTHING

    @display(description="Created", ordering="created_at")
    def created(self, customer: Customer) -> str:
        return moment(customer.created_at)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        customer = self.get_object(request, str(object_id))
        told = {}
        if isinstance(customer, Customer) and self.has_view_permission(request, customer):
            told = {
                "wallet_rows": [wallet_row(each) for each in customer.wallets.all()],
                "their_lists": lists_of(customer),
            }
        return super().changeform_view(request, object_id, form_url, (extra_context or {}) | told)

    def has_open_wallet_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("wallets.add_wallet")

    @dialog("Open a wallet", WalletDialog, submit="Open", permission="open_wallet", icon="add_card")
    def open_a_wallet(self, request: HttpRequest, form: WalletDialog, customer: Customer) -> str:
        wallet = open_wallet(customer=customer, currency=form.cleaned_data["currency"])
        self.log_change(request, customer, f"Opened wallet #{wallet.pk} in {wallet.currency}")
        return f"{customer} has a wallet in {wallet.currency}."

    @dialog(
        "Suspend", ReasonDialog, submit="Suspend", icon="block", variant=ActionVariant.DANGER,
        explain="They may still look, and can spend nothing until reactivated. Open orders go on.",
    )  # fmt: skip
    def suspend(self, request: HttpRequest, form: ReasonDialog, customer: Customer) -> str:
        return self._set(request, form, customer, Status.SUSPENDED)

    @dialog("Reactivate", ReasonDialog, submit="Reactivate", icon="check_circle", explain="They may spend again.")
    def reactivate(self, request: HttpRequest, form: ReasonDialog, customer: Customer) -> str:
        return self._set(request, form, customer, Status.ACTIVE)

    @dialog(
        "Close", ReasonDialog, submit="Close", icon="person_off", variant=ActionVariant.DANGER,
        explain="They have left: their keys open nothing any more, and webhooks tell them nothing. Open orders go on, "
        "and what is in their wallets stays theirs. Reactivating undoes it.",
    )  # fmt: skip
    def close(self, request: HttpRequest, form: ReasonDialog, customer: Customer) -> str:
        return self._set(request, form, customer, Status.CLOSED)

    def _set(self, request: HttpRequest, form: ReasonDialog, customer: Customer, status: str) -> str:
        if set_customer_status(customer=customer, status=status):
            self.log_change(request, customer, f"Status {status}: {form.cleaned_data['reason']}")
        return f"{customer} is {status}."

    def response_add(self, request: HttpRequest, obj: Customer, post_url_continue: str | None = None) -> HttpResponse:
        # To their page, where the wallet is: a deposit is usually next.
        target = post_url_continue or page_of("wallets_customer", obj.pk)
        return super().response_add(request, obj, target)
