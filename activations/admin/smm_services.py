"""SMM services: what is sold by the thousand, its prices, and the panel's list. Prices are added, never edited."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from activations.providers.smm import PANEL
from activations.services import smm
from catalog.admin import price_history
from catalog.forms import PriceForm
from catalog.models import SmmService
from catalog.services.prices import set_price
from catalog.services.smm import accept_cost, save_smm_service, set_active
from wallets.admin import finding
from wallets.admin.dialogs import Dialog, ReasonDialog, dialog
from wallets.admin.look import NOTHING, badge, digits, in_words, moment, money, staff
from wallets.admin.pages import StaffPage

# What the provider's list says, and the next one would say again.
LISTED = ("min_quantity", "max_quantity", "can_refill", "can_cancel", "cost", "cost_currency")
IDENTITY = ("provider", "provider_service_id")


class ServiceDialog(ReasonDialog):
    model = SmmService

    def about(self) -> list[tuple[str, Any]]:
        row = self.row
        was = "" if row.previous_cost is None else f" (was {digits(row.previous_cost)})"
        return [("Service", row), ("Cost per 1,000", in_words(row.cost, row.cost_currency) + was)]


class ServicePriceDialog(Dialog, PriceForm):
    """A price for 1,000: the base price, or a list's, or one customer's."""

    model = SmmService

    def about(self) -> list[tuple[str, Any]]:
        return [("Service", self.row), ("Cost per 1,000", in_words(self.row.cost, self.row.cost_currency))]


class SyncDialog(Dialog):
    pass


class ListFilter(DropdownFilter):
    """Services that somebody should look at."""

    title = "list"
    parameter_name = "list"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("cost", "Another cost"), ("vanished", "Vanished"), ("unpriced", "Without a price"), ("off", "Off")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        narrowed = {
            "cost": Q(cost_changed_at__isnull=False),
            "vanished": Q(vanished_at__isnull=False),
            "unpriced": Q(base_amount__isnull=True),
            "off": Q(is_active=False),
        }
        return queryset.filter(narrowed[self.value()]) if self.value() in narrowed else queryset


@admin.register(SmmService)
class SmmServiceAdmin(StaffPage):
    list_display = (
        "name", "category", "provider", "base_money", "cost_money", "limits", "shown_state", "is_active",
    )  # fmt: skip
    list_filter = (
        ListFilter,
        "is_active",
        "category",
        "provider",
    )
    search_fields = ("name",)
    search_help_text = "Number, a part of the name or category, or the provider's number"
    sortable_by = ("name", "category")
    ordering = ("category", "name", "product")
    actions = ("switch_on", "switch_off")
    actions_list = ("sync_it",)
    actions_detail = ("add_price", "accept_it")
    shown = ("shown_state", "listed", "price_list")

    def search(self, term: str) -> Q:
        number = finding.number_in(term)
        named = Q(name__icontains=term) | Q(category__icontains=term) | Q(provider_service_id=term[:32])
        return named if number is None else named | Q(pk=number)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SmmService]:
        return SmmService.objects.with_base_price(timezone.now())

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        facts = ("name", "category", *IDENTITY, *LISTED, "is_active")
        return (*facts, *self.shown) if obj else facts

    def get_readonly_fields(self, request: HttpRequest, obj: SmmService | None = None) -> Any:
        # What a service is stays: its prices and orders are about exactly that.
        if obj is None:
            return ()
        return (*IDENTITY, *(LISTED if obj.provider == PANEL else ()), *self.shown)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: SmmService, form: Any, change: bool) -> None:
        save_smm_service(obj)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        service = self.get_object(request, str(object_id))
        flagged = isinstance(service, SmmService) and service.cost_changed_at is not None
        offered = super().get_actions_detail(request, object_id)
        return [each for each in offered if flagged or not each.action_name.endswith("accept_it")]

    # --- What is shown ---------------------------------------------------------------------------

    @display(description="Price per 1,000")
    def base_money(self, service: Any) -> str:
        return money(service.base_amount, service.base_currency or "")

    @display(description="Cost per 1,000")
    def cost_money(self, service: SmmService) -> str:
        return money(service.cost, service.cost_currency)

    @display(description="Quantity")
    def limits(self, service: SmmService) -> str:
        return f"{service.min_quantity:,} – {service.max_quantity:,}"

    @display(description="State")
    def shown_state(self, service: Any) -> str:
        if service.vanished_at:
            return badge("Vanished", "danger")
        if service.cost_changed_at:
            was = NOTHING if service.previous_cost is None else digits(service.previous_cost)
            return badge(f"Cost was {was}", "warning")
        if service.is_active and service.base_amount is None:
            return badge("No price", "warning")
        return badge("Sold", "success") if service.is_active else badge("Off")

    @display(description="Last in the provider's list")
    def listed(self, service: SmmService) -> str:
        return moment(service.listed_at)

    @display(description="Prices per 1,000")
    def price_list(self, service: SmmService) -> SafeString:
        return price_history(service.pk)

    # --- What can be done ------------------------------------------------------------------------

    def has_add_price_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("catalog.add_price")

    @dialog(
        "Add a price", ServicePriceDialog, submit="Add", permission="add_price", icon="sell",
        explain="For 1,000. The prices that were in force stay in the history.",
    )  # fmt: skip
    def add_price(self, request: HttpRequest, form: ServicePriceDialog, row: SmmService) -> str:
        price = set_price(product=row.pk, actor=staff(request), **form.price())
        says = f"{price} for {price.level} from {price.effective_from:%Y-%m-%d %H:%M:%S} UTC"
        self.log_change(request, row, f"Price: {says}: {form.cleaned_data['note']}")
        return f"{row}: {says}."

    @dialog(
        "The new cost is fine", ServiceDialog, submit="It is fine", icon="task_alt",
        explain="You have looked at the price. The flag goes; prices stay as they are.",
    )  # fmt: skip
    def accept_it(self, request: HttpRequest, form: ServiceDialog, row: SmmService) -> str:
        if accept_cost(row):
            self.log_change(request, row, f"Cost accepted: {form.cleaned_data['reason']}")
        return f"{row} costs {in_words(row.cost, row.cost_currency)}."

    @dialog(
        "Read the panel's list", SyncDialog, submit="Read it", icon="sync", on_list=True,
        explain="New services arrive switched off, other costs are flagged, vanished ones go off. Prices stay.",
    )  # fmt: skip
    def sync_it(self, request: HttpRequest, form: SyncDialog) -> str:
        return f"The panel's list was read: {smm.sync_services()}."

    @admin.action(description="Switch on: sell them", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[SmmService]) -> None:
        changed = set_active(ids=queryset.values_list("pk", flat=True), active=True)
        self.message_user(request, f"{changed} services switched on.")

    @admin.action(description="Switch off: sell them no more", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[SmmService]) -> None:
        changed = set_active(ids=queryset.values_list("pk", flat=True), active=False)
        self.message_user(request, f"{changed} services switched off.")
