"""What the pages of keys, passwords and client credentials have in common."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import display

from apikeys.admin.acting import leave
from apikeys.admin.caps import CapsMixin
from apikeys.forms import ReasonForm
from config.errors import DomainError, InvalidInput
from wallets.admin.look import badge, link, moment, page_of

TONES = {"active": "success", "expired": "warning", "revoked": "danger"}


class CredentialPage(CapsMixin, ModelAdmin):
    """Issued by the add form, ended by a dialog; never deleted, because the ledger names them.

    `secrets` are columns that are never read, `lasting` are fields that only the add form has.
    """

    secrets: tuple[str, ...] = ()
    lasting: tuple[str, ...] = ("customer", "wallet", "mode")
    facts: tuple[str, ...] = ()
    list_select_related = ("customer", "wallet")
    raw_id_fields = ("customer", "wallet")
    show_full_result_count = False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fields: tuple[str, ...] = tuple(self.form._meta.fields)
        return (*fields, *self.facts) if obj else fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.lasting, *self.facts) if obj else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer(*self.secrets)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Nothing can be done about one that is revoked."""
        row: Any = self.get_object(request, str(object_id))
        return super().get_actions_detail(request, object_id) if row is not None and row.revoked_at is None else []

    @display(description="Status")
    def shown_status(self, row: Any) -> str:
        return badge(row.status.capitalize(), TONES[row.status])

    @display(description="Customer", ordering="customer__name")
    def shown_customer(self, row: Any) -> str:
        return link(page_of("wallets_customer", row.customer_id), row.customer)

    @display(description="Currency", ordering="wallet__currency")
    def currency(self, row: Any) -> str:
        return str(row.wallet.currency)

    @display(description="Last used", ordering="last_used_at")
    def last_used(self, row: Any) -> str:
        return moment(row.last_used_at) if row.last_used_at else "Never"

    @display(description="Made")
    def made(self, row: Any) -> str:
        return moment(row.created_at)

    @display(description="Revoked")
    def revoked(self, row: Any) -> str:
        return moment(row.revoked_at)

    @display(description="Secret last replaced")
    def rotated(self, row: Any) -> str:
        return moment(row.rotated_at)

    def act(self, request: HttpRequest, object_id: str, form: ReasonForm, do: Callable[[Any], str]) -> HttpResponse:
        """Do it, log who and why, and say so; a refusal is said instead."""
        row = get_object_or_404(self.model, pk=object_id)
        try:
            told = do(row)
        except DomainError as refusal:
            self.message_user(request, said(refusal), messages.ERROR)
        else:
            self.log_change(request, row, f"{told}: {form.cleaned_data['reason']}")
            self.message_user(request, f"{row}: {told[:1].lower()}{told[1:]}.", messages.SUCCESS)
        return leave(request, reverse(f"admin:apikeys_{self.opts.model_name}_change", args=[row.pk]))


def said(refusal: DomainError) -> str:
    texts = refusal.errors.values() if isinstance(refusal, InvalidInput) else ()
    return " ".join(text for each in texts for text in each) or refusal.message
