"""The back office as one thing: its look, its menu, and how the apps' pages find each other.

Apps below never import apps above; where a page below speaks of something above, it is named here by its address.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

# The first word of a ledger reference, and the page of the order it names.
ORDER_PAGES = {
    "activation": "activations_activation",
    "smm": "activations_smmorder",
    "subscription": "activations_subscription",
    "message": "notifications_message",
    "chunk": "notifications_chunk",
}
# Functions (hold) → the open order it pays for in words, or "".
OPEN_ORDERS = ["activations.admin.finding.open_order_of", "notifications.admin.finding.open_order_of"]
# Functions (term) → numbers of customers, for the search box of the customers' list.
CUSTOMER_FINDERS = [
    "activations.admin.finding.customers_by_phone",
    "notifications.admin.finding.customers_by_recipient",
]
# What a customer's page leads to: title, page, the parameter that filters by customer.
CUSTOMER_LISTS = (
    ("Transactions", "wallets_transaction", "customer"),
    ("Holds", "wallets_hold", "customer"),
    ("Activations", "activations_activation", "customer"),
    ("SMM orders", "activations_smmorder", "customer"),
    ("Monthly numbers", "activations_subscription", "customer"),
    ("Sendings", "notifications_sending", "customer"),
    ("Messages", "notifications_message", "customer"),
    ("Templates", "notifications_templateversion", "customer"),
    ("Suppressions", "notifications_suppression", "customer"),
    ("Webhooks", "notifications_webhookendpoint", "customer"),
    ("API keys", "apikeys_apikey", "customer__id__exact"),
    ("API passwords", "apikeys_apipassword", "customer__id__exact"),
    ("Client credentials", "apikeys_clientcredential", "customer__id__exact"),
    ("Own prices", "catalog_price", "customer__id__exact"),
    ("Low balances", "wallets_lowbalancealert", "customer"),
    ("Events", "wallets_event", "customer"),
)

LATE_CASES = "?case=open"
TO_APPROVE = "?status__exact=submitted"
TO_DECIDE = "?status__exact=requested"
GIVEN_UP = "?standing=given-up"
CONTRADICTING = "?effect__exact=contradicts"

Permission = Callable[[HttpRequest], bool]


def may(page: str) -> Permission:
    """May this person open a page (`wallets_wallet`)? Also False where no such page exists."""
    app, model = page.split("_", 1)

    def allowed(request: HttpRequest) -> bool:
        rights = (f"{app}.view_{model}", f"{app}.change_{model}")
        return bool(address(page)) and any(request.user.has_perm(right) for right in rights)

    return allowed


def address(page: str, query: str = "") -> str:
    try:
        return reverse(f"admin:{page}_changelist") + query
    except NoReverseMatch:
        return ""


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


def group(title: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "separator": False, "collapsible": False, "items": list(items)}


def trial_balance() -> dict[str, Any]:
    return {
        "title": "Trial balance",
        "icon": "balance",
        "link": lambda request: reverse("admin:wallets_trial_balance"),
        "permission": may("wallets_account"),
        "active": lambda request: request.path.endswith("/trial-balance/"),
    }


def menu(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar. Groups of which this person may open nothing are left out."""
    groups = [
        group(
            "",
            {"title": "Today", "icon": "monitoring", "link": lambda request: reverse("admin:index")},
            item("Customers", "groups", "wallets_customer"),
        ),
        group(
            "Money",
            item("Wallets", "account_balance_wallet", "wallets_wallet"),
            item("Transactions", "receipt_long", "wallets_transaction"),
            item("Holds", "lock_clock", "wallets_hold"),
            item("Low balances", "notifications_active", "wallets_lowbalancealert"),
            item("Exchange rates", "currency_exchange", "wallets_exchangerate"),
            trial_balance(),
            item("Accounts", "account_tree", "wallets_account"),
            item("Entries", "list_alt", "wallets_entry"),
        ),
        group(
            "Activations",
            item("Activations", "sim_card", "activations_activation"),
            item("Monthly numbers", "calendar_month", "activations_subscription"),
            item("Messages", "sms", "activations_inboundmessage", but=LATE_CASES),
            item(
                "Late cases", "schedule", "activations_inboundmessage", LATE_CASES,
                badge=import_string("activations.admin.queues.late_cases")(request), badge_variant="warning",
            ),
            item("Pool numbers", "dialpad", "activations_poolnumber"),
            item("Sandbox numbers", "toys", "activations_sandboxnumber"),
        ),
        group(
            "SMM",
            item("Orders", "trending_up", "activations_smmorder"),
            item("Services", "thumb_up", "catalog_smmservice"),
        ),
        group(
            "Notifications",
            item("Sendings", "campaign", "notifications_sending"),
            item("Messages", "chat", "notifications_message"),
            item("Templates", "description", "notifications_templateversion", but=TO_APPROVE),
            item(
                "Templates to approve", "fact_check", "notifications_templateversion", TO_APPROVE,
                badge=import_string("notifications.admin.finding.template_badge")(request), badge_variant="warning",
            ),
            item("Senders", "contact_phone", "notifications_sender", but=TO_DECIDE),
            item(
                "Senders to approve", "how_to_reg", "notifications_sender", TO_DECIDE,
                badge=import_string("notifications.admin.finding.sender_badge")(request), badge_variant="warning",
            ),
            item("Routes", "alt_route", "notifications_route"),
            item("Suppressions", "do_not_disturb_on", "notifications_suppression"),
            item("Delivery reports", "mark_chat_read", "notifications_deliveryreport", but=CONTRADICTING),
            item(
                "Contradicting reports", "report", "notifications_deliveryreport", CONTRADICTING,
                badge=import_string("notifications.admin.finding.contradiction_badge")(request),
                badge_variant="warning",
            ),
            item("Webhook endpoints", "webhook", "notifications_webhookendpoint", but=GIVEN_UP),
            item(
                "Webhooks given up", "link_off", "notifications_webhookendpoint", GIVEN_UP,
                badge=import_string("notifications.admin.finding.webhook_badge")(request), badge_variant="warning",
            ),
            item("Webhook deliveries", "outgoing_mail", "notifications_webhookdelivery"),
            item("Sandbox messages", "toys", "notifications_sandboxmessage"),
        ),
        group(
            "Catalogue",
            item("Offers", "sell", "catalog_offer"),
            item("Monthly numbers", "event_repeat", "catalog_monthlynumberplan"),
            item("Notifications", "chat_paste_go", "catalog_notificationproduct"),
            item("SMS rates", "sms", "catalog_smsdestination"),
            item("Rate sheets", "upload_file", "catalog_ratesheet"),
            item("Prices", "payments", "catalog_price"),
            item("Price lists", "price_change", "catalog_pricelist"),
            item("Markup rules", "percent", "catalog_markuprule"),
            item("Customers' lists", "loyalty", "catalog_customerpricing"),
            item("Services", "apps", "catalog_service"),
            item("Countries", "public", "catalog_country"),
            item("Operators", "cell_tower", "catalog_operator"),
        ),
        group(
            "Access",
            item("API keys", "key", "apikeys_apikey"),
            item("API passwords", "password", "apikeys_apipassword"),
            item("Client credentials", "vpn_key", "apikeys_clientcredential"),
            item("Users", "person", "apikeys_user"),
            item("Groups", "badge", "auth_group"),
        ),
        group(
            "House",
            item("Scheduled work", "timer", "wallets_tick"),
            item("Events", "outbox", "wallets_event"),
            item("Staff log", "history_edu", "admin_logentry"),
        ),
    ]  # fmt: skip
    return [each for each in groups if any(line.get("permission", _anybody)(request) for line in each["items"])]


def _anybody(request: HttpRequest) -> bool:
    return True


def environment(request: HttpRequest) -> list[str] | None:
    """A badge in every page's corner where nothing is real."""
    from django.conf import settings

    return None if settings.PRODUCTION else [settings.SALDO_ENV.capitalize(), "warning"]


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Saldo",
    "SITE_HEADER": "Saldo",
    "SITE_SUBHEADER": "Back office",
    "SITE_URL": "/api/docs",
    "SITE_ICON": lambda request: static("saldo/mark.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("saldo/mark.svg")},
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "ENVIRONMENT": "config.admin.environment",
    "DASHBOARD_CALLBACK": "activations.admin.dashboard.dashboard",
    "STYLES": [lambda request: static("saldo/admin.css")],
    "LOGIN": {"image": lambda request: static("saldo/login.svg")},
    "BORDER_RADIUS": "8px",
    "COLORS": {
        "primary": {
            "50": "oklch(97.9% .016 183)",
            "100": "oklch(94.8% .040 182)",
            "200": "oklch(89.9% .075 181)",
            "300": "oklch(83.0% .105 181)",
            "400": "oklch(73.5% .115 182)",
            "500": "oklch(63.0% .105 184)",
            "600": "oklch(52.5% .090 186)",
            "700": "oklch(44.5% .076 188)",
            "800": "oklch(37.5% .063 189)",
            "900": "oklch(32.0% .052 190)",
            "950": "oklch(22.5% .040 191)",
        },
    },
    "SIDEBAR": {
        "show_search": True,
        "command_search": False,
        "show_all_applications": False,
        "navigation": menu,
    },
}
