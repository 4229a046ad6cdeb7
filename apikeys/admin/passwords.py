"""Staff's view of API passwords. One is shown once, when it is made or rotated, and nowhere else."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from apikeys.admin.acting import leave, staff
from apikeys.admin.caps import CapsMixin
from apikeys.forms import PasswordForm, RevokeForm, RotateForm
from apikeys.models import ApiPassword
from apikeys.services import passwords
from config.errors import DomainError, InvalidInput

FACTS = (
    "status",
    "spend_caps",
    "last_used_at",
    "rotated_at",
    "revoked_at",
    "created_at",
    "created_by",
    "pepper_version",
)


@admin.register(ApiPassword)
class ApiPasswordAdmin(CapsMixin, ModelAdmin):
    """Issued by the add form, replaced and ended by dialogs; never deleted, because the ledger names them."""

    form = PasswordForm
    list_display = ("username", "customer", "currency", "mode", "shown_status", "last_used_at")
    list_filter = ("mode", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("customer", "wallet")
    search_fields = ("username", "customer__name")
    raw_id_fields = ("customer", "wallet")
    actions_detail = ("set_spend_caps", "rotate", "revoke")
    show_full_result_count = False

    def get_fields(self, request: HttpRequest, obj: ApiPassword | None = None) -> tuple[str, ...]:
        return (*PasswordForm.Meta.fields, *FACTS) if obj else PasswordForm.Meta.fields

    def get_readonly_fields(self, request: HttpRequest, obj: ApiPassword | None = None) -> tuple[str, ...]:
        return (*PasswordForm.Meta.fields, *FACTS) if obj else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiPassword]:
        return super().get_queryset(request).defer("digest")

    def has_delete_permission(self, request: HttpRequest, obj: ApiPassword | None = None) -> bool:
        return False

    @display(description="Currency", ordering="wallet__currency")
    def currency(self, password: ApiPassword) -> str:
        return password.wallet.currency

    @display(description="Status", label={"active": "success", "revoked": "danger"})
    def shown_status(self, password: ApiPassword) -> str:
        return password.status

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
        dialog={
            "title": "Make a new password?",
            "description": "The old one is refused from now on. The new one is shown once.",
            "form_class": RotateForm,
            "form_submit_text": "Rotate",
        },
    )
    def rotate(self, request: HttpRequest, form: RotateForm, object_id: str) -> HttpResponse:
        password = get_object_or_404(ApiPassword, pk=object_id)
        try:
            _, plain = passwords.rotate_password(password=password, actor=staff(request))
        except DomainError as refusal:
            self.message_user(request, _said(refusal), messages.ERROR)
        else:
            self.log_change(request, password, f"Rotated: {form.cleaned_data['reason']}")
            self._show(request, plain)
        return self._leave(request, password)

    @action(
        description="Revoke",
        permissions=["change"],
        url_path="revoke",
        dialog={
            "title": "Revoke this password?",
            "description": "Whoever uses it is refused from now on. This cannot be undone.",
            "form_class": RevokeForm,
            "form_submit_text": "Revoke",
        },
    )
    def revoke(self, request: HttpRequest, form: RevokeForm, object_id: str) -> HttpResponse:
        password = get_object_or_404(ApiPassword, pk=object_id)
        passwords.revoke_password(password=password, actor=staff(request))
        self.log_change(request, password, f"Revoked: {form.cleaned_data['reason']}")
        self.message_user(request, f"{password} is revoked.", messages.SUCCESS)
        return self._leave(request, password)

    def _show(self, request: HttpRequest, plain: str) -> None:
        says = format_html("The password, shown this once: <code>{}</code>", plain)
        self.message_user(request, says, messages.WARNING)

    def _leave(self, request: HttpRequest, password: ApiPassword) -> HttpResponse:
        return leave(request, reverse("admin:apikeys_apipassword_change", args=[password.pk]))


def _said(refusal: DomainError) -> str:
    texts = refusal.errors.values() if isinstance(refusal, InvalidInput) else ()
    return " ".join(text for each in texts for text in each) or refusal.message
