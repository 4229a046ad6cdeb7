"""Staff's view of API keys. A key is shown once, when it is made, and nowhere else."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from apikeys.admin.acting import staff
from apikeys.admin.credentials import CredentialPage
from apikeys.forms import CopyForm, KeyForm, ReasonForm
from apikeys.models import ApiKey
from apikeys.services import keys, signing


@admin.register(ApiKey)
class ApiKeyAdmin(CredentialPage):
    form = KeyForm
    secrets = ("digest", "signing_copy")
    facts = (
        "key_prefix", "shown_status", "is_generated", "spend_caps", "signs_webhooks", "last_used", "revoked", "made",
        "created_by", "pepper_version",
    )  # fmt: skip
    list_display = ("key_prefix", "name", "shown_customer", "currency", "mode", "shown_status", "last_used")
    list_filter = ("mode", ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("key_prefix", "name", "customer__name", "customer__email")
    search_help_text = "The key's first 8 characters, its name, or customer"
    actions_detail = ("set_spend_caps", "keep_signing_copy", "drop_signing_copy", "revoke")

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

    @display(description="Keeps a copy to sign SMSGig webhooks", boolean=True)
    def signs_webhooks(self, key: ApiKey) -> bool:
        return key.signs_webhooks

    @action(
        description="Let it sign",
        permissions=["change"],
        url_path="keep-signing-copy",
        icon="signature",
        dialog={
            "title": "Let this key sign SMSGig webhooks?",
            "description": "An encrypted copy of it is kept, for signing alone. Its owner sends you the key.",
            "form_class": CopyForm,
            "form_submit_text": "Keep the copy",
        },
    )
    def keep_signing_copy(self, request: HttpRequest, form: CopyForm, object_id: str) -> HttpResponse:
        def keep(key: ApiKey) -> str:
            signing.keep_copy(key=key, plain=form.cleaned_data["key"], actor=staff(request))
            return "Signs SMSGig webhooks"

        return self.act(request, object_id, form, keep)

    @action(
        description="Stop signing",
        permissions=["change"],
        url_path="drop-signing-copy",
        dialog={
            "title": "Keep no copy of this key?",
            "description": "Endpoints that sign with it are disabled until they are given another key.",
            "form_class": ReasonForm,
            "form_submit_text": "Drop the copies",
        },
    )
    def drop_signing_copy(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        def drop(key: ApiKey) -> str:
            signing.drop_copy(key=key, actor=staff(request))
            return "Signs no webhooks any more"

        return self.act(request, object_id, form, drop)

    @action(
        description="Revoke",
        permissions=["change"],
        url_path="revoke",
        icon="block",
        variant=ActionVariant.DANGER,
        dialog={
            "title": "Revoke this key?",
            "description": "Whoever uses it is refused from now on. This cannot be undone.",
            "form_class": ReasonForm,
            "form_submit_text": "Revoke",
        },
    )
    def revoke(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        def end(key: Any) -> str:
            keys.revoke_key(key=key, actor=staff(request))
            return "Revoked"

        return self.act(request, object_id, form, end)
