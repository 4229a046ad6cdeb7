"""The log of webhooks: what each endpoint was told, every attempt, and sending one again."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant

from notifications.models import WebhookAttempt, WebhookDelivery
from notifications.services import webhooks
from wallets.admin import finding
from wallets.admin.dialogs import Dialog, dialog
from wallets.admin.filters import CustomerFilter, TextIs
from wallets.admin.look import NOTHING, badge, link, moment, page_of
from wallets.admin.pages import ReadOnlyPage, ReadOnlyRows

Status = WebhookDelivery.Status
TONES = {"pending": "info", "succeeded": "success", "failed": "danger", "discarded": ""}


class ReplayOneDialog(Dialog):
    model = WebhookDelivery

    def about(self) -> list[tuple[str, Any]]:
        row = self.row
        return [("Delivery", f"#{row.pk}"), ("Event", row.event.kind), ("Now", row.get_status_display())]


class EndpointFilter(TextIs):
    title = "endpoint (number)"
    parameter_name = "endpoint"

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        typed = (self.value() or "").strip()
        return queryset.filter(endpoint_id=finding.number_in(typed) or 0) if typed else queryset


class KindFilter(TextIs):
    title = "event"
    parameter_name = "event"
    field = "event__kind"


class DeliveryCustomerFilter(CustomerFilter):
    path = "endpoint__customer_id__in"


class Attempts(ReadOnlyRows):
    model = WebhookAttempt
    verbose_name_plural = "attempts"
    fields = ("number", "started", "took", "status_code", "error", "answer")
    show_change_link = False

    @display(description="Started")
    def started(self, row: WebhookAttempt) -> str:
        return moment(row.started_at)

    @display(description="Took")
    def took(self, row: WebhookAttempt) -> str:
        return NOTHING if row.duration_ms is None else f"{row.duration_ms:,} ms"


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyPage):
    list_display = (
        "number", "shown_status", "kind", "shown_endpoint", "shown_customer", "attempts", "created", "next_attempt",
    )  # fmt: skip
    list_display_links = ("number",)
    list_filter = (("status", ChoicesDropdownFilter), EndpointFilter, KindFilter, DeliveryCustomerFilter)
    list_select_related = ("endpoint__customer", "event")
    search_fields = ("id",)
    search_help_text = "Number, webhook-id, or customer"
    sortable_by = ()
    ordering = ("-id",)
    fieldsets = (
        ("Delivery", {"fields": ("shown_status", "kind", "webhook_id", "shown_event")}),
        ("To whom", {"fields": ("shown_endpoint", "shown_customer")}),
        ("Clock", {"fields": ("created", "attempts", "next_attempt", "closed")}),
    )
    inlines = (Attempts,)
    actions_detail = ("replay_it",)

    def search(self, term: str) -> Q:
        number, event = finding.number_in(term), finding.uuid_in(term.removeprefix("msg_"))
        if event is not None:
            return Q(event__uuid=event)
        if number is not None:
            return Q(pk=number)
        return Q(endpoint__customer_id__in=finding.customer_ids(term))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        delivery = self.get_object(request, str(object_id))
        listens = isinstance(delivery, WebhookDelivery) and delivery.endpoint.is_enabled
        return super().get_actions_detail(request, object_id) if listens else []

    @display(description="Delivery")
    def number(self, row: WebhookDelivery) -> str:
        return f"#{row.pk}"

    @display(description="Status")
    def shown_status(self, row: WebhookDelivery) -> str:
        return badge(row.get_status_display(), TONES[row.status])

    @display(description="Event")
    def kind(self, row: WebhookDelivery) -> str:
        return row.event.kind

    @display(description="webhook-id")
    def webhook_id(self, row: WebhookDelivery) -> str:
        return row.message_id

    @display(description="What happened")
    def shown_event(self, row: WebhookDelivery) -> str:
        return link(page_of("wallets_event", row.event_id), row.event)

    @display(description="Endpoint")
    def shown_endpoint(self, row: WebhookDelivery) -> str:
        return link(page_of("notifications_webhookendpoint", row.endpoint_id), f"#{row.endpoint_id}")

    @display(description="Customer")
    def shown_customer(self, row: WebhookDelivery) -> str:
        return link(page_of("wallets_customer", row.endpoint.customer_id), row.endpoint.customer)

    @display(description="Told")
    def created(self, row: WebhookDelivery) -> str:
        return moment(row.created_at)

    @display(description="Next attempt")
    def next_attempt(self, row: WebhookDelivery) -> str:
        return moment(row.next_attempt_at)

    @display(description="Closed")
    def closed(self, row: WebhookDelivery) -> str:
        return moment(row.closed_at)

    @dialog(
        "Send again", ReplayOneDialog, submit="Send again", icon="replay", variant=ActionVariant.PRIMARY,
        explain="At once, with the same webhook-id, and from the beginning of its schedule.",
    )  # fmt: skip
    def replay_it(self, request: HttpRequest, form: ReplayOneDialog, row: WebhookDelivery) -> str:
        webhooks.replay(delivery=row)
        self.log_change(request, row, "Sent again")
        return f"Delivery #{row.pk} is on its way again."
