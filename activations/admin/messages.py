"""SMS that arrived, and the queue of those that came too late."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from activations.admin.filters import CaseFilter, ProviderFilter
from activations.admin.finding import phone_in
from activations.models import InboundMessage
from activations.services import resolve_late
from wallets.admin import finding
from wallets.admin.dialogs import Dialog, dialog
from wallets.admin.filters import CustomerFilter
from wallets.admin.look import NOTHING, badge, link, moment, page_of, staff
from wallets.admin.pages import ReadOnlyPage

TONES = {"matched": "success", "extra": "info", "late": "danger", "unmatched": "warning"}


class ResolveDialog(Dialog):
    model = InboundMessage
    resolution = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="What was done: code given to the customer and charged, ignored, …",
    )

    def about(self) -> list[tuple[str, Any]]:
        message = self.row
        return [("Order", message.activation or "none"), ("Code", message.code or "none"), ("Text", message.text)]


class RentalCustomerFilter(CustomerFilter):
    path = "activation__customer_id__in"


@admin.register(InboundMessage)
class InboundMessageAdmin(ReadOnlyPage):
    list_display = (
        "number",
        "received",
        "shown_state",
        "to",
        "sender",
        "code",
        "shown_activation",
        "shown_customer",
        "case",
    )
    list_display_links = ("number",)
    list_filter = (CaseFilter, ("state", ChoicesDropdownFilter), ProviderFilter, RentalCustomerFilter)
    list_select_related = ("activation__service", "activation__customer")
    search_fields = ("to",)
    search_help_text = "Our number, a uuid, or a message's number"
    sortable_by = ()
    ordering = ("-id",)
    fieldsets = (
        ("Message", {"fields": ("received", "shown_state", "to", "sender", "shown_text", "code")}),
        ("Belongs to", {"fields": ("shown_activation", "shown_customer", "provider", "provider_message_id", "uuid")}),
        ("Case", {"fields": ("case", "resolution", "resolved")}),
        ("Kept until", {"fields": ("erase", "erased")}),
    )
    actions_detail = ("resolve_it",)
    actions_row = ()

    def search(self, term: str) -> Q:
        phone = phone_in(term)
        found = finding.by_number_or_uuid(term)
        return found | Q(to=phone) if phone else found

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        message = self.get_object(request, str(object_id))
        offered = isinstance(message, InboundMessage) and is_open_case(message)
        return super().get_actions_detail(request, object_id) if offered else []

    @display(description="Message")
    def number(self, message: InboundMessage) -> str:
        return f"#{message.pk}"

    @display(description="Received")
    def received(self, message: InboundMessage) -> str:
        return moment(message.received_at)

    @display(description="State")
    def shown_state(self, message: InboundMessage) -> str:
        return badge(message.get_state_display(), TONES[message.state])

    @display(description="Text")
    def shown_text(self, message: InboundMessage) -> str:
        return message.text or (NOTHING if message.erased_at is None else "erased")

    @display(description="Order")
    def shown_activation(self, message: InboundMessage) -> str:
        order = message.activation
        return link(page_of("activations_activation", order.pk), order) if order else NOTHING

    @display(description="Customer")
    def shown_customer(self, message: InboundMessage) -> str:
        order = message.activation
        return link(page_of("wallets_customer", order.customer_id), order.customer) if order else NOTHING

    @display(description="Case", empty_value="")
    def case(self, message: InboundMessage) -> str | None:
        if message.state != InboundMessage.State.LATE:
            return None
        return badge("Open", "danger") if message.resolved_at is None else badge("Resolved", "success")

    @display(description="Resolved")
    def resolved(self, message: InboundMessage) -> str:
        return moment(message.resolved_at)

    @display(description="Erased after")
    def erase(self, message: InboundMessage) -> str:
        return moment(message.erase_after)

    @display(description="Erased")
    def erased(self, message: InboundMessage) -> str:
        return moment(message.erased_at)

    @dialog(
        "Resolve", ResolveDialog, submit="Resolve", icon="task_alt", explain="Say what was done about this late SMS."
    )
    def resolve_it(self, request: HttpRequest, form: ResolveDialog, message: InboundMessage) -> str:
        was_open = is_open_case(message)
        resolution = form.cleaned_data["resolution"]
        done = resolve_late(message=message, resolution=resolution, actor=staff(request))
        if was_open:
            self.log_change(request, message, f"Late case resolved: {done.resolution}")
        return "The case is resolved."


def is_open_case(message: InboundMessage) -> bool:
    return message.state == InboundMessage.State.LATE and message.resolved_at is None
