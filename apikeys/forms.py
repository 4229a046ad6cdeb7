"""The admin's forms: keys by the same rules as in the API, users by e-mail."""

from typing import Any, ClassVar

from django import forms
from unfold.forms import BaseDialogForm, UserCreationForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from apikeys.models import ApiKey, ApiPassword, Scope, User
from apikeys.services import keys, passwords
from apikeys.services.terms import check_terms
from config.errors import InvalidInput


class UserAddForm(UserCreationForm):
    class Meta:
        model = User
        fields = ("email",)


class KeyForm(forms.ModelForm):
    """A key's terms; its wallet only when it is made."""

    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, initial=Scope.values, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )

    class Meta:
        model = ApiKey
        fields = (
            "customer", "wallet", "name", "mode", "scopes", "expires_at", "allowed_ips", "rate_limit_per_minute",
        )  # fmt: skip
        widgets: ClassVar[dict[str, Any]] = {"allowed_ips": UnfoldAdminTextInputWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "wallet" in self.fields:
            self.fields["wallet"].required = False
            self.fields["wallet"].help_text = "Empty: the customer's default wallet."

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
        names = ("name", "scopes", "expires_at", "allowed_ips", "rate_limit_per_minute")
        return {name: self.cleaned_data[name] for name in names}

    def _check(self, cleaned: dict[str, Any]) -> None:
        mode = cleaned.get("mode") or self.instance.mode
        try:
            check_terms(**self.terms(), mode=mode, was_expiring_at=self.instance.expires_at)
            if "wallet" in self.fields:
                cleaned["wallet"] = keys.wallet_for(cleaned["customer"], cleaned["wallet"], None)
        except InvalidInput as refusal:
            for name, texts in refusal.errors.items():
                self.add_error(name if name in self.fields else "wallet", texts)


class PasswordForm(forms.ModelForm):
    """An API password as it is made. Afterwards it is rotated or revoked, never edited."""

    class Meta:
        model = ApiPassword
        fields = ("customer", "wallet", "username", "mode")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "wallet" in self.fields:
            self.fields["wallet"].required = False
            self.fields["wallet"].help_text = "Empty: the customer's default wallet."

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and "wallet" in self.fields:
            self._check(cleaned)
        return cleaned

    def _check(self, cleaned: dict[str, Any]) -> None:
        try:
            passwords.check_username(cleaned["username"])
            cleaned["wallet"] = keys.wallet_for(cleaned["customer"], cleaned["wallet"], None)
        except InvalidInput as refusal:
            for name, texts in refusal.errors.items():
                self.add_error(name if name in self.fields else "wallet", texts)


class CopyForm(BaseDialogForm):
    # Never shown again, not even in the form that comes back.
    key = forms.CharField(max_length=200, strip=True, widget=forms.PasswordInput(attrs={"autocomplete": "off"}))
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))


class RevokeForm(BaseDialogForm):
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))


class RotateForm(RevokeForm):
    pass
