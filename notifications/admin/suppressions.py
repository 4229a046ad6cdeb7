"""Who is not sent to: the list, adding to it, and taking somebody off it."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from notifications.admin.finding import phone_in
from notifications.models import Channel, Suppression
from notifications.services import lift, suppress
from notifications.services.addresses import normal
from wallets.admin import finding
from wallets.admin.dialogs import Dialog, ReasonDialog, dialog
from wallets.admin.filters import CustomerFilter
from wallets.admin.look import NOTHING, badge, link, moment, page_of, staff
from wallets.admin.pages import ReadOnlyPage

Reason = Suppression.Reason
TONES = {"bounced": "warning", "complained": "danger", "opted_out": "info", "manual": ""}


class SuppressDialog(Dialog):
    model = Suppression
    channel = forms.ChoiceField(
        choices=[(each.value, each.label) for each in (Channel.SMS, Channel.EMAIL)], widget=UnfoldAdminSelectWidget
    )
    address = forms.CharField(
        max_length=254, widget=UnfoldAdminTextInputWidget, help_text="A number in E.164 format, or an e-mail address."
    )
    reason = forms.ChoiceField(choices=Reason.choices, initial=Reason.MANUAL, widget=UnfoldAdminSelectWidget)
    customer = forms.CharField(
        max_length=254, required=False, widget=UnfoldAdminTextInputWidget,
        help_text="Number, uuid, name or e-mail address. Empty: nobody may send there.",
    )  # fmt: skip
    note = forms.CharField(
        max_length=200, widget=UnfoldAdminTextInputWidget, help_text="Why; the customer reads it where it is theirs."
    )

    def clean_customer(self) -> int | None:
        """The one customer that was meant."""
        typed = self.cleaned_data["customer"].strip()
        if not typed:
            return None
        found = finding.customer_ids(typed)
        if len(found) != 1:
            many = f"{len(found)} customers are called so; give the number." if found else "There is no such customer."
            raise forms.ValidationError(many)
        return found[0]


class LiftDialog(ReasonDialog):
    model = Suppression

    def about(self) -> list[tuple[str, Any]]:
        row = self.row
        return [
            ("Address", row.address),
            ("Reason", f"{row.get_reason_display()}. {row.note}"),
            ("Held back for", row.customer or "everybody"),
        ]


class ForceFilter(DropdownFilter):
    title = "in force"
    parameter_name = "force"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("yes", "In force"), ("no", "Lifted")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(lifted_at__isnull=self.value() == "yes") if self.value() in {"yes", "no"} else queryset


@admin.register(Suppression)
class SuppressionAdmin(ReadOnlyPage):
    list_display = (
        "address",
        "channel",
        "shown_reason",
        "shown_customer",
        "since",
        "created_by",
        "shown_lifted",
        "note",
    )
    list_filter = (
        ("reason", ChoicesDropdownFilter), ("channel", ChoicesDropdownFilter), ForceFilter, CustomerFilter,
    )  # fmt: skip
    list_select_related = ("customer",)
    search_fields = ("address",)
    search_help_text = "The whole number or e-mail address, or customer"
    sortable_by = ()
    ordering = ("-id",)
    fieldsets = (
        ("Suppression", {"fields": ("address", "channel", "shown_reason", "note", "shown_message")}),
        ("Whose", {"fields": ("shown_customer", "since", "created_by", "shown_lifted")}),
    )
    actions_list = ("suppress_it",)
    actions_detail = ("lift_it",)

    def search(self, term: str) -> Q:
        if "@" in term:
            return Q(address=normal(Channel.EMAIL, term.strip()))
        phone = phone_in(term)
        return Q(address=phone) if phone else Q(customer_id__in=finding.customer_ids(term))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        row = self.get_object(request, str(object_id))
        in_force = isinstance(row, Suppression) and not row.is_lifted
        return super().get_actions_detail(request, object_id) if in_force else []

    @display(description="Reason")
    def shown_reason(self, row: Suppression) -> str:
        return badge(row.get_reason_display(), TONES[row.reason])

    @display(description="Held back for")
    def shown_customer(self, row: Suppression) -> str:
        return link(page_of("wallets_customer", row.customer_id), row.customer) if row.customer else "Everybody"

    @display(description="Because of")
    def shown_message(self, row: Suppression) -> str:
        return link(page_of("notifications_message", row.message_id), row.message) if row.message else NOTHING

    @display(description="Since")
    def since(self, row: Suppression) -> str:
        return moment(row.created_at)

    @display(description="Lifted", empty_value="In force")
    def shown_lifted(self, row: Suppression) -> str | None:
        return f"{moment(row.lifted_at)} by {row.lifted_by}" if row.lifted_at else None

    @dialog(
        "Suppress an address", SuppressDialog, submit="Send nothing more there", icon="block", on_list=True,
        explain="It is not sent to and not charged for, from now on; what waits for its time included.",
    )  # fmt: skip
    def suppress_it(self, request: HttpRequest, form: SuppressDialog) -> str:
        asked = {name: form.cleaned_data[name] for name in ("channel", "address", "reason", "note")}
        made = suppress(customer_id=form.cleaned_data["customer"], actor=staff(request), **asked)
        self.log_addition(request, made, f"Suppressed ({made.reason})")
        return f"Nothing more is sent to {made}."

    @dialog(
        "Lift", LiftDialog, submit="Send there again", icon="undo",
        explain="Who has opted out must have asked for it. Any other reason in force holds on.",
    )  # fmt: skip
    def lift_it(self, request: HttpRequest, form: LiftDialog, row: Suppression) -> str:
        lift(suppression=row, actor=staff(request))
        self.log_change(request, row, f"Lifted: {form.cleaned_data['reason']}")
        return f"{row} may be sent to again, unless another reason is in force."
