"""The admin's dialogs."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
)

from catalog.models import PriceList
from catalog.models.offer import CURRENCY
from wallets.models import Customer


class PriceForm(BaseDialogForm):
    """A new price of one offer: the base price, or a list's, or one customer's."""

    amount = forms.DecimalField(
        max_digits=18,
        decimal_places=6,
        min_value=Decimal("0.000001"),
        required=False,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="Empty: no price any more; the next level decides.",
    )
    currency = forms.CharField(initial="USD", validators=[CURRENCY], widget=UnfoldAdminTextInputWidget)
    price_list = forms.ModelChoiceField(
        PriceList.objects.all(), required=False, widget=UnfoldAdminSelectWidget, help_text="Empty: the base price."
    )
    customer = forms.ModelChoiceField(
        Customer.objects.all(),
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Number of the one customer it is for.",
    )
    effective_from = forms.SplitDateTimeField(
        required=False, widget=UnfoldAdminSplitDateTimeWidget, help_text="UTC; empty: from now on."
    )
    note = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget, help_text="Why.")

    def clean_effective_from(self) -> Any:
        begins = self.cleaned_data["effective_from"]
        if begins and begins < timezone.now():
            raise forms.ValidationError("A price cannot begin in the past.")
        return begins

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("price_list") and cleaned.get("customer"):
            # On a field: the dialog shows no others.
            self.add_error("customer", "Choose a price list or a customer, not both.")
        return cleaned

    def price(self) -> dict[str, Any]:
        """What `set_price` takes, once the form is valid."""
        names = ("amount", "currency", "price_list", "customer", "effective_from", "note")
        return {name: self.cleaned_data[name] for name in names}
