"""What the pretend carrier remembers: to look at, where the sandbox is on."""

from django.conf import settings
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from unfold.decorators import display

from notifications.admin.finding import phone_in
from notifications.models import SandboxMessage
from wallets.admin.look import moment
from wallets.admin.pages import ReadOnlyPage


class SandboxMessageAdmin(ReadOnlyPage):
    list_display = ("sid", "to", "reported", "next_report", "accepted")
    search_fields = ("sid",)
    search_help_text = "message_sid, our reference, or recipient"
    sortable_by = ()
    fields = ("sid", "to", "reference", "plan", "reported", "next_report", "accepted")

    def search(self, term: str) -> Q:
        return Q(sid=term) | Q(reference=term) | Q(to=phone_in(term) or term)

    @display(description="Next report")
    def next_report(self, row: SandboxMessage) -> str:
        return moment(row.next_report_at)

    @display(description="Accepted")
    def accepted(self, row: SandboxMessage) -> str:
        return moment(row.accepted_at)

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return settings.SANDBOX and super().has_view_permission(request, obj)


if settings.SANDBOX:
    admin.site.register(SandboxMessage, SandboxMessageAdmin)
