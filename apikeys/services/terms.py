"""What a key may be: every rule about its terms, in one place for the API, the admin and the demo."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypedDict

from django.utils import timezone

from apikeys.models import Mode, Scope
from apikeys.services import addresses
from config.errors import InvalidInput

MAX_NAME = 100
MAX_NETWORKS = 100
MAX_RATE = 1_000_000


class Terms(TypedDict):
    name: str
    mode: str
    scopes: list[str]
    expires_at: datetime | None
    allowed_ips: list[str]
    rate_limit_per_minute: int | None


def check_terms(
    *,
    name: str,
    mode: str,
    scopes: Iterable[str] | None,
    expires_at: datetime | None,
    allowed_ips: Iterable[str],
    rate_limit_per_minute: int | None,
    was_expiring_at: datetime | None = None,
) -> Terms:
    """The terms as they are stored: no scopes means all, networks are written canonically.

    An expiry may lie in the past only where it is left as it was. Raises InvalidInput, per field.
    """
    errors: dict[str, list[str]] = {}
    chosen = _scopes(scopes, errors)
    networks = _networks(list(allowed_ips), errors)
    if not name.strip() or len(name) > MAX_NAME:
        errors["name"] = [f"A name has 1 to {MAX_NAME} characters."]
    if mode not in Mode.values:
        errors["mode"] = [f"The mode is one of {', '.join(Mode.values)}."]
    if expires_at is not None and expires_at != was_expiring_at and expires_at <= timezone.now():
        errors["expires_at"] = ["The expiry must lie in the future."]
    if rate_limit_per_minute is not None and not 1 <= rate_limit_per_minute <= MAX_RATE:
        errors["rate_limit_per_minute"] = [f"A rate limit lies between 1 and {MAX_RATE}."]
    if errors:
        raise InvalidInput(errors)
    return Terms(
        name=name, mode=mode, scopes=chosen, expires_at=expires_at, allowed_ips=networks,
        rate_limit_per_minute=rate_limit_per_minute,
    )  # fmt: skip


def _scopes(scopes: Iterable[str] | None, errors: dict[str, list[str]]) -> list[str]:
    if scopes is None:
        return list(Scope.values)
    wanted = set(scopes)
    if not wanted or not wanted <= set(Scope.values):
        errors["scopes"] = [f"Scopes are one or more of {', '.join(Scope.values)}."]
    return [scope for scope in Scope.values if scope in wanted]


def _networks(texts: list[str], errors: dict[str, list[str]]) -> list[str]:
    try:
        networks = [addresses.canonical_network(text) for text in texts]
    except ValueError:
        errors["allowed_ips"] = ["Give addresses or networks, like 203.0.113.7 or 203.0.113.0/24."]
        return []
    if len(networks) > MAX_NETWORKS:
        errors["allowed_ips"] = [f"At most {MAX_NETWORKS} networks."]
    return list(dict.fromkeys(networks))
