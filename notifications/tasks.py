"""Ticks: each looks at what is due now, and may run twice at once."""

from notifications import services
from notifications.services import webhooks
from notifications.services.sandbox import deliver_due_reports


def dispatch_messages() -> int:
    """Hand waiting messages to their providers; returns how many were looked at."""
    return services.dispatch_due()


def settle_due_messages() -> int:
    """Resolve unknown calls, ask for missing reports and costs, expire; returns how many were looked at."""
    return services.settle_due()


def finish_canceling() -> int:
    """Go on with sendings that are being canceled; returns with how many."""
    return services.finish_canceling()


def settle_chunks() -> int:
    """Capture, release and refund what sendings' messages say; returns how many chunks were settled."""
    return services.settle_chunks()


def deliver_sandbox_reports() -> int:
    """Let due sandbox reports go out."""
    return deliver_due_reports()


def ask_about_templates() -> int:
    """Follow what providers decide about templates."""
    return services.ask_providers()


def erase_old_texts() -> int:
    """Erase texts past their retention."""
    return services.erase_texts()


def tidy_webhooks() -> int:
    """Keep the log of webhooks short, and tell customers of endpoints that were given up."""
    return webhooks.tidy() + webhooks.tell_of_disabled()
