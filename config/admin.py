"""The back office as one thing: its look, its menu, and how the apps' pages find each other.

Apps below never import apps above; where a page below speaks of something above, it is named here by its address.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse

# The first word of a ledger reference, and the page of the order it names.
ORDER_PAGES = {
    "activation": "activations_activation",
    "smm": "activations_smmorder",
    "subscription": "activations_subscription",
    "message": "notifications_message",
    "chunk": "notifications_chunk",
}
# How the public ids of each kind of credential begin, and the list they are found in. The last takes all others.
CREDENTIAL_LISTS = (
    ("sgk_", "apikeys_apikey"),
    ("sgcid_", "apikeys_clientcredential"),
    ("", "apikeys_apipassword"),
)
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
        "navigation": "config.menu.menu",
    },
}
