"""The app's ticks: no arguments, safe to run twice at once."""

from apikeys.services import expiring, idempotency, throttles, tokens


def erase_expired() -> None:
    """Erase idempotent answers after their day, counted windows that are over, expired dashboard tokens."""
    idempotency.erase_expired()
    throttles.erase_ended()
    tokens.erase_expired()


def tell_of_expiring_keys() -> int:
    """Tell customers of keys that expire within a week."""
    return expiring.tell_of_expiring_keys()
