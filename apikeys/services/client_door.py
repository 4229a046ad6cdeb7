"""Telling who knocks with a client id and a token."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import structlog
from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from apikeys.errors import InvalidClient, MissingClient
from apikeys.models import ClientCredential
from apikeys.models.client import CLIENT_CURRENCY
from apikeys.services import addresses, secret
from apikeys.services.client_tokens import read_token
from apikeys.services.credentials import Credential
from config.encryption import Unreadable, decrypt, encrypt
from wallets.models import Customer

USE_RESOLUTION = timedelta(minutes=1)
LONGEST_ID = 32

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Found:
    """One joined row: all that a request has to know, without a model graph."""

    key_id: int
    client_id: str
    digest: str
    encrypted_app_key: str
    customer_id: int
    wallet_id: int
    currency: str
    mode: str
    test_phone: str
    test_email: str
    scopes: list[str]
    customer_status: str
    rate_limit_per_minute: int | None
    customer_rate_limit_per_minute: int | None
    allowed_ips: list[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def is_open(self, address: str, now: datetime) -> bool:
        """Whether its secret opens anything, from there and now."""
        return (
            self.revoked_at is None
            and self.customer_status != Customer.Status.CLOSED
            and (self.expires_at is None or self.expires_at > now)
            and addresses.is_allowed(address, self.allowed_ips)
        )

    def credential(self) -> Credential:
        return Credential(
            key_id=self.key_id, public_id=self.client_id, customer_id=self.customer_id, wallet_id=self.wallet_id,
            currency=self.currency, mode=self.mode, scopes=frozenset(self.scopes),
            customer_status=self.customer_status, rate_limit_per_minute=self.rate_limit_per_minute,
            customer_rate_limit_per_minute=self.customer_rate_limit_per_minute, kind="client",
            test_phone=self.test_phone, test_email=self.test_email,
        )  # fmt: skip


# In the order of _Found's fields.
COLUMNS = (
    "id", "client_id", "digest", "encrypted_app_key", "customer_id", "wallet_id", "wallet__currency", "mode",
    "test_phone", "test_email", "scopes", "customer__status", "rate_limit_per_minute",
    "customer__rate_limit_per_minute", "allowed_ips", "expires_at", "revoked_at", "last_used_at",
)  # fmt: skip


def authenticate_client(*, client_id: str | None, token: str | None, address: str) -> Credential:
    """Tell whose token this is; `address` is the client's.

    The same token may come again: it carries no moment. Costs one SELECT, and at most once a minute an
    UPDATE of `last_used_at`. Raises MissingClient where one of the two is not there, and for every other
    cause InvalidClient, in the same time whether the client, the token or the secret in it is wrong.
    """
    if not client_id or not token:
        raise MissingClient
    found, now = _look_up(client_id), timezone.now()
    stored = found or _nobody(tuple(settings.ENCRYPTION_KEYS))
    is_right = _is_secret_of(stored, read_token(_app_key(stored), token))
    if found is None or not is_right or not found.is_open(address, now):
        raise InvalidClient
    _note_use(found, now)
    return found.credential()


def _look_up(client_id: str) -> _Found | None:
    # What cannot be an id (a NUL, half a megabyte) is looked up too, as one that nobody has.
    asked = client_id if len(client_id) <= LONGEST_ID and client_id.isprintable() and client_id.isascii() else ""
    # One whose wallet is somebody else's, or in another currency, opens nothing, however it came to be.
    rows = ClientCredential.objects.filter(
        client_id=asked, wallet__customer_id=F("customer_id"), wallet__currency=CLIENT_CURRENCY
    ).order_by()
    return next((_Found(*row) for row in rows.values_list(*COLUMNS)), None)


def _app_key(found: _Found) -> str:
    try:
        return decrypt(found.encrypted_app_key)
    except Unreadable:
        log.error("an app secret key is unreadable: its encryption key is gone", client=found.client_id)
        return ""


def _is_secret_of(found: _Found, sent: str | None) -> bool:
    """Compared under every pepper, whatever the first comparison says, also where nothing was read."""
    candidates = secret.digests(sent or "")
    matches = [hmac.compare_digest(found.digest, candidate) for candidate in candidates]
    return sent is not None and any(matches)


@lru_cache(maxsize=1)
def _nobody(encryption_keys: tuple[str, ...]) -> _Found:
    """Stands in for an unknown client, so that its token is decrypted and its secret compared as for a known one."""
    return _Found(
        key_id=0, client_id="", digest=secrets.token_hex(32), encrypted_app_key=encrypt(secrets.token_hex(19)),
        customer_id=0, wallet_id=0, currency=CLIENT_CURRENCY, mode="", test_phone="", test_email="", scopes=[],
        customer_status="", rate_limit_per_minute=None, customer_rate_limit_per_minute=None, allowed_ips=[],
        expires_at=None, revoked_at=None, last_used_at=None,
    )  # fmt: skip


def _note_use(found: _Found, now: datetime) -> None:
    if found.last_used_at is not None and found.last_used_at > now - USE_RESOLUTION:
        return
    # The condition again: of many requests in the same moment one writes, the others find it done.
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_RESOLUTION)
    ClientCredential.objects.filter(stale, pk=found.key_id).update(last_used_at=now)
