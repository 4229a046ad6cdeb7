"""Spend caps in the back office: the same dialog for every kind of credential."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextareaWidget

from apikeys.admin.acting import leave
from config.errors import InvalidInput
from config.numbers import plain
from wallets.models import SpendCap
from wallets.services import set_spend_cap, spend_caps


class CapForm(BaseDialogForm):
    daily = forms.DecimalField(
        required=False, max_digits=20, decimal_places=6, widget=UnfoldAdminDecimalFieldWidget,
        help_text="In the wallet's currency, by the day in UTC. Empty: no cap.",
    )  # fmt: skip
    monthly = forms.DecimalField(
        required=False, max_digits=20, decimal_places=6, widget=UnfoldAdminDecimalFieldWidget,
        help_text="The same by the month.",
    )  # fmt: skip
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))


class CapsMixin:
    """For a page of credentials: shows the caps, and the dialog that sets both."""

    @display(description="Spend caps")
    def spend_caps(self, credential: Any) -> str:
        cap = spend_caps([credential.public_id]).get(credential.public_id)
        return in_words(cap) if cap else "No cap"

    @action(
        description="Set spend caps",
        permissions=["change"],
        url_path="set-spend-caps",
        dialog={
            "title": "Set spend caps",
            "description": "Both are set as they stand here. What was spent in the running day and month counts.",
            "form_class": CapForm,
            "form_submit_text": "Set",
        },
    )
    def set_spend_caps(self, request: HttpRequest, form: CapForm, object_id: str) -> HttpResponse:
        page: Any = self
        row = page.get_object(request, object_id)
        if row is None:
            raise Http404
        caps = {name: form.cleaned_data[name] for name in ("daily", "monthly")}
        try:
            cap = set_spend_cap(credential=row.public_id, wallet=row.wallet, **caps)
        except InvalidInput as refusal:
            page.message_user(request, " ".join(next(iter(refusal.errors.values()))), messages.ERROR)
        else:
            told = in_words(cap) if cap else "no spend cap"
            page.log_change(request, row, f"Spend caps: {told}: {form.cleaned_data['reason']}")
            page.message_user(request, f"{row}: {told}.", messages.SUCCESS)
        return leave(request, _page_of(row))


def in_words(cap: SpendCap) -> str:
    """`3 of 5 USD today, 30 of 100 USD this month`."""
    today, currency = timezone.now().date(), cap.wallet.currency
    parts = [(cap.daily, cap.spent_on(today), "today"), (cap.monthly, cap.spent_in_month_of(today), "this month")]
    return ", ".join(f"{_digits(spent)} of {_digits(most)} {currency} {when}" for most, spent, when in parts if most)


def _digits(amount: Decimal) -> str:
    return f"{plain(amount):f}"


def _page_of(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
