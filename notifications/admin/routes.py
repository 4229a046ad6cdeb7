"""Routes: who carries messages that a customer sends by that word, in what turn, and what is given back."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from notifications.models import Channel, Route
from notifications.services.senders import provider_choices
from wallets.admin.look import badge
from wallets.admin.pages import StaffPage


class RouteForm(forms.ModelForm):
    class Meta:
        model = Route
        fields = ("channel", "name", "provider", "priority", "refund_undelivered", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [(name, name) for name in provider_choices()]
        self.fields["provider"] = forms.ChoiceField(
            choices=[("", "The sender’s own provider"), *names], required=False, widget=UnfoldAdminSelectWidget
        )
        if "channel" in self.fields:
            # WhatsApp goes by its template's category.
            self.fields["channel"].choices = [  # type: ignore[attr-defined]
                (value, label) for value, label in Channel.choices if value != Channel.WHATSAPP
            ]


@admin.register(Route)
class RouteAdmin(StaffPage):
    form = RouteForm
    list_display = ("name", "channel", "carrier", "priority", "refund_undelivered", "offered")
    list_filter = (("channel", ChoicesDropdownFilter),)
    search_fields = ("name",)
    search_help_text = "The word that customers send"
    ordering = ("channel", "name")
    fieldsets = ((None, {"fields": ("channel", "name", "provider", "priority", "refund_undelivered", "is_active")}),)

    def search(self, term: str) -> Q:
        return Q(name__icontains=term)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # switched off instead: sendings name it

    @display(description="Carried by")
    def carrier(self, row: Route) -> str:
        return row.provider or "the sender’s own provider"

    @display(description="Offered")
    def offered(self, row: Route) -> str:
        return badge("On", "success") if row.is_active else badge("Off")
