"""Ticks: each looks at what is due now, and may run twice at once."""

from activations.services import erase_texts, look_at_due, subscriptions
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


def renew_due_subscriptions() -> int:
    """Renew, keep in grace or end what is due; returns how many were looked at."""
    return subscriptions.renew_due()


def settle_subscription_numbers() -> int:
    """Ask providers about open orders, give ended subscriptions' numbers back."""
    return subscriptions.settle_numbers()
