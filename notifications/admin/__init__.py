"""The back office's pages of messages: approval queues, each message's story, reports."""

from notifications.admin import (
    messages,
    prices,
    reports,
    routes,
    sandbox,
    senders,
    sendings,
    suppressions,
    templates,
    webhook_deliveries,
    webhooks,
)

__all__ = [
    "messages",
    "prices",
    "reports",
    "routes",
    "sandbox",
    "senders",
    "sendings",
    "suppressions",
    "templates",
    "webhook_deliveries",
    "webhooks",
]
