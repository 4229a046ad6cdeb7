"""Sendings: how far each one is, its money chunk by chunk, and taking back what is not handed over yet."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant

from notifications.admin import finding, sending_story
from notifications.admin.filters import ModeFilter, OwnSendingFilter
from notifications.models import Chunk, Sending
from notifications.services import cancel_sending, counts_of
from wallets.admin.dialogs import ReasonDialog, dialog
from wallets.admin.filters import CustomerFilter
from wallets.admin.look import (
    NOTHING,
    badge,
    credential_link,
    in_words,
    link,
    list_of,
    mode_in_words,
    moment,
    money,
    page_of,
    staff,
)
from wallets.admin.pages import ReadOnlyPage

TONES = {
    "draft": "", "pending": "info", "processing": "primary", "sent": "primary", "completed": "success",
    "failed": "danger", "canceled": "",
}  # fmt: skip


class CancelDialog(ReasonDialog):
    model = Sending

    def about(self) -> list[tuple[str, Any]]:
        row, counts = self.row, counts_of(self.row)
        return [
            ("Sending", f"#{row.pk} of {row.customer}"),
            ("Recipients", f"{counts.total:,}, of these {counts.pending:,} have not ended"),
            ("Price", in_words(row.price, row.currency)),
            ("Begins", moment(row.scheduled_at)),
        ]


@admin.register(Sending)
class SendingAdmin(ReadOnlyPage):
    list_display = (
        "number", "shown_status", "channel", "shown_customer", "progress", "price_money", "begins", "notes",
    )  # fmt: skip
    list_display_links = ("number",)
    list_filter = (
        ("status", ChoicesDropdownFilter), ("channel", ChoicesDropdownFilter), ModeFilter, CustomerFilter,
    )  # fmt: skip
    list_select_related = ("customer",)
    search_fields = ("pk",)
    search_help_text = "Number, uuid, recipient, or customer"
    sortable_by = ()
    ordering = ("-id",)
    change_form_outer_before_template = "saldo/activation_story.html"
    fieldsets = (
        ("Sending", {"fields": ("shown_status", "channel", "progress", "segments", "route", "sent_from")}),
        ("Text", {"fields": ("subject", "text", "erase", "erased")}),
        (
            "Whose",
            {
                "fields": (
                    "shown_customer",
                    "shown_credential",
                    "shown_mode",
                    "idempotency_key",
                    "uuid",
                    "shown_original",
                )
            },
        ),
    )
    actions_detail = ("cancel_it",)

    def search(self, term: str) -> Q:
        return finding.sendings(term)

    def get_queryset(self, request: HttpRequest) -> Any:
        # The progress of a row is of its chunks: one more query for a page of the list.
        return super().get_queryset(request).prefetch_related("chunks")

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        sending = self.get_object(request, str(object_id))
        told = {}
        if isinstance(sending, Sending) and self.has_view_permission(request, sending):
            told = {
                "story": sending_story.story(sending),
                "account": sending_story.account(sending),
                "story_links": sending_story.links(sending),
            }
        return super().changeform_view(request, object_id, form_url, (extra_context or {}) | told)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        sending = self.get_object(request, str(object_id))
        open_one = isinstance(sending, Sending) and not sending.is_final and sending_story.waiting(sending)
        return super().get_actions_detail(request, object_id) if open_one else []

    @display(description="Sending")
    def number(self, row: Sending) -> str:
        return f"#{row.pk}"

    @display(description="Status")
    def shown_status(self, row: Sending) -> str:
        return badge(row.get_status_display(), TONES[row.status])

    @display(description="Customer")
    def shown_customer(self, row: Sending) -> str:
        return link(page_of("wallets_customer", row.customer_id), row.customer)

    @display(description="Credential")
    def shown_credential(self, row: Sending) -> str:
        return credential_link(row.credential)

    @display(description="Mode")
    def shown_mode(self, row: Sending) -> str:
        return mode_in_words(row.mode)

    @display(description="Recipients")
    def progress(self, row: Sending) -> str:
        """10,000: 9,870 reached, 12 not."""
        chunks = row.chunks.all()
        handed, reached, failed = (sum(getattr(chunk, name) for chunk in chunks) for name in sending_story.COUNTERS)
        parts = [f"{handed:,} handed over" if handed < row.recipients and handed else ""]
        parts += [f"{reached:,} reached" if reached else "", f"{failed:,} not" if failed else ""]
        return f"{row.recipients:,}" + (f": {', '.join(filter(None, parts))}" if any(parts) else "")

    @display(description="Price")
    def price_money(self, row: Sending) -> str:
        return money(row.price, row.currency) if row.moves_money else badge("Free")

    @display(description="Begins")
    def begins(self, row: Sending) -> str:
        return moment(row.scheduled_at)

    @display(description="Note", empty_value="")
    def notes(self, row: Sending) -> str | None:
        mode = badge({"test": "Test", "dryrun": "Dry run"}.get(row.mode, ""), "info")
        return mode or (badge("Retry") if row.retry_of_id else None) or None

    @display(description="Sender")
    def sent_from(self, row: Sending) -> str:
        return link(page_of("notifications_sender", row.sender_id), row.sender) if row.sender else row.from_number

    @display(description="Retry of")
    def shown_original(self, row: Sending) -> str:
        original = row.retry_of_id
        return link(page_of("notifications_sending", original), f"#{original}") if original else NOTHING

    @display(description="Text erased after")
    def erase(self, row: Sending) -> str:
        return moment(row.erase_after)

    @display(description="Erased")
    def erased(self, row: Sending) -> str:
        return moment(row.erased_at)

    @dialog(
        "Cancel the rest", CancelDialog, submit="Cancel it", icon="cancel", variant=ActionVariant.DANGER,
        explain="What no provider has been given is not sent, and its money goes back. What is out stays out.",
    )  # fmt: skip
    def cancel_it(self, request: HttpRequest, form: CancelDialog, row: Sending) -> str:
        now = cancel_sending(sending=row, actor=staff(request))
        self.log_change(request, row, f"Canceled the rest ({now.status}): {form.cleaned_data['reason']}")
        return f"Sending #{row.pk}: {now.get_status_display().lower()}."


@admin.register(Chunk)
class ChunkAdmin(ReadOnlyPage):
    """What ledger references such as `chunk:91:capture:2` lead to."""

    list_display = ("number_of", "shown_sending", "recipients", "handed", "reached", "failed", "shown_hold", "settles")
    list_display_links = ("number_of",)
    list_filter = (OwnSendingFilter,)
    list_select_related = ("sending", "hold")
    sortable_by = ()
    ordering = ("-id",)
    fieldsets = (
        ("Chunk", {"fields": ("shown_sending", "number", "recipients", "handed", "reached", "failed")}),
        ("Money", {"fields": ("shown_hold", "captured", "released", "shown_messages")}),
        ("Settling", {"fields": ("settles", "settlements")}),
    )

    @display(description="Chunk")
    def number_of(self, row: Chunk) -> str:
        return f"#{row.pk}"

    @display(description="Sending")
    def shown_sending(self, row: Chunk) -> str:
        return link(page_of("notifications_sending", row.sending_id), f"#{row.sending_id}, chunk {row.number}")

    @display(description="Held")
    def shown_hold(self, row: Chunk) -> str:
        if row.hold is None:
            return NOTHING
        return link(page_of("wallets_hold", row.hold_id), in_words(row.hold.amount, row.sending.currency))

    @display(description="Captured")
    def captured(self, row: Chunk) -> str:
        return money(row.hold.captured if row.hold else None, row.sending.currency)

    @display(description="Released")
    def released(self, row: Chunk) -> str:
        return money(row.hold.released if row.hold else None, row.sending.currency)

    @display(description="Messages")
    def shown_messages(self, row: Chunk) -> str:
        return link(list_of("notifications_message", chunk=row.pk), f"{row.recipients:,} messages")

    @display(description="To be settled since", empty_value="settled")
    def settles(self, row: Chunk) -> str | None:
        return moment(row.settle_at) if row.settle_at else None
