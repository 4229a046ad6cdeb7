"""Delivery reports: every callback that came, and those that say otherwise than the books."""

from django.contrib import admin
from django.db.models import Q
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from notifications.models import DeliveryReport
from wallets.admin import finding
from wallets.admin.look import NOTHING, badge, link, moment, page_of
from wallets.admin.pages import ReadOnlyPage

TONES = {
    "parked": "warning", "applied": "success", "repeated": "", "late": "info", "contradicts": "danger",
    "unknown": "warning",
}  # fmt: skip


@admin.register(DeliveryReport)
class DeliveryReportAdmin(ReadOnlyPage):
    list_display = (
        "received", "provider_message_id", "status", "error_code", "shown_effect", "times", "shown_message",
    )  # fmt: skip
    list_filter = (("effect", ChoicesDropdownFilter),)
    list_select_related = ("message",)
    search_fields = ("provider_message_id",)
    search_help_text = "message_sid, or a message’s number"
    sortable_by = ()
    ordering = ("-id",)
    fields = (
        "received", "last_received", "provider_message_id", "status", "error_code", "shown_effect", "times",
        "shown_message",
    )  # fmt: skip

    def search(self, term: str) -> Q:
        number = finding.number_in(term)
        return Q(provider_message_id=term) | (Q(message_id=number) if number is not None else Q(pk__in=()))

    @display(description="First received")
    def received(self, row: DeliveryReport) -> str:
        return moment(row.received_at)

    @display(description="Last received")
    def last_received(self, row: DeliveryReport) -> str:
        return moment(row.last_received_at)

    @display(description="Effect")
    def shown_effect(self, row: DeliveryReport) -> str:
        return badge(row.get_effect_display(), TONES[row.effect])

    @display(description="Message")
    def shown_message(self, row: DeliveryReport) -> str:
        return link(page_of("notifications_message", row.message_id), row.message) if row.message else NOTHING
