"""What the pages of rentals, monthly numbers and SMM orders have in common."""

from types import ModuleType
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from activations.admin.finding import phone_in
from wallets.admin import finding
from wallets.admin.look import (
    badge,
    credential_link,
    link,
    mode_in_words,
    moment,
    money,
    page_of,
    span,
    wallet_link,
)
from wallets.admin.pages import ReadOnlyPage


class OrderPage(ReadOnlyPage):
    """A list of orders, and each one's story: `teller` is the module that tells it, `tones` colour its states."""

    teller: ModuleType
    tones: dict[str, str]
    list_display_links = ("number",)
    sortable_by = ()
    ordering = ("-id",)
    change_form_outer_before_template = "saldo/activation_story.html"

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        row = self.get_object(request, str(object_id))
        told = {}
        if row is not None and self.has_view_permission(request, row):
            told = {
                "story": self.teller.story(row),
                "account": self.teller.account(row),
                "story_links": self.teller.links(row),
            }
        return super().changeform_view(request, object_id, form_url, (extra_context or {}) | told)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        row: Any = self.get_object(request, str(object_id))
        if row is None:
            return []
        fitting = self.fitting(row)
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        offered = super().get_actions_detail(request, object_id)
        return [each for each in offered if each.action_name.removeprefix(prefix) in fitting]

    def fitting(self, row: Any) -> set[str]:
        """The dialogs that can do something about an order as it is."""
        raise NotImplementedError

    @display(description="Order")
    def number(self, row: Any) -> str:
        return f"#{row.pk}"

    @display(description="Status")
    def shown_status(self, row: Any) -> str:
        return badge(row.get_status_display(), self.tones[row.status])

    @display(description="Country")
    def shown_country(self, row: Any) -> str:
        return str(row.country.name)

    @display(description="Customer")
    def shown_customer(self, row: Any) -> str:
        return link(page_of("wallets_customer", row.customer_id), row.customer)

    @display(description="Wallet")
    def shown_wallet(self, row: Any) -> str:
        return wallet_link(row.wallet_id, row.currency)

    @display(description="Credential")
    def shown_credential(self, row: Any) -> str:
        return credential_link(row.credential)

    @display(description="Mode")
    def shown_mode(self, row: Any) -> str:
        return mode_in_words(row.mode)

    @display(description="Price")
    def price_money(self, row: Any) -> str:
        return money(row.price, row.currency)

    @display(description="Age")
    def age(self, row: Any) -> str:
        return span(timezone.now() - row.created_at)

    @display(description="Note", empty_value="")
    def notes(self, row: Any) -> str | None:
        if row.needs_staff:
            return badge("Needs staff", "danger")
        if getattr(row, "contradiction", ""):
            return badge("Contradicted", "warning")
        return badge({"test": "Test", "dryrun": "Dry run"}.get(row.mode, ""), "info") or None

    @display(description="Requested")
    def created(self, row: Any) -> str:
        return moment(row.created_at)

    @display(description="Closed")
    def closed(self, row: Any) -> str:
        return moment(row.closed_at)

    @display(description="Next look")
    def due(self, row: Any) -> str:
        return moment(row.due_at)


class PhoneOrderPage(OrderPage):
    """The same for orders of a phone number, which are found by it."""

    search_fields = ("phone",)
    search_help_text = "Number, uuid, phone, or customer"

    def search(self, term: str) -> Q:
        if phone := phone_in(term):
            number = finding.number_in(term)
            return Q(phone=phone) | (Q(pk=number) if number is not None else Q(pk__in=()))
        if finding.number_in(term) is not None or finding.uuid_in(term):
            return finding.by_number_or_uuid(term)
        return Q(customer_id__in=finding.customer_ids(term))

    @display(description="Number given")
    def started(self, row: Any) -> str:
        return moment(row.started_at)
