"""Rentals: the list, and each one's whole story with what staff can do about it."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant

from activations.admin import timeline
from activations.admin.filters import ModeFilter, ProviderFilter, StaffFilter, StatusFilter
from activations.admin.finding import phone_in
from activations.models import Activation
from activations.services import cancel, resolve
from config.errors import DomainError
from wallets.admin import finding
from wallets.admin.dialogs import AmountField, OnceDialog, ReasonDialog, dialog, once
from wallets.admin.filters import CustomerFilter
from wallets.admin.look import badge, digits, in_words, link, moment, money, page_of, span, staff
from wallets.admin.pages import ReadOnlyPage
from wallets.models import Transaction
from wallets.services import refund
from wallets.services.movements import refundable

Status = Activation.Status
TONES = {
    "requested": "info", "calling": "info", "unknown": "danger", "waiting": "primary", "received": "success",
    "closing": "warning", "finished": "success", "canceled": "", "expired": "", "failed": "warning",
}  # fmt: skip
UNDECIDED = (Status.REQUESTED, Status.CALLING, Status.UNKNOWN)
MODES = {"live": "", "test": "info", "dryrun": "info"}


class NothingTaken(DomainError):
    code = "nothing_taken"
    message = "Nothing was taken for this order: there is nothing to refund."


class OrderDialog(ReasonDialog):
    model = Activation

    def about(self) -> list[tuple[str, Any]]:
        row = self.row
        return [
            ("Order", row),
            ("Status", row.get_status_display()),
            ("Price", in_words(row.price, row.currency)),
        ]


class RefundDialog(OnceDialog):
    model = Activation
    amount = AmountField(min_value=Decimal("0.000001"), help_text="All that is left, or a part of it.")
    field_order = ("amount", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.row is not None and self.row.charge is not None:
            self.fields["amount"].initial = digits(refundable(self.row.charge))

    def about(self) -> list[tuple[str, Any]]:
        charge = self.row.charge
        left = refundable(charge) if charge else Decimal(0)
        return [("Order", self.row), ("Still refundable", money(left, self.row.currency))]


@admin.register(Activation)
class ActivationAdmin(ReadOnlyPage):
    list_display = (
        "number", "shown_status", "service", "shown_country", "phone", "shown_customer", "price_money", "age", "notes",
    )  # fmt: skip
    list_display_links = ("number",)
    list_filter = (
        StatusFilter, StaffFilter, ("service", RelatedDropdownFilter), ("country", RelatedDropdownFilter),
        ProviderFilter, ModeFilter, CustomerFilter,
    )  # fmt: skip
    list_select_related = ("service", "country", "customer")
    search_fields = ("phone",)
    search_help_text = "Number, uuid, phone, or customer"
    sortable_by = ()
    ordering = ("-id",)
    change_form_outer_before_template = "saldo/activation_story.html"
    fieldsets = (
        (
            "Order",
            {"fields": ("shown_status", "service", "shown_country", "shown_offer", "provider", "mode", "settlement")},
        ),
        ("Whose", {"fields": ("shown_customer", "shown_wallet", "credential", "idempotency_key", "uuid")}),
        ("Asked for", {"fields": ("area_code", "carrier", "multiple_sms", "ttl_seconds")}),
        ("Clock", {"fields": ("created", "started", "expires", "received", "closed", "due", "attempts")}),
    )
    actions_detail = ("cancel_it", "ask_again", "refund_it")

    def search(self, term: str) -> Q:
        if phone := phone_in(term):
            number = finding.number_in(term)
            return Q(phone=phone) | (Q(pk=number) if number is not None else Q(pk__in=()))
        if finding.number_in(term) is not None or finding.uuid_in(term):
            return finding.by_number_or_uuid(term)
        return Q(customer_id__in=finding.customer_ids(term))

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        activation = self.get_object(request, str(object_id))
        told = {}
        if isinstance(activation, Activation) and self.has_view_permission(request, activation):
            told = {
                "story": timeline.story(activation),
                "account": timeline.account(activation),
                "story_links": timeline.links(activation),
            }
        return super().changeform_view(request, object_id, form_url, (extra_context or {}) | told)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        activation = self.get_object(request, str(object_id))
        if not isinstance(activation, Activation):
            return []
        fitting = {
            "cancel_it": activation.status in {Status.WAITING, Status.CLOSING},
            "ask_again": activation.status in UNDECIDED,
            "refund_it": activation.status in Activation.EARNED and activation.charge_id is not None,
        }
        offered = super().get_actions_detail(request, object_id)
        return [each for each in offered if fitting[each.action_name.partition("activations_activation_")[2]]]

    @display(description="Order")
    def number(self, row: Activation) -> str:
        return f"#{row.pk}"

    @display(description="Status")
    def shown_status(self, row: Activation) -> str:
        return badge(row.get_status_display(), TONES[row.status])

    @display(description="Country")
    def shown_country(self, row: Activation) -> str:
        return row.country.name

    @display(description="Customer")
    def shown_customer(self, row: Activation) -> str:
        return link(page_of("wallets_customer", row.customer_id), row.customer)

    @display(description="Wallet")
    def shown_wallet(self, row: Activation) -> str:
        return link(page_of("wallets_wallet", row.wallet_id), f"#{row.wallet_id}")

    @display(description="Offer")
    def shown_offer(self, row: Activation) -> str:
        return link(page_of("catalog_offer", row.offer_id), row.offer)

    @display(description="Price")
    def price_money(self, row: Activation) -> str:
        return money(row.price, row.currency)

    @display(description="Age")
    def age(self, row: Activation) -> str:
        return span(timezone.now() - row.created_at)

    @display(description="Note", empty_value="")
    def notes(self, row: Activation) -> str | None:
        if row.needs_staff:
            return badge("Needs staff", "danger")
        return badge({"test": "Test", "dryrun": "Dry run"}.get(row.mode, ""), "info") or None

    @display(description="Requested")
    def created(self, row: Activation) -> str:
        return moment(row.created_at)

    @display(description="Number given")
    def started(self, row: Activation) -> str:
        return moment(row.started_at)

    @display(description="Expires")
    def expires(self, row: Activation) -> str:
        return moment(row.expires_at)

    @display(description="First SMS")
    def received(self, row: Activation) -> str:
        return moment(row.received_at)

    @display(description="Closed")
    def closed(self, row: Activation) -> str:
        return moment(row.closed_at)

    @display(description="Next look")
    def due(self, row: Activation) -> str:
        return moment(row.due_at)

    @dialog(
        "Cancel", OrderDialog, submit="Cancel the order", icon="cancel", variant=ActionVariant.DANGER,
        explain="The provider is asked a last time; without an SMS the number and the money go back.",
    )  # fmt: skip
    def cancel_it(self, request: HttpRequest, form: OrderDialog, row: Activation) -> str:
        was = row.status
        now = cancel(activation=row, actor=staff(request))
        if now.status != was:
            self.log_change(request, row, f"Canceled ({now.status}): {form.cleaned_data['reason']}")
        return f"{row} is {now.get_status_display().lower()}."

    @dialog(
        "Ask the provider again", OrderDialog, submit="Ask", icon="refresh",
        explain="A number it gave goes on, a certain no gives the money back, silence changes nothing.",
    )  # fmt: skip
    def ask_again(self, request: HttpRequest, form: OrderDialog, row: Activation) -> str:
        now = resolve(row)
        self.log_change(request, row, f"Asked the provider ({now.status}): {form.cleaned_data['reason']}")
        return f"{row} is {now.get_status_display().lower()}."

    def has_refund_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_act_permission(request) and request.user.has_perm("wallets.change_transaction")

    @dialog(
        "Refund", RefundDialog, submit="Refund", icon="undo", permission="refund",
        explain="An SMS came and was paid for. What you give back goes to the wallet as a new transaction.",
    )  # fmt: skip
    def refund_it(self, request: HttpRequest, form: RefundDialog, row: Activation) -> str:
        if row.charge is None:
            raise NothingTaken
        charge: Transaction = row.charge
        reference = f"activation:{row.pk}:staff-refund:{form.cleaned_data['nonce']}"
        posted = once(
            row.wallet_id,
            reference,
            lambda: refund(
                original=charge, amount=form.cleaned_data["amount"], reference=reference, kind="sms_refund",
                description=f"Refund for {charge.description}", actor=staff(request),
            ),
            lambda done: self.log_change(
                request, row, f"Refunded {in_words(done.amount, done.currency)}: {form.cleaned_data['reason']}"
            ),
        )  # fmt: skip
        return f"{in_words(posted.amount, posted.currency)} given back."
