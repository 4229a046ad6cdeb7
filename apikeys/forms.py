"""The admin's forms: credentials by the same rules as in the services, users by e-mail."""

from typing import Any, ClassVar

from django import forms
from unfold.forms import BaseDialogForm, UserCreationForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from apikeys.models import ApiKey, ApiPassword, ClientCredential, Mode, Scope, User
from apikeys.services import clients, keys, passwords
from apikeys.services.terms import check_terms
from config.errors import InvalidInput

KEY_TERMS = ("name", "scopes", "expires_at", "allowed_ips", "rate_limit_per_minute")
CLIENT_TERMS = ("name", "test_phone", "test_email", "scopes", "expires_at", "allowed_ips", "rate_limit_per_minute")


class UserAddForm(UserCreationForm):
    class Meta:
        model = User
        fields = ("email",)


class CredentialForm(forms.ModelForm):
    """What is asked of a credential; its customer and its wallet only when it is made."""

    which_wallet = "Empty: the customer's default wallet."

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "wallet" in self.fields:
            self.fields["wallet"].required = False
            self.fields["wallet"].help_text = self.which_wallet

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.check(cleaned)
            except InvalidInput as refusal:
                for name, texts in refusal.errors.items():
                    self.add_error(name if name in self.fields else "wallet", texts)
        return cleaned

    def check(self, cleaned: dict[str, Any]) -> None:
        """Judge it as the services do, and choose the wallet. Raises InvalidInput."""
        if "wallet" in self.fields:
            cleaned["wallet"] = self.wallet_of(cleaned)

    def wallet_of(self, cleaned: dict[str, Any]) -> Any:
        return keys.wallet_for(cleaned["customer"], cleaned["wallet"], None)


class TermsForm(CredentialForm):
    """The same for those with terms of their own, which can be changed."""

    term_names: tuple[str, ...] = KEY_TERMS
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, initial=Scope.values, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )

    def clean(self) -> dict[str, Any]:
        if "expires_at" not in self.changed_data:
            # The form shows whole seconds; what nobody touched keeps its fraction.
            self.cleaned_data["expires_at"] = self.instance.expires_at
        return super().clean()

    def terms(self) -> dict[str, Any]:
        """What the services take, once the form is valid."""
        return {name: self.cleaned_data[name] for name in self.term_names}

    def check(self, cleaned: dict[str, Any]) -> None:
        mode = cleaned.get("mode") or self.instance.mode
        terms = {name: cleaned[name] for name in KEY_TERMS}
        check_terms(**terms, mode=mode, was_expiring_at=self.instance.expires_at)
        super().check(cleaned)


class KeyForm(TermsForm):
    class Meta:
        model = ApiKey
        fields = (
            "customer", "wallet", "name", "mode", "scopes", "expires_at", "allowed_ips", "rate_limit_per_minute",
        )  # fmt: skip
        widgets: ClassVar[dict[str, Any]] = {"allowed_ips": UnfoldAdminTextInputWidget}


class ClientForm(TermsForm):
    which_wallet = "Empty: the customer's wallet in GHS. Credits are always GHS."
    term_names = CLIENT_TERMS

    class Meta:
        model = ClientCredential
        fields = ("customer", "wallet", "mode", *CLIENT_TERMS)
        widgets: ClassVar[dict[str, Any]] = {"allowed_ips": UnfoldAdminTextInputWidget}

    def check(self, cleaned: dict[str, Any]) -> None:
        clients.check_test_addresses(cleaned["test_phone"], cleaned["test_email"])
        super().check(cleaned)

    def wallet_of(self, cleaned: dict[str, Any]) -> Any:
        return clients.credit_wallet(cleaned["customer"], cleaned["wallet"])


class PasswordForm(CredentialForm):
    """An API password as it is made. Afterwards it is rotated or revoked, never edited."""

    class Meta:
        model = ApiPassword
        fields = ("customer", "wallet", "username", "mode")

    def check(self, cleaned: dict[str, Any]) -> None:
        if "username" in self.fields:
            passwords.check_username(cleaned["username"])
        super().check(cleaned)


class ReasonForm(BaseDialogForm):
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))


class CopyForm(ReasonForm):
    # Never shown again, not even in the form that comes back.
    key = forms.CharField(max_length=200, strip=True, widget=forms.PasswordInput(attrs={"autocomplete": "off"}))
    field_order = ("key", "reason")


class ModeForm(ReasonForm):
    mode = forms.ChoiceField(choices=Mode.choices, widget=UnfoldAdminSelectWidget)
    field_order = ("mode", "reason")
