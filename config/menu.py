"""The back office's sidebar: what staff find where. A line's title is its page's."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.module_loading import import_string

from config.admin import CONTRADICTING, GIVEN_UP, LATE_CASES, TO_APPROVE, TO_DECIDE, address, may

Group = dict[str, Any]


def item(title: str, icon: str, page: str, query: str = "", *, but: str = "", **options: Any) -> dict[str, Any]:
    """A line of the menu: a list, or a list narrowed by `query`. `but` is the query of another line of that list."""

    def active(request: HttpRequest) -> bool:
        here = bool(address(page)) and request.path.startswith(address(page))
        here = here and not request.path.endswith("/trial-balance/")
        asked = f"?{request.GET.urlencode()}"
        return here and (asked == query if query else asked != but)

    return {
        "title": title,
        "icon": icon,
        "link": lambda request: address(page, query),
        "permission": may(page),
        "active": active,
        **options,
    }


def group(title: str, *items: dict[str, Any]) -> Group:
    return {"title": title, "separator": False, "collapsible": False, "items": list(items)}


def trial_balance() -> dict[str, Any]:
    return {
        "title": "Trial balance",
        "icon": "balance",
        "link": lambda request: reverse("admin:wallets_trial_balance"),
        "permission": may("wallets_account"),
        "active": lambda request: request.path.endswith("/trial-balance/"),
    }


def first(request: HttpRequest) -> Group:
    return group(
        "",
        {"title": "Today", "icon": "monitoring", "link": lambda request: reverse("admin:index")},
        item("Customers", "groups", "wallets_customer"),
    )


def money(request: HttpRequest) -> Group:
    return group(
        "Money",
        item("Wallets", "account_balance_wallet", "wallets_wallet"),
        item("Transactions", "receipt_long", "wallets_transaction"),
        item("Holds", "lock_clock", "wallets_hold"),
        item("Low balances", "notifications_active", "wallets_lowbalancealert"),
        item("Exchange rates", "currency_exchange", "wallets_exchangerate"),
        trial_balance(),
        item("Accounts", "account_tree", "wallets_account"),
        item("Entries", "list_alt", "wallets_entry"),
    )


def activations(request: HttpRequest) -> Group:
    late = counted("activations.admin.queues.late_cases", request)
    return group(
        "Activations",
        item("Activations", "sim_card", "activations_activation"),
        item("Subscriptions", "calendar_month", "activations_subscription"),
        item("Received SMS", "sms", "activations_inboundmessage", but=LATE_CASES),
        item("Late cases", "schedule", "activations_inboundmessage", LATE_CASES, **late),
        item("Pool numbers", "dialpad", "activations_poolnumber"),
        item("Sandbox numbers", "toys", "activations_sandboxnumber"),
    )


def smm(request: HttpRequest) -> Group:
    return group(
        "SMM",
        item("SMM orders", "trending_up", "activations_smmorder"),
        item("SMM services", "thumb_up", "catalog_smmservice"),
    )


def notifications(request: HttpRequest) -> Group:
    def waiting(badge: str) -> dict[str, Any]:
        return counted(f"notifications.admin.finding.{badge}", request)

    versions, senders, reports = (
        "notifications_templateversion", "notifications_sender", "notifications_deliveryreport"
    )  # fmt: skip
    return group(
        "Notifications",
        item("Sendings", "campaign", "notifications_sending"),
        item("Messages", "chat", "notifications_message"),
        item("Templates", "description", versions, but=TO_APPROVE),
        item("Templates to approve", "fact_check", versions, TO_APPROVE, **waiting("template_badge")),
        item("Senders", "contact_phone", senders, but=TO_DECIDE),
        item("Senders to approve", "how_to_reg", senders, TO_DECIDE, **waiting("sender_badge")),
        item("Routes", "alt_route", "notifications_route"),
        item("Suppressions", "do_not_disturb_on", "notifications_suppression"),
        item("Delivery reports", "mark_chat_read", reports, but=CONTRADICTING),
        item("Contradicting reports", "report", reports, CONTRADICTING, **waiting("contradiction_badge")),
        item("Sandbox messages", "toys", "notifications_sandboxmessage"),
    )


def webhooks(request: HttpRequest) -> Group:
    given_up = counted("notifications.admin.finding.webhook_badge", request)
    return group(
        "Webhooks",
        item("Endpoints", "webhook", "notifications_webhookendpoint", but=GIVEN_UP),
        item("Given up", "link_off", "notifications_webhookendpoint", GIVEN_UP, **given_up),
        item("Deliveries", "outgoing_mail", "notifications_webhookdelivery"),
        item("Events", "outbox", "wallets_event"),
    )


def catalogue(request: HttpRequest) -> Group:
    return group(
        "Catalogue",
        item("Offers", "sell", "catalog_offer"),
        item("Monthly number plans", "event_repeat", "catalog_monthlynumberplan"),
        item("Notification products", "chat_paste_go", "catalog_notificationproduct"),
        item("SMS destinations", "sms", "catalog_smsdestination"),
        item("Rate sheets", "upload_file", "catalog_ratesheet"),
        item("Prices", "payments", "catalog_price"),
        item("Price lists", "price_change", "catalog_pricelist"),
        item("Markup rules", "percent", "catalog_markuprule"),
        item("Customer pricing", "loyalty", "catalog_customerpricing"),
        item("Services", "apps", "catalog_service"),
        item("Countries", "public", "catalog_country"),
        item("Operators", "cell_tower", "catalog_operator"),
    )


def access(request: HttpRequest) -> Group:
    return group(
        "Access",
        item("API keys", "key", "apikeys_apikey"),
        item("API passwords", "password", "apikeys_apipassword"),
        item("Client credentials", "vpn_key", "apikeys_clientcredential"),
        item("Users", "person", "apikeys_user"),
        item("Groups", "badge", "auth_group"),
    )


def house(request: HttpRequest) -> Group:
    return group(
        "House",
        item("Scheduled work", "timer", "wallets_tick"),
        item("Staff log", "history_edu", "admin_logentry"),
    )


GROUPS = (first, money, activations, smm, notifications, webhooks, catalogue, access, house)


def menu(request: HttpRequest) -> list[Group]:
    """The sidebar. Groups of which this person may open nothing are left out."""
    groups = [each(request) for each in GROUPS]
    return [each for each in groups if any(line.get("permission", _anybody)(request) for line in each["items"])]


def counted(path: str, request: HttpRequest) -> dict[str, Any]:
    """What stands beside a line: how much of it waits for somebody."""
    return {"badge": import_string(path)(request), "badge_variant": "warning"}


def _anybody(request: HttpRequest) -> bool:
    return True
