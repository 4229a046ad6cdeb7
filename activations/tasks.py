"""Ticks: each looks at what is due now, and may run twice at once."""

from django.conf import settings

from activations.services import erase_texts, look_at_due, smm, subscriptions
from activations.services.sandbox import deliver_due_texts


def settle_due_activations() -> int:
    """Expire, close and resolve what is due; returns how many were looked at."""
    return look_at_due()


def deliver_sandbox_texts() -> int:
    """Let due sandbox SMS arrive."""
    return deliver_due_texts()


def erase_old_texts() -> int:
    """Erase texts past their retention."""
    return erase_texts()


def settle_smm_orders() -> int:
    """Find out about SMM orders nobody answered for, and how running ones stand; returns how many were looked at."""
    return smm.look_at_due() + smm.poll_due()


def sync_smm_services() -> str:
    """Follow the panel's list of services, where there is a panel; what changed, in words."""
    return str(smm.sync_services()) if settings.SMM_PANEL_URL else ""


def renew_due_subscriptions() -> int:
    """Renew, keep in grace or end what is due; returns how many were looked at."""
    return subscriptions.renew_due()


def settle_subscription_numbers() -> int:
    """Ask providers about open orders, give ended subscriptions' numbers back."""
    return subscriptions.settle_numbers()
