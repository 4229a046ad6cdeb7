"""Staff's view of client credentials. Their secrets are shown once, when made or rotated, and nowhere else."""

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from unfold.decorators import action
from unfold.enums import ActionVariant

from apikeys.admin.acting import staff
from apikeys.admin.credentials import CredentialPage
from apikeys.forms import ClientForm, ModeForm, ReasonForm
from apikeys.models import ClientCredential
from apikeys.services import clients
from apikeys.services.clients import ClientSecrets

SHOWN_ONCE = "Shown this once: client id <code>{}</code>, client secret <code>{}</code>, app secret key <code>{}</code>"


@admin.register(ClientCredential)
class ClientCredentialAdmin(CredentialPage):
    form = ClientForm
    secrets = ("digest", "encrypted_app_key")
    facts = (
        "client_id", "shown_status", "spend_caps", "last_used", "rotated", "revoked", "made", "created_by",
        "pepper_version",
    )  # fmt: skip
    list_display = ("client_id", "name", "shown_customer", "mode", "shown_status", "last_used")
    list_filter = ("mode", ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("client_id", "name", "customer__name", "customer__email")
    search_help_text = "Client id, name, or customer"
    actions_detail = ("change_mode", "set_spend_caps", "rotate", "revoke")

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

        return self.act(request, object_id, form, change)

    @action(
        description="Rotate",
        permissions=["change"],
        url_path="rotate",
        icon="autorenew",
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

        return self.act(request, object_id, form, replace)

    @action(
        description="Revoke",
        permissions=["change"],
        url_path="revoke",
        icon="block",
        variant=ActionVariant.DANGER,
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

        return self.act(request, object_id, form, end)

    def _show(self, request: HttpRequest, secrets: ClientSecrets) -> None:
        says = format_html(SHOWN_ONCE, secrets.client_id, secrets.client_secret, secrets.app_secret_key)
        self.message_user(request, says, messages.WARNING)
