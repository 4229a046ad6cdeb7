"""What the pretend provider remembers: to look at, in development only."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from unfold.decorators import display

from activations.admin.finding import phone_in
from activations.models import SandboxNumber
from wallets.admin.look import moment
from wallets.admin.pages import ReadOnlyPage


class SandboxNumberAdmin(ReadOnlyPage):
    list_display = ("phone", "service_name", "code", "texts_delivered", "texts", "next_text")
    search_fields = ("phone",)
    search_help_text = "Start of a number"
    sortable_by = ()
    fields = (
        "phone",
        "service_name",
        "code",
        "reference",
        "texts",
        "texts_delivered",
        "next_text",
        "ordered",
        "canceled",
    )

    def search(self, term: str) -> Q:
        return Q(phone=phone_in(term)) | Q(reference=term)

    @display(description="Next SMS")
    def next_text(self, number: SandboxNumber) -> Any:
        return moment(number.next_text_at)

    @display(description="Ordered")
    def ordered(self, number: SandboxNumber) -> Any:
        return moment(number.ordered_at)

    @display(description="Given back")
    def canceled(self, number: SandboxNumber) -> Any:
        return moment(number.canceled_at)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return settings.SANDBOX and super().has_view_permission(request, obj)


if settings.SANDBOX:
    admin.site.register(SandboxNumber, SandboxNumberAdmin)
