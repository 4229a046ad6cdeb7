"""Senders: the queue of requests, and deciding them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from notifications.models import Channel, Sender
from notifications.services import approve_sender, disable_sender, reject_sender, request_sender
from notifications.services.senders import provider_choices
from wallets.admin import finding
from wallets.admin.dialogs import Dialog, dialog
from wallets.admin.filters import CustomerFilter
from wallets.admin.look import badge, link, moment, page_of, staff
from wallets.admin.pages import ReadOnlyPage

Status = Sender.Status
TONES = {"requested": "warning", "approved": "success", "rejected": "danger", "disabled": ""}


class SenderDialog(Dialog):
    model = Sender

    def about(self) -> list[tuple[str, Any]]:
        row = self.row
        return [
            ("Sender", row.address),
            ("Channel", row.get_channel_display()),
            ("Customer", row.customer or "the house"),
        ]


class ApproveSenderDialog(SenderDialog):
    provider = forms.ChoiceField(widget=UnfoldAdminSelectWidget, help_text="Who carries its messages.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["provider"].choices = [(name, name) for name in provider_choices()]


class RefuseSenderDialog(SenderDialog):
    reason = forms.CharField(
        max_length=200, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}), help_text="The customer reads it."
    )


class HouseSenderDialog(Dialog):
    model = Sender
    channel = forms.ChoiceField(choices=Channel.choices, widget=UnfoldAdminSelectWidget)
    address = forms.CharField(
        max_length=254, widget=UnfoldAdminTextInputWidget, help_text="E.164 number, name or e-mail address."
    )


@admin.register(Sender)
class SenderAdmin(ReadOnlyPage):
    list_display = ("address", "channel", "shown_status", "shown_customer", "provider", "created", "reason")
    list_filter = (("status", ChoicesDropdownFilter), ("channel", ChoicesDropdownFilter), CustomerFilter)
    list_select_related = ("customer",)
    search_fields = ("address",)
    search_help_text = "Number, name or address, or customer"
    sortable_by = ()
    ordering = ("-id",)
    fieldsets = (
        ("Sender", {"fields": ("address", "channel", "shown_status", "reason", "provider")}),
        ("Whose", {"fields": ("shown_customer", "created", "decided", "decided_by")}),
    )
    actions_list = ("add_house_sender",)
    actions_detail = ("approve_it", "reject_it", "disable_it")

    def search(self, term: str) -> Q:
        return Q(address__icontains=term) | Q(customer_id__in=finding.customer_ids(term))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        sender = self.get_object(request, str(object_id))
        if not isinstance(sender, Sender):
            return []
        fitting = {
            "approve_it": sender.status in {Status.REQUESTED, Status.DISABLED},
            "reject_it": sender.status == Status.REQUESTED,
            "disable_it": sender.status == Status.APPROVED,
        }
        offered = super().get_actions_detail(request, object_id)
        return [each for each in offered if fitting[each.action_name.partition("notifications_sender_")[2]]]

    @display(description="Status")
    def shown_status(self, row: Sender) -> str:
        return badge(row.get_status_display(), TONES[row.status])

    @display(description="Customer")
    def shown_customer(self, row: Sender) -> str:
        return link(page_of("wallets_customer", row.customer_id), row.customer) if row.customer else "The house"

    @display(description="Requested")
    def created(self, row: Sender) -> str:
        return moment(row.created_at)

    @display(description="Decided")
    def decided(self, row: Sender) -> str:
        return moment(row.decided_at)

    @dialog("Add a house sender", HouseSenderDialog, submit="Add", icon="add", on_list=True)
    def add_house_sender(self, request: HttpRequest, form: HouseSenderDialog) -> str:
        asked = {name: form.cleaned_data[name] for name in ("channel", "address")}
        made = request_sender(customer_id=None, **asked)
        self.log_addition(request, made, "House sender requested")
        return f"{made} is there; approve it to send from it."

    @dialog(
        "Approve", ApproveSenderDialog, submit="Approve", icon="check", variant=ActionVariant.PRIMARY,
        explain="Messages may go out from it, also again where it was disabled.",
    )  # fmt: skip
    def approve_it(self, request: HttpRequest, form: ApproveSenderDialog, row: Sender) -> str:
        approve_sender(sender=row, provider=form.cleaned_data["provider"], actor=staff(request))
        self.log_change(request, row, f"Approved, carried by {form.cleaned_data['provider']}")
        return f"{row} is approved."

    @dialog("Reject", RefuseSenderDialog, submit="Reject", icon="block", variant=ActionVariant.DANGER)
    def reject_it(self, request: HttpRequest, form: RefuseSenderDialog, row: Sender) -> str:
        reject_sender(sender=row, reason=form.cleaned_data["reason"], actor=staff(request))
        self.log_change(request, row, f"Rejected: {form.cleaned_data['reason']}")
        return f"{row} is rejected."

    @dialog("Disable", RefuseSenderDialog, submit="Disable", icon="pause", variant=ActionVariant.DANGER)
    def disable_it(self, request: HttpRequest, form: RefuseSenderDialog, row: Sender) -> str:
        disable_sender(sender=row, reason=form.cleaned_data["reason"], actor=staff(request))
        self.log_change(request, row, f"Disabled: {form.cleaned_data['reason']}")
        return f"{row} is disabled."
