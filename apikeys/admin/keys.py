"""Staff's view of API keys. A key is shown once, when it is made, and nowhere else."""

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
from apikeys.forms import CopyForm, KeyForm, RevokeForm
from apikeys.models import ApiKey
from apikeys.services import keys, signing
from config.errors import InvalidInput

KEY_FACTS = (
    "key_prefix",
    "status",
    "is_generated",
    "spend_caps",
    "signs_webhooks",
    "last_used_at",
    "revoked_at",
    "created_at",
    "created_by",
    "pepper_version",
)


@admin.register(ApiKey)
class ApiKeyAdmin(CapsMixin, ModelAdmin):
    """Issued by the add form, ended by the revoke dialog; never deleted, because the ledger names them."""

    form = KeyForm
    list_display = ("key_prefix", "name", "customer", "currency", "mode", "shown_status", "last_used_at")
    list_filter = ("mode", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("customer", "wallet")
    search_fields = ("key_prefix", "name", "customer__name")
    raw_id_fields = ("customer", "wallet")
    actions_detail = ("set_spend_caps", "keep_signing_copy", "drop_signing_copy", "revoke")
    show_full_result_count = False

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return (*KeyForm.Meta.fields, *KEY_FACTS) if obj else KeyForm.Meta.fields

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return ("customer", "wallet", "mode", *KEY_FACTS) if obj else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return super().get_queryset(request).defer("digest", "signing_copy")

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    @display(description="Currency", ordering="wallet__currency")
    def currency(self, key: ApiKey) -> str:
        return key.wallet.currency

    @display(description="Status", label={"active": "success", "expired": "warning", "revoked": "danger"})
    def shown_status(self, key: ApiKey) -> str:
        return key.status

    def save_model(self, request: HttpRequest, obj: ApiKey, form: KeyForm, change: bool) -> None:
        if change:
            keys.change_key(key=ApiKey.objects.get(pk=obj.pk), actor=staff(request), **form.terms())
            return
        chosen = {name: form.cleaned_data[name] for name in ("customer", "wallet", "mode")}
        key, plain = keys.issue_key(actor=staff(request), **chosen, **form.terms())
        obj.pk = key.pk
        obj.refresh_from_db()
        says = format_html("The key, shown this once: <code>{}</code>", plain)
        self.message_user(request, says, messages.WARNING)

    @display(description="Signs SMSGig webhooks", boolean=True)
    def signs_webhooks(self, key: ApiKey) -> bool:
        return key.signs_webhooks

    @action(
        description="Let it sign webhooks",
        permissions=["change"],
        url_path="keep-signing-copy",
        dialog={
            "title": "Let this key sign SMSGig webhooks?",
            "description": "An encrypted copy of it is kept, for signing alone. Its owner sends you the key.",
            "form_class": CopyForm,
            "form_submit_text": "Keep the copy",
        },
    )
    def keep_signing_copy(self, request: HttpRequest, form: CopyForm, object_id: str) -> HttpResponse:
        key = get_object_or_404(ApiKey, pk=object_id)
        try:
            signing.keep_copy(key=key, plain=form.cleaned_data["key"], actor=staff(request))
        except InvalidInput:
            self.message_user(request, signing.NOT_THE_KEY, messages.ERROR)
        else:
            self.log_change(request, key, f"Signs webhooks: {form.cleaned_data['reason']}")
            self.message_user(request, f"{key} signs SMSGig webhooks.", messages.SUCCESS)
        return leave(request, reverse("admin:apikeys_apikey_change", args=[key.pk]))

    @action(
        description="Drop its signing copy",
        permissions=["change"],
        url_path="drop-signing-copy",
        dialog={
            "title": "Keep no copy of this key?",
            "description": "Endpoints that sign with it are disabled until they are given another key.",
            "form_class": RevokeForm,
            "form_submit_text": "Drop the copy",
        },
    )
    def drop_signing_copy(self, request: HttpRequest, form: RevokeForm, object_id: str) -> HttpResponse:
        key = signing.drop_copy(key=get_object_or_404(ApiKey, pk=object_id), actor=staff(request))
        self.log_change(request, key, f"Signs webhooks no more: {form.cleaned_data['reason']}")
        self.message_user(request, f"{key} keeps no copy.", messages.SUCCESS)
        return leave(request, reverse("admin:apikeys_apikey_change", args=[key.pk]))

    @action(
        description="Revoke",
        permissions=["change"],
        url_path="revoke",
        dialog={
            "title": "Revoke this key?",
            "description": "Whoever uses it is refused from now on. This cannot be undone.",
            "form_class": RevokeForm,
            "form_submit_text": "Revoke",
        },
    )
    def revoke(self, request: HttpRequest, form: RevokeForm, object_id: str) -> HttpResponse:
        key = get_object_or_404(ApiKey, pk=object_id)
        keys.revoke_key(key=key, actor=staff(request))
        self.log_change(request, key, f"Revoked: {form.cleaned_data['reason']}")
        self.message_user(request, f"{key} is revoked.", messages.SUCCESS)
        return leave(request, reverse("admin:apikeys_apikey_change", args=[key.pk]))
