"""Messages: the list, and each one's whole story with what staff can do about it."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.decorators import display
from unfold.enums import ActionVariant

from notifications.admin import finding, timeline
from notifications.admin.filters import (
    AttentionFilter,
    BillingFilter,
    ChunkFilter,
    DispatchFilter,
    ModeFilter,
    ProviderFilter,
    SendingFilter,
    StateFilter,
)
from notifications.models import Message
from notifications.services import give_up, resolve
from wallets.admin.dialogs import ReasonDialog, dialog
from wallets.admin.filters import CustomerFilter
from wallets.admin.look import (
    NOTHING,
    badge,
    credential_link,
    in_words,
    link,
    mode_in_words,
    moment,
    money,
    page_of,
    staff,
)
from wallets.admin.pages import ReadOnlyPage

Dispatch = Message.Dispatch
TONES = {
    "scheduled": "", "accepted": "info", "queued": "info", "sending": "primary", "sent": "primary",
    "delivered": "success", "read": "success", "undelivered": "danger", "failed": "danger", "rejected": "danger",
    "expired": "warning", "canceled": "",
}  # fmt: skip
BILLING_TONES = {"held": "info", "charged": "success", "refunded": "warning", "released": "", "free": ""}


class MessageDialog(ReasonDialog):
    model = Message

    def about(self) -> list[tuple[str, Any]]:
        row = self.row
        return [
            ("Message", row),
            ("To", row.to),
            ("State", f"{row.get_state_display()}, {row.get_dispatch_display().lower()}"),
            ("Price", in_words(row.price, row.currency)),
        ]


def note_on(row: Message) -> str:
    """What a reader of the list must not overlook."""
    if row.needs_staff:
        return badge("Needs staff", "danger")
    if row.is_contradicted:
        return badge("Contradicted", "warning")
    return badge({"test": "Test", "dryrun": "Dry run"}.get(row.mode, ""), "info")


@admin.register(Message)
class MessageAdmin(ReadOnlyPage):
    list_display = (
        "number", "state_and_notes", "channel", "to", "what", "shown_customer", "price_money", "shown_billing",
        "created",
    )  # fmt: skip
    list_display_links = ("number",)
    list_filter = (
        StateFilter, DispatchFilter, BillingFilter, AttentionFilter, ProviderFilter, ModeFilter, SendingFilter,
        ChunkFilter, CustomerFilter,
    )  # fmt: skip
    list_select_related = ("customer", "template", "chunk")
    search_fields = ("to",)
    search_help_text = "Number, uuid, message_sid, recipient, or customer"
    sortable_by = ()
    ordering = ("-id",)
    change_form_outer_before_template = "saldo/activation_story.html"
    fieldsets = (
        ("Message", {"fields": ("shown_state", "dispatch", "channel", "to", "redirected_to", "what", "shown_sender")}),
        ("Whose", {"fields": ("shown_customer", "shown_credential", "shown_mode", "idempotency_key", "uuid")}),
        ("Money", {"fields": ("price_money", "tax", "quantity", "shown_billing", "refund_undelivered")}),
        ("Provider", {"fields": ("provider", "provider_message_id", "failure", "attempts", "priority")}),
        ("Kept until", {"fields": ("erase", "erased")}),
    )
    actions_detail = ("ask_again", "give_up_it")

    def search(self, term: str) -> Q:
        return finding.messages(term)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        message = self.get_object(request, str(object_id))
        told = {}
        if isinstance(message, Message) and self.has_view_permission(request, message):
            told = {
                "story": timeline.story(message),
                "account": timeline.account(message),
                "story_links": timeline.links(message),
            }
        return super().changeform_view(request, object_id, form_url, (extra_context or {}) | told)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        message = self.get_object(request, str(object_id))
        undecided = isinstance(message, Message) and message.dispatch == Dispatch.UNKNOWN
        return super().get_actions_detail(request, object_id) if undecided else []

    @display(description="Message")
    def number(self, row: Message) -> str:
        return f"#{row.pk}"

    @display(description="State")
    def shown_state(self, row: Message) -> str:
        if row.dispatch == Dispatch.UNKNOWN:
            return badge(row.get_dispatch_display(), "danger")
        return badge(row.get_state_display(), TONES[row.state])

    @display(description="Of")
    def what(self, row: Message) -> str:
        """The sending that it is a part of, or its template."""
        if row.chunk:
            return link(page_of("notifications_sending", row.chunk.sending_id), f"sending\u00a0#{row.chunk.sending_id}")
        return link(page_of("notifications_templateversion", row.version_id), row.template) if row.template else NOTHING

    @display(description="Sender")
    def shown_sender(self, row: Message) -> str:
        return link(page_of("notifications_sender", row.sender_id), row.sender) if row.sender else NOTHING

    @display(description="Customer")
    def shown_customer(self, row: Message) -> str:
        return link(page_of("wallets_customer", row.customer_id), row.customer)

    @display(description="Price")
    def price_money(self, row: Message) -> str:
        return money(row.price, row.currency)

    @display(description="Billing")
    def shown_billing(self, row: Message) -> str:
        return badge(row.get_billing_display(), BILLING_TONES[row.billing])

    @display(description="Credential")
    def shown_credential(self, row: Message) -> str:
        return credential_link(row.credential)

    @display(description="Mode")
    def shown_mode(self, row: Message) -> str:
        return mode_in_words(row.mode)

    @display(description="Asked for")
    def created(self, row: Message) -> str:
        return moment(row.created_at)

    @display(description="State")
    def state_and_notes(self, row: Message) -> str:
        return format_html("{} {}", self.shown_state(row), note_on(row))

    @display(description="Text erased after")
    def erase(self, row: Message) -> str:
        return moment(row.erase_after)

    @display(description="Erased")
    def erased(self, row: Message) -> str:
        return moment(row.erased_at)

    @dialog(
        "Ask the provider again", MessageDialog, submit="Ask", icon="refresh",
        explain="A message it has goes on, a certain no ends it, silence changes nothing.",
    )  # fmt: skip
    def ask_again(self, request: HttpRequest, form: MessageDialog, row: Message) -> str:
        now = resolve(row)
        self.log_change(request, row, f"Asked the provider ({now.dispatch}): {form.cleaned_data['reason']}")
        return f"{row}: {now.get_dispatch_display().lower()}, {now.get_state_display().lower()}."

    @dialog(
        "Give up", MessageDialog, submit="It was not sent", icon="cancel", variant=ActionVariant.DANGER,
        explain="Only when the provider’s console shows no such message: it has failed, and its money goes back.",
    )  # fmt: skip
    def give_up_it(self, request: HttpRequest, form: MessageDialog, row: Message) -> str:
        now = give_up(message=row, actor=staff(request))
        self.log_change(request, row, f"Given up ({now.billing}): {form.cleaned_data['reason']}")
        return f"{row} has failed; {now.get_billing_display().lower()}."
