"""Past low-balance alerts: what was told to whom, and when."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from unfold.decorators import display

from config.admin import address
from wallets.admin import finding
from wallets.admin.filters import CustomerByWalletFilter, DayFilter, WalletFilter
from wallets.admin.look import NOTHING, badge, link, moment, money, page_of, wallet_link
from wallets.admin.pages import ReadOnlyPage
from wallets.models import Event, LowBalanceAlert, Wallet


@admin.register(LowBalanceAlert)
class LowBalanceAlertAdmin(ReadOnlyPage):
    list_display = (
        "number", "created", "shown_customer", "shown_wallet", "level_money", "available_money", "mail",
    )  # fmt: skip
    list_display_links = ("number",)
    list_filter = (CustomerByWalletFilter, WalletFilter, ("created_at", DayFilter))
    list_select_related = ("wallet__customer",)
    search_fields = ("mailed_to",)
    search_help_text = "Customer's name, e-mail or uuid, or an alert's number or uuid"
    sortable_by = ()
    ordering = ("-id",)
    fieldsets = (
        ("Alert", {"fields": ("created", "shown_customer", "shown_wallet", "level_money", "available_money")}),
        ("Told", {"fields": ("mail", "mailed", "attempts", "next_try", "event", "webhooks")}),
        ("Facts", {"fields": ("uuid",)}),
    )

    def search(self, term: str) -> Q:
        wallets = Wallet.objects.filter(customer_id__in=finding.customer_ids(term))
        return finding.by_number_or_uuid(term) | Q(wallet_id__in=wallets.values("pk"))

    @display(description="Alert")
    def number(self, alert: LowBalanceAlert) -> str:
        return f"#{alert.pk}"

    @display(description="When")
    def created(self, alert: LowBalanceAlert) -> str:
        return moment(alert.created_at)

    @display(description="Customer")
    def shown_customer(self, alert: LowBalanceAlert) -> str:
        return link(page_of("wallets_customer", alert.wallet.customer_id), alert.wallet.customer)

    @display(description="Wallet")
    def shown_wallet(self, alert: LowBalanceAlert) -> str:
        return wallet_link(alert.wallet_id, alert.wallet.currency)

    @display(description="Fell below")
    def level_money(self, alert: LowBalanceAlert) -> str:
        return money(alert.level, alert.wallet.currency)

    @display(description="Available then")
    def available_money(self, alert: LowBalanceAlert) -> str:
        return money(alert.available, alert.wallet.currency)

    @display(description="E-mail")
    def mail(self, alert: LowBalanceAlert) -> str:
        if alert.mailed_at is not None:
            return f"to {alert.mailed_to}" if alert.mailed_to else "sent"
        if alert.due_at is not None:
            return badge("Waiting" if alert.attempts == 0 else "Failed, is tried again", "warning")
        return badge("Given up", "danger") if alert.attempts else "no address"

    @display(description="Mailed")
    def mailed(self, alert: LowBalanceAlert) -> str:
        return moment(alert.mailed_at)

    @display(description="Next try")
    def next_try(self, alert: LowBalanceAlert) -> str:
        return moment(alert.due_at)

    @display(description="Event")
    def event(self, alert: LowBalanceAlert) -> str:
        told = event_of(alert)
        return link(page_of("wallets_event", told.pk), f"#{told.pk}") if told else NOTHING

    @display(description="Webhooks")
    def webhooks(self, alert: LowBalanceAlert) -> str:
        told = event_of(alert)
        found = address("notifications_webhookdelivery", f"?q=msg_{told.uuid.hex}") if told else ""
        return link(found, "Deliveries of this event") if found else NOTHING


def event_of(alert: LowBalanceAlert) -> Event | None:
    """What webhooks were told of it."""
    said: dict[str, Any] = {"object_type": "wallet", "object_id": alert.wallet_id, "kind": "wallet.low_balance"}
    return Event.objects.filter(**said, payload__alert_id=str(alert.uuid)).first()
