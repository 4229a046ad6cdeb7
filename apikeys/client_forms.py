"""The admin's forms of client credentials: by the same rules as in the services."""

from typing import Any, ClassVar

from django import forms
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from apikeys.models import ClientCredential, Mode, Scope
from apikeys.services import clients
from apikeys.services.terms import check_terms
from config.errors import InvalidInput

TERMS = ("name", "test_phone", "test_email", "scopes", "expires_at", "allowed_ips", "rate_limit_per_minute")


class ClientForm(forms.ModelForm):
    """A credential's terms; its wallet and its first mode only when it is made."""

    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, initial=Scope.values, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )

    class Meta:
        model = ClientCredential
        fields = ("customer", "wallet", "mode", *TERMS)
        widgets: ClassVar[dict[str, Any]] = {"allowed_ips": UnfoldAdminTextInputWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "wallet" in self.fields:
            self.fields["wallet"].required = False
            self.fields["wallet"].help_text = "Empty: the customer's wallet in GHS. Credits are always GHS."

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "expires_at" not in self.changed_data:
            # The form shows whole seconds; what nobody touched keeps its fraction.
            cleaned["expires_at"] = self.instance.expires_at
        if not self.errors:
            self._check(cleaned)
        return cleaned

    def terms(self) -> dict[str, Any]:
        """What the services take, once the form is valid."""
        return {name: self.cleaned_data[name] for name in TERMS}

    def _check(self, cleaned: dict[str, Any]) -> None:
        terms = self.terms()
        try:
            clients.check_test_addresses(terms.pop("test_phone"), terms.pop("test_email"))
            mode = cleaned.get("mode") or self.instance.mode
            check_terms(**terms, mode=mode, was_expiring_at=self.instance.expires_at)
            if "wallet" in self.fields:
                cleaned["wallet"] = clients.credit_wallet(cleaned["customer"], cleaned["wallet"])
        except InvalidInput as refusal:
            for name, texts in refusal.errors.items():
                self.add_error(name if name in self.fields else "wallet", texts)


class ReasonForm(BaseDialogForm):
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))


class ModeForm(ReasonForm):
    mode = forms.ChoiceField(choices=Mode.choices, widget=UnfoldAdminSelectWidget)
    field_order = ("mode", "reason")
