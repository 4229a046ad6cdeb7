"""API keys: issue, change, revoke, and tell who knocks with one."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from apikeys.errors import ExpiredApiKey, InvalidApiKey, MalformedApiKey, MissingApiKey
from apikeys.models import ApiKey, Mode
from apikeys.services import addresses, secret
from apikeys.services.credentials import Credential
from apikeys.services.signing import forget, keep_copy
from apikeys.services.terms import check_terms
from config.errors import InvalidInput
from wallets.models import Customer, SpendCap, Wallet
from wallets.services import set_spend_cap

USE_RESOLUTION = timedelta(minutes=1)
PREFIX_TRIES = 10

log = structlog.get_logger(__name__)


def issue_key(
    *,
    customer: Customer,
    name: str,
    actor: str,
    wallet: Wallet | None = None,
    currency: str | None = None,
    mode: str = Mode.LIVE,
    scopes: Iterable[str] | None = None,
    expires_at: datetime | None = None,
    allowed_ips: Iterable[str] = (),
    rate_limit_per_minute: int | None = None,
    daily_spend_cap: Decimal | None = None,
    monthly_spend_cap: Decimal | None = None,
    signs_webhooks: bool = False,
    is_generated: bool = False,
) -> tuple[ApiKey, str]:
    """Make a key for a customer; return it with the plain key, which is shown nowhere again.

    It spends from `wallet`, or the customer's wallet in `currency`, or the default one.
    Every scope unless `scopes` says which. Caps are in the wallet's currency. One that signs SMSGig webhooks keeps
    an encrypted copy of itself. Each call makes another key.
    Raises InvalidInput, per field.
    """
    terms = check_terms(
        name=name, mode=mode, scopes=scopes, expires_at=expires_at, allowed_ips=allowed_ips,
        rate_limit_per_minute=rate_limit_per_minute,
    )  # fmt: skip
    wallet = wallet_for(customer, wallet, currency)
    made = ApiKey(customer=customer, wallet=wallet, created_by=actor[:80], is_generated=is_generated, **terms)
    with transaction.atomic():
        key, plain = _insert(made)
        if signs_webhooks:
            keep_copy(key=key, plain=plain, actor=actor)
        set_spend_cap(credential=key.public_id, wallet=wallet, daily=daily_spend_cap, monthly=monthly_spend_cap)
    log.info("API key issued", key=key.public_id, customer=customer.pk, actor=actor)
    return key, plain


def change_key(
    *,
    key: ApiKey,
    actor: str,
    name: str,
    scopes: Iterable[str],
    expires_at: datetime | None,
    allowed_ips: Iterable[str],
    rate_limit_per_minute: int | None,
) -> ApiKey:
    """Give a key other terms. What it is (customer, wallet, mode) never changes.

    Repeating it changes nothing. Raises InvalidInput, per field.
    """
    terms = check_terms(
        name=name, mode=key.mode, scopes=scopes, expires_at=expires_at, allowed_ips=allowed_ips,
        rate_limit_per_minute=rate_limit_per_minute, was_expiring_at=key.expires_at,
    )  # fmt: skip
    for field, value in terms.items():
        setattr(key, field, value)
    key.save(update_fields=list(terms))
    log.info("API key changed", key=key.public_id, actor=actor)
    return key


def cap_key(*, key: ApiKey, actor: str, daily: Decimal | None, monthly: Decimal | None) -> SpendCap | None:
    """Cap what a key spends in a day and in a month (UTC); None is no cap. Raises InvalidInput, per field."""
    cap = set_spend_cap(credential=key.public_id, wallet=key.wallet, daily=daily, monthly=monthly)
    log.info("API key capped", key=key.public_id, actor=actor, daily=str(daily), monthly=str(monthly))
    return cap


@transaction.atomic
def revoke_key(*, key: ApiKey, actor: str) -> ApiKey:
    """End a key at once and for ever, with every copy that signs. Revoking it again keeps the first moment."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now(), signing_copy=""):
        log.info("API key revoked", key=key.public_id, actor=actor)
    forget(key)
    key.refresh_from_db(fields=["revoked_at", "signing_copy"])
    return key


def wallet_for(customer: Customer, wallet: Wallet | None, currency: str | None) -> Wallet:
    """The wallet a new key spends from: the one given, the one in `currency`, or the default. Raises InvalidInput."""
    if wallet is not None:
        if wallet.customer_id != customer.pk or currency not in {None, wallet.currency}:
            raise InvalidInput({"wallet": ["This wallet is not the customer's."]})
        return wallet
    named = Q(is_default=True) if currency is None else Q(currency=currency)
    found = Wallet.objects.filter(named, customer=customer).first()
    if found is None:
        says = "There is no default wallet." if currency is None else f"There is no wallet in {currency}."
        raise InvalidInput({"currency": [says]})
    return found


def authenticate(raw: str | None, address: str) -> Credential:
    """Tell whose key this is; `address` is the client's.

    Costs one SELECT, and at most once a minute an UPDATE of `last_used_at`; nothing at all
    for what cannot be a key. Raises MissingApiKey, and for every other cause InvalidApiKey
    (MalformedApiKey and ExpiredApiKey are kinds of it).
    """
    if not raw:
        raise MissingApiKey
    if not secret.is_well_formed(raw):
        raise MalformedApiKey
    found = _look_up(raw)
    now = timezone.now()
    if found is None or found.revoked_at is not None or found.customer_status == Customer.Status.CLOSED:
        raise InvalidApiKey
    if not addresses.is_allowed(address, found.allowed_ips):
        raise InvalidApiKey
    if found.expires_at is not None and found.expires_at <= now:
        raise ExpiredApiKey
    _note_use(found, now)
    return found.credential()


@dataclass(frozen=True, slots=True)
class _Found:
    """One joined row: all that a request has to know, without a model graph."""

    key_id: int
    digest: str
    key_prefix: str
    customer_id: int
    wallet_id: int
    currency: str
    mode: str
    scopes: list[str]
    customer_status: str
    rate_limit_per_minute: int | None
    customer_rate_limit_per_minute: int | None
    allowed_ips: list[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def credential(self) -> Credential:
        return Credential(
            key_id=self.key_id,
            public_id=self.key_prefix,
            customer_id=self.customer_id,
            wallet_id=self.wallet_id,
            currency=self.currency,
            mode=self.mode,
            scopes=frozenset(self.scopes),
            customer_status=self.customer_status,
            rate_limit_per_minute=self.rate_limit_per_minute,
            customer_rate_limit_per_minute=self.customer_rate_limit_per_minute,
        )


# In the order of _Found's fields. In SQL, since every request asks it and building it takes longer than answering it.
# A key whose wallet is somebody else's opens nothing, however it came to be.
LOOK_UP = """
SELECT k.id, k.digest, k.key_prefix, k.customer_id, k.wallet_id, w.currency, k.mode, k.scopes,
       c.status, k.rate_limit_per_minute, c.rate_limit_per_minute, k.allowed_ips,
       k.expires_at, k.revoked_at, k.last_used_at
  FROM apikeys_apikey k
  JOIN wallets_wallet w ON w.account_id = k.wallet_id AND w.customer_id = k.customer_id
  JOIN wallets_customer c ON c.id = k.customer_id
 WHERE k.digest = ANY(%s)
"""


def _look_up(raw: str) -> _Found | None:
    candidates = secret.digests(raw)
    with connection.cursor() as cursor:
        cursor.execute(LOOK_UP, [candidates])
        found = next((_Found(*row) for row in cursor.fetchall()), None)
    if found is None or not any(hmac.compare_digest(found.digest, candidate) for candidate in candidates):
        return None
    return found


def _note_use(found: _Found, now: datetime) -> None:
    if found.last_used_at is not None and found.last_used_at > now - USE_RESOLUTION:
        return
    # The condition again: of many requests in the same moment one writes, the others find it done.
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_RESOLUTION)
    ApiKey.objects.filter(stale, pk=found.key_id).update(last_used_at=now)


def _insert(key: ApiKey) -> tuple[ApiKey, str]:
    """Save with a fresh secret; another one where the prefix is already some key's name."""
    for attempt in range(PREFIX_TRIES):
        plain = secret.new_key()
        key.key_prefix = secret.prefix_of(plain)
        key.pepper_version = secret.newest_pepper()
        key.digest = secret.digest(plain, key.pepper_version)
        try:
            with transaction.atomic():
                key.save(force_insert=True)
        except IntegrityError:
            taken = ApiKey.objects.filter(key_prefix=key.key_prefix).exists()
            if not taken or attempt == PREFIX_TRIES - 1:
                raise
        else:
            return key, plain
    raise AssertionError("unreachable")
