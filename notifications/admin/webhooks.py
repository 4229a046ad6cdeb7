"""Webhook endpoints: whether they work, trying them out, sending again. No secret is ever shown."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)
from yarl import URL

from apikeys.services import signing
from notifications.models import WebhookEndpoint
from notifications.services import webhooks
from notifications.services.webhooks.kinds import KINDS
from wallets.admin import finding
from wallets.admin.dialogs import Dialog, ReasonDialog, dialog
from wallets.admin.filters import CustomerFilter
from wallets.admin.look import NOTHING, badge, credential_link, link, list_of, moment, page_of, staff
from wallets.admin.pages import ReadOnlyPage
from wallets.models import Customer

Disabled = WebhookEndpoint.Disabled
FEW = 2
MOMENT = "In UTC, as 2026-11-21 09:30."
FITTING = {
    "edit_it": lambda row: row.deleted_at is None,
    "test_it": lambda row: row.is_enabled,
    "replay_them": lambda row: row.is_enabled,
    "disable_it": lambda row: row.is_enabled,
    "enable_it": lambda row: not row.is_enabled and row.deleted_at is None and row.can_sign,
}


def address_of(endpoint: WebhookEndpoint) -> str:
    """The URL without its query, where customers keep tokens."""
    url = URL(endpoint.url)
    return f"{url.with_query(None)}?…" if url.query_string else str(url)


class EndpointDialog(Dialog):
    model = WebhookEndpoint

    def about(self) -> list[tuple[str, Any]]:
        row = self.row
        return [("Endpoint", f"#{row.pk}"), ("Customer", row.customer), ("URL", address_of(row))]


class EndpointReasonDialog(ReasonDialog, EndpointDialog):
    pass


class TestDialog(EndpointDialog):
    pass


class Wanted(forms.Form):
    url = forms.CharField(max_length=2000, label="URL", widget=UnfoldAdminTextInputWidget, help_text="https.")
    kinds = forms.MultipleChoiceField(
        choices=[(kind, kind) for kind in KINDS],
        required=False,
        label="Events",
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="None: every event.",
    )
    description = forms.CharField(max_length=200, required=False, widget=UnfoldAdminTextInputWidget)


class NewEndpointDialog(Dialog, Wanted):
    model = WebhookEndpoint
    customer = forms.IntegerField(
        min_value=1, max_value=10**18 - 1, widget=UnfoldAdminTextInputWidget, help_text="The customer’s number."
    )
    format = forms.ChoiceField(choices=WebhookEndpoint.Format.choices, widget=UnfoldAdminSelectWidget)
    signing_key = forms.CharField(
        max_length=200, required=False, widget=UnfoldAdminPasswordWidget, label="API key that signs",
        help_text="For SMSGig’s format alone.",
    )  # fmt: skip
    field_order = ("customer", "url", "format", "signing_key", "description", "kinds")

    def clean_customer(self) -> int:
        if not Customer.objects.filter(pk=self.cleaned_data["customer"]).exists():
            raise forms.ValidationError("There is no such customer.")
        return int(self.cleaned_data["customer"])


class EditDialog(EndpointDialog, Wanted):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.row is not None:
            for name in ("url", "kinds", "description"):
                self.fields[name].initial = getattr(self.row, name)


class ReplayDialog(EndpointDialog):
    since = forms.DateTimeField(required=False, widget=UnfoldAdminTextInputWidget, help_text=MOMENT)
    until = forms.DateTimeField(required=False, widget=UnfoldAdminTextInputWidget, help_text=MOMENT)
    failed_only = forms.BooleanField(
        required=False, initial=True, widget=UnfoldBooleanSwitchWidget, label="Only what failed"
    )


STANDINGS = {
    "enabled": Q(is_enabled=True),
    "failing": Q(is_enabled=True, failing_since__isnull=False),
    "given-up": Q(disabled_reason__in=WebhookEndpoint.BY_ITSELF, deleted_at=None),
    "disabled": Q(is_enabled=False, deleted_at=None),
    "deleted": Q(deleted_at__isnull=False),
}


class StandingFilter(DropdownFilter):
    """How an endpoint is."""

    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(name, name.replace("-", " ").capitalize()) for name in STANDINGS]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(STANDINGS[self.value()]) if self.value() in STANDINGS else queryset


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnlyPage):
    list_display = ("number", "shown_standing", "shown_url", "shown_customer", "format", "few_events", "created")
    list_display_links = ("number",)
    list_filter = (StandingFilter, ("format", ChoicesDropdownFilter), CustomerFilter)
    list_select_related = ("customer",)
    search_fields = ("url",)
    search_help_text = "Number, uuid, a part of the URL, or customer"
    sortable_by = ()
    ordering = ("-id",)
    fieldsets = (
        (
            "Endpoint",
            {"fields": ("shown_standing", "shown_url", "format", "signs_with", "shown_events", "description")},
        ),
        ("Whose", {"fields": ("shown_customer", "created", "created_by", "uuid")}),
        ("How it is", {"fields": ("failing", "disabled", "told", "former_secret", "deliveries")}),
    )
    actions_list = ("add_endpoint",)
    actions_detail = ("test_it", "replay_them", "edit_it", "enable_it", "disable_it")

    def search(self, term: str) -> Q:
        found = finding.by_number_or_uuid(term) | Q(url__icontains=term)
        return found | Q(customer_id__in=finding.customer_ids(term))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        endpoint = self.get_object(request, str(object_id))
        if not isinstance(endpoint, WebhookEndpoint):
            return []
        prefix = "notifications_webhookendpoint_"
        offered = super().get_actions_detail(request, object_id)
        return [each for each in offered if FITTING[each.action_name.partition(prefix)[2]](endpoint)]

    @display(description="Endpoint")
    def number(self, row: WebhookEndpoint) -> str:
        return f"#{row.pk}"

    @display(description="Standing")
    def shown_standing(self, row: WebhookEndpoint) -> str:
        if row.deleted_at is not None:
            return badge("Deleted")
        if row.customer.status == Customer.Status.CLOSED:
            return badge("Customer closed")
        if not row.is_enabled:
            return badge(f"Disabled: {row.get_disabled_reason_display()}", "danger" if row.disabled_itself else "")
        return badge("Failing", "warning") if row.failing_since else badge("Enabled", "success")

    @display(description="URL")
    def shown_url(self, row: WebhookEndpoint) -> str:
        return address_of(row)

    @display(description="Customer")
    def shown_customer(self, row: WebhookEndpoint) -> str:
        return link(page_of("wallets_customer", row.customer_id), row.customer)

    @display(description="Events")
    def few_events(self, row: WebhookEndpoint) -> str:
        more = f" and {len(row.kinds) - FEW} more" if len(row.kinds) > FEW else ""
        return ", ".join(row.kinds[:FEW]) + more or "every event"

    @display(description="Events")
    def shown_events(self, row: WebhookEndpoint) -> str:
        return ", ".join(row.kinds) or "every event"

    @display(description="Signs with API key")
    def signs_with(self, row: WebhookEndpoint) -> str:
        if row.format != WebhookEndpoint.Format.SMSGIG:
            return NOTHING
        return credential_link(row.signing_key_prefix) if row.can_sign else badge("None: its key is gone", "danger")

    @display(description="Made")
    def created(self, row: WebhookEndpoint) -> str:
        return moment(row.created_at)

    @display(description="Nothing arrived since")
    def failing(self, row: WebhookEndpoint) -> str:
        return moment(row.failing_since)

    @display(description="Disabled")
    def disabled(self, row: WebhookEndpoint) -> str:
        return moment(row.disabled_at)

    @display(description="Customer written to")
    def told(self, row: WebhookEndpoint) -> str:
        return moment(row.told_of_disabling_at)

    @display(description="Former secret signs until")
    def former_secret(self, row: WebhookEndpoint) -> str:
        return moment(row.previous_secret_until) if row.has_previous_secret(timezone.now()) else NOTHING

    @display(description="Log")
    def deliveries(self, row: WebhookEndpoint) -> str:
        return link(list_of("notifications_webhookdelivery", endpoint=row.pk), "Its deliveries")

    @dialog(
        "New endpoint", NewEndpointDialog, submit="Make it", icon="add", on_list=True,
        explain="Its secret is shown to nobody: the customer gets one by rotating it through the API.",
    )  # fmt: skip
    def add_endpoint(self, request: HttpRequest, form: NewEndpointDialog) -> str:
        asked = {name: form.cleaned_data[name] for name in ("url", "kinds", "description", "format", "signing_key")}
        customer_id = form.cleaned_data["customer"]
        if asked["signing_key"]:
            signing.signing_key(customer_id=customer_id, calling="", sent=asked["signing_key"])  # the customer's own
        made, _ = webhooks.create_endpoint(customer_id=customer_id, actor=staff(request), **asked)
        self.log_addition(request, made, f"Made for customer #{customer_id}")
        return f"Endpoint #{made.pk} is there and enabled."

    @dialog("Edit", EditDialog, submit="Save", icon="edit")
    def edit_it(self, request: HttpRequest, form: EditDialog, row: WebhookEndpoint) -> str:
        asked = {name: form.cleaned_data[name] for name in ("url", "kinds", "description")}
        webhooks.change_endpoint(endpoint=row, **asked)
        self.log_change(request, row, "URL, events or description changed")
        return f"Endpoint #{row.pk} is changed."

    @dialog(
        "Send a test event", TestDialog, submit="Send", icon="send", variant=ActionVariant.PRIMARY,
        explain="A sample, signed as everything else is. The log says what came of it.",
    )  # fmt: skip
    def test_it(self, request: HttpRequest, form: TestDialog, row: WebhookEndpoint) -> str:
        sent = webhooks.send_test_event(endpoint=row)
        self.log_change(request, row, f"Test event, delivery #{sent.pk}")
        return f"Delivery #{sent.pk} is on its way."

    @dialog(
        "Send again", ReplayDialog, submit="Send again", icon="replay",
        explain="All that failed, or a range of time. Receivers know a repetition by its webhook-id.",
    )  # fmt: skip
    def replay_them(self, request: HttpRequest, form: ReplayDialog, row: WebhookEndpoint) -> str:
        asked = {name: form.cleaned_data[name] for name in ("since", "until", "failed_only")}
        count = webhooks.replay_many(endpoint=row, **asked)
        self.log_change(request, row, f"{count} deliveries sent again")
        return f"{count:,} deliveries are on their way again."

    @dialog("Enable", EndpointReasonDialog, submit="Enable", icon="play_arrow", variant=ActionVariant.PRIMARY)
    def enable_it(self, request: HttpRequest, form: EndpointReasonDialog, row: WebhookEndpoint) -> str:
        webhooks.enable_endpoint(endpoint=row)
        self.log_change(request, row, f"Enabled: {form.cleaned_data['reason']}")
        return f"Endpoint #{row.pk} is enabled; what waited goes on."

    @dialog(
        "Disable", EndpointReasonDialog, submit="Disable", icon="pause", variant=ActionVariant.DANGER,
        explain="It is told nothing more of what happens from now on.",
    )  # fmt: skip
    def disable_it(self, request: HttpRequest, form: EndpointReasonDialog, row: WebhookEndpoint) -> str:
        webhooks.disable_endpoint(endpoint=row, reason=Disabled.BY_STAFF)
        self.log_change(request, row, f"Disabled: {form.cleaned_data['reason']}")
        return f"Endpoint #{row.pk} is disabled."
