"""Staff's view of API passwords. One is shown once, when it is made or rotated, and nowhere else."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from unfold.decorators import action
from unfold.enums import ActionVariant

from apikeys.admin.acting import staff
from apikeys.admin.credentials import CredentialPage
from apikeys.forms import PasswordForm, ReasonForm
from apikeys.models import ApiPassword
from apikeys.services import passwords


@admin.register(ApiPassword)
class ApiPasswordAdmin(CredentialPage):
    form = PasswordForm
    secrets = ("digest",)
    lasting = PasswordForm.Meta.fields
    facts = (
        "shown_status", "spend_caps", "last_used", "rotated", "revoked", "made", "created_by", "pepper_version",
    )  # fmt: skip
    list_display = ("username", "shown_customer", "currency", "mode", "shown_status", "last_used")
    list_filter = ("mode", ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("username", "customer__name", "customer__email")
    search_help_text = "Username or customer"
    actions_detail = ("set_spend_caps", "rotate", "revoke")

    def save_model(self, request: HttpRequest, obj: ApiPassword, form: PasswordForm, change: bool) -> None:
        if change:
            return  # every field is read-only
        chosen: dict[str, Any] = {name: form.cleaned_data[name] for name in PasswordForm.Meta.fields}
        made, plain = passwords.issue_password(actor=staff(request), **chosen)
        obj.pk = made.pk
        obj.refresh_from_db()
        self._show(request, plain)

    @action(
        description="Rotate",
        permissions=["change"],
        url_path="rotate",
        icon="autorenew",
        dialog={
            "title": "Make a new password?",
            "description": "The old one is refused from now on. The new one is shown once.",
            "form_class": ReasonForm,
            "form_submit_text": "Rotate",
        },
    )
    def rotate(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        def replace(password: ApiPassword) -> str:
            _, plain = passwords.rotate_password(password=password, actor=staff(request))
            self._show(request, plain)
            return "Rotated"

        return self.act(request, object_id, form, replace)

    @action(
        description="Revoke",
        permissions=["change"],
        url_path="revoke",
        icon="block",
        variant=ActionVariant.DANGER,
        dialog={
            "title": "Revoke this password?",
            "description": "Whoever uses it is refused from now on. This cannot be undone.",
            "form_class": ReasonForm,
            "form_submit_text": "Revoke",
        },
    )
    def revoke(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        def end(password: ApiPassword) -> str:
            passwords.revoke_password(password=password, actor=staff(request))
            return "Revoked"

        return self.act(request, object_id, form, end)

    def _show(self, request: HttpRequest, plain: str) -> None:
        says = format_html("The password, shown this once: <code>{}</code>", plain)
        self.message_user(request, says, messages.WARNING)
