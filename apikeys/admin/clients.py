"""Staff's view of client credentials. Their secrets are shown once, when made or rotated, and nowhere else."""

from collections.abc import Callable

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
from apikeys.client_forms import ClientForm, ModeForm, ReasonForm
from apikeys.models import ClientCredential
from apikeys.services import clients
from apikeys.services.clients import ClientSecrets
from config.errors import DomainError

FACTS = (
    "client_id", "status", "spend_caps", "last_used_at", "rotated_at", "revoked_at", "created_at", "created_by",
    "pepper_version",
)  # fmt: skip
SHOWN_ONCE = "Shown this once: client id <code>{}</code>, client secret <code>{}</code>, app secret key <code>{}</code>"


@admin.register(ClientCredential)
class ClientCredentialAdmin(CapsMixin, ModelAdmin):
    """Issued by the add form; its mode, its secrets and its end are dialogs. Never deleted: the ledger names it."""

    form = ClientForm
    list_display = ("client_id", "name", "customer", "mode", "shown_status", "last_used_at")
    list_filter = ("mode", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("customer",)
    search_fields = ("client_id", "name", "customer__name")
    raw_id_fields = ("customer", "wallet")
    actions_detail = ("change_mode", "set_spend_caps", "rotate", "revoke")
    show_full_result_count = False

    def get_fields(self, request: HttpRequest, obj: ClientCredential | None = None) -> tuple[str, ...]:
        return (*ClientForm.Meta.fields, *FACTS) if obj else ClientForm.Meta.fields

    def get_readonly_fields(self, request: HttpRequest, obj: ClientCredential | None = None) -> tuple[str, ...]:
        return ("customer", "wallet", "mode", *FACTS) if obj else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[ClientCredential]:
        return super().get_queryset(request).defer("digest", "encrypted_app_key")

    def has_delete_permission(self, request: HttpRequest, obj: ClientCredential | None = None) -> bool:
        return False

    @display(description="Status", label={"active": "success", "expired": "warning", "revoked": "danger"})
    def shown_status(self, client: ClientCredential) -> str:
        return client.status

    def save_model(self, request: HttpRequest, obj: ClientCredential, form: ClientForm, change: bool) -> None:
        if change:
            stored = ClientCredential.objects.get(pk=obj.pk)
            clients.change_client(client=stored, actor=staff(request), **form.terms())
            return
        chosen = {name: form.cleaned_data[name] for name in ("customer", "wallet", "mode")}
        client, secrets = clients.issue_client(actor=staff(request), **chosen, **form.terms())
        obj.pk = client.pk
        obj.refresh_from_db()
        self._show(request, secrets)

    @action(
        description="Change mode",
        permissions=["change"],
        url_path="change-mode",
        dialog={
            "title": "Change the mode?",
            "description": "From the next request on. In live mode messages reach real recipients and take credits.",
            "form_class": ModeForm,
            "form_submit_text": "Change",
        },
    )
    def change_mode(self, request: HttpRequest, form: ModeForm, object_id: str) -> HttpResponse:
        def change(client: ClientCredential) -> str:
            mode = form.cleaned_data["mode"]
            clients.change_mode(client=client, mode=mode, actor=staff(request))
            return f"Mode {mode}"

        return self._done(request, object_id, form, change)

    @action(
        description="Rotate",
        permissions=["change"],
        url_path="rotate",
        dialog={
            "title": "Make new secrets?",
            "description": "The old ones are refused from now on. The new ones are shown once.",
            "form_class": ReasonForm,
            "form_submit_text": "Rotate",
        },
    )
    def rotate(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        def replace(client: ClientCredential) -> str:
            self._show(request, clients.rotate_client(client=client, actor=staff(request)))
            return "Rotated"

        return self._done(request, object_id, form, replace)

    @action(
        description="Revoke",
        permissions=["change"],
        url_path="revoke",
        dialog={
            "title": "Revoke this credential?",
            "description": "Whoever uses it is refused from now on. This cannot be undone.",
            "form_class": ReasonForm,
            "form_submit_text": "Revoke",
        },
    )
    def revoke(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        def end(client: ClientCredential) -> str:
            clients.revoke_client(client=client, actor=staff(request))
            return "Revoked"

        return self._done(request, object_id, form, end)

    def _done(
        self, request: HttpRequest, object_id: str, form: ReasonForm, act: Callable[[ClientCredential], str]
    ) -> HttpResponse:
        """Do it, log who and why, and say so; a refusal is said instead."""
        client = get_object_or_404(ClientCredential, pk=object_id)
        try:
            told = act(client)
        except DomainError as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
        else:
            self.log_change(request, client, f"{told}: {form.cleaned_data['reason']}")
            self.message_user(request, f"{client}: {told.lower()}.", messages.SUCCESS)
        return leave(request, reverse("admin:apikeys_clientcredential_change", args=[client.pk]))

    def _show(self, request: HttpRequest, secrets: ClientSecrets) -> None:
        says = format_html(SHOWN_ONCE, secrets.client_id, secrets.client_secret, secrets.app_secret_key)
        self.message_user(request, says, messages.WARNING)
