"""What staff are asked before they do something about an SMM order."""

from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from activations.models import SmmOrder
from wallets.admin.dialogs import AmountField, OnceDialog, ReasonDialog
from wallets.admin.look import digits, in_words, money
from wallets.services.movements import refundable

Status = SmmOrder.Status


class SmmOrderDialog(ReasonDialog):
    model = SmmOrder

    def about(self) -> list[tuple[str, Any]]:
        row = self.row
        return [
            ("Order", f"{row}, {row.quantity:,}"),
            ("Link", row.link),
            ("Status", row.get_status_display()),
            ("Price", in_words(row.price, row.currency)),
            ("Provider", f"{row.provider}, order {row.provider_order_id or 'unknown'}"),
        ]


class PlacedDialog(SmmOrderDialog):
    provider_order_id = forms.RegexField(
        r"\A[!-~]{1,64}\Z", label="Number of the order at the provider", widget=UnfoldAdminTextInputWidget
    )
    field_order = ("provider_order_id", "reason")


class SettleDialog(SmmOrderDialog):
    ending = forms.ChoiceField(
        choices=[(status.value, status.label) for status in SmmOrder.FINAL], widget=UnfoldAdminSelectWidget
    )
    remains = forms.IntegerField(
        required=False, min_value=0, max_value=2**31 - 1, widget=UnfoldAdminIntegerFieldWidget,
        help_text="Only for a partial one: how many were not delivered.",
    )  # fmt: skip
    field_order = ("ending", "remains", "reason")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        remains, is_partial = cleaned.get("remains"), cleaned.get("ending") == Status.PARTIAL
        if is_partial and (remains is None or self.row is None or remains > self.row.quantity):
            self.add_error("remains", "How many were not delivered: at most what was ordered.")
        return cleaned


class SmmRefundDialog(OnceDialog):
    model = SmmOrder
    amount = AmountField(min_value=Decimal("0.000001"), help_text="All that is left, or a part of it.")
    field_order = ("amount", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.row is not None and self.row.charge is not None:
            self.fields["amount"].initial = digits(refundable(self.row.charge))

    def about(self) -> list[tuple[str, Any]]:
        charge = self.row.charge
        left = refundable(charge) if charge else Decimal(0)
        return [("Order", self.row), ("Still refundable", money(left, self.row.currency))]
