"""Who may come in: people, their customers, keys, passwords, and what counts and remembers their requests."""

from apikeys.models.client import ClientCredential
from apikeys.models.idempotency import IdempotencyKey
from apikeys.models.key import ApiKey, Mode, Scope
from apikeys.models.password import ApiPassword
from apikeys.models.throttle import ThrottleWindow
from apikeys.models.user import Membership, User

__all__ = [
    "ApiKey",
    "ApiPassword",
    "ClientCredential",
    "IdempotencyKey",
    "Membership",
    "Mode",
    "Scope",
    "ThrottleWindow",
    "User",
]
