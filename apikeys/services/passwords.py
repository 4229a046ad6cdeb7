"""API passwords: issue, rotate, revoke, and tell who knocks with one."""

import hmac
import re
from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from apikeys.errors import InvalidCredential
from apikeys.models import ApiPassword, Mode, Scope
from apikeys.services import keys, secret
from apikeys.services.credentials import Credential
from config.errors import InvalidInput
from wallets.models import Customer, Wallet

USE_RESOLUTION = timedelta(minutes=1)
USERNAME = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._@-]{2,31}\Z")
SCOPES = frozenset({str(Scope.READ), str(Scope.MESSAGES)})

log = structlog.get_logger(__name__)


def issue_password(
    *,
    customer: Customer,
    username: str,
    actor: str,
    wallet: Wallet | None = None,
    currency: str | None = None,
    mode: str = Mode.LIVE,
) -> tuple[ApiPassword, str]:
    """Make an API password for a customer; return it with the plain password, which is stored nowhere.

    It spends from `wallet`, or the customer's wallet in `currency`, or the default one. A username belongs to
    one password for ever. Raises InvalidInput, per field.
    """
    check_username(username)
    if mode not in Mode.values:
        raise InvalidInput({"mode": [f"The mode is one of {', '.join(Mode.values)}."]})
    chosen = keys.wallet_for(customer, wallet, currency)
    made = ApiPassword(customer=customer, wallet=chosen, username=username, mode=mode, created_by=actor[:80])
    plain = _renew(made)
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        raise InvalidInput({"username": ["This username is taken."]}) from None
    log.info("API password issued", username=username, customer=customer.pk, actor=actor)
    return made, plain


@transaction.atomic
def rotate_password(*, password: ApiPassword, actor: str) -> tuple[ApiPassword, str]:
    """Replace the secret at once: the old one is refused from now on. Each call makes another.

    Raises InvalidInput where it is revoked.
    """
    locked = ApiPassword.objects.select_for_update().get(pk=password.pk)
    if locked.revoked_at is not None:
        raise InvalidInput({"username": ["This API password is revoked."]})
    plain = _renew(locked)
    locked.rotated_at = timezone.now()
    locked.save(update_fields=["digest", "pepper_version", "rotated_at"])
    log.info("API password rotated", username=locked.username, actor=actor)
    return locked, plain


def revoke_password(*, password: ApiPassword, actor: str) -> ApiPassword:
    """End it at once and for ever. Revoking it again keeps the first moment."""
    if ApiPassword.objects.filter(pk=password.pk, revoked_at=None).update(revoked_at=timezone.now()):
        log.info("API password revoked", username=password.username, actor=actor)
    password.refresh_from_db(fields=["revoked_at"])
    return password


def authenticate(username: str, password: str) -> Credential:
    """Tell whose username and password this is; may read and send messages, nothing else.

    Costs one SELECT, and at most once a minute an UPDATE of `last_used_at`. Raises
    InvalidCredential, the same for every cause.
    """
    # As long for an unknown username: the secret is hashed first.
    candidates = secret.digests(password)
    found = _look_up(username) if USERNAME.match(username) else None
    if found is None or not any(hmac.compare_digest(found.digest, candidate) for candidate in candidates):
        raise InvalidCredential
    if found.revoked_at is not None or found.customer.status == Customer.Status.CLOSED:
        raise InvalidCredential
    _note_use(found, timezone.now())
    return _credential(found)


def check_username(username: str) -> None:
    """Raises InvalidInput."""
    if not USERNAME.match(username):
        raise InvalidInput({"username": ["A username has 3 to 32 letters, digits or . _ @ -."]})


def _look_up(username: str) -> ApiPassword | None:
    # One whose wallet is somebody else's opens nothing, however it came to be.
    mine = ApiPassword.objects.filter(username=username, wallet__customer_id=F("customer_id"))
    return mine.select_related("customer", "wallet").first()


def _credential(found: ApiPassword) -> Credential:
    return Credential(
        key_id=found.pk,
        public_id=found.username,
        customer_id=found.customer_id,
        wallet_id=found.wallet_id,
        currency=found.wallet.currency,
        mode=found.mode,
        scopes=SCOPES,
        customer_status=found.customer.status,
        customer_rate_limit_per_minute=found.customer.rate_limit_per_minute,
        kind="password",
    )


def _renew(password: ApiPassword) -> str:
    """Give it a fresh secret, unsaved; returns the plain one."""
    plain = secret.new_password()
    password.pepper_version = secret.newest_pepper()
    password.digest = secret.digest(plain, password.pepper_version)
    return plain


def _note_use(found: ApiPassword, now: datetime) -> None:
    if found.last_used_at is not None and found.last_used_at > now - USE_RESOLUTION:
        return
    # The condition again: of many requests in the same moment one writes, the others find it done.
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_RESOLUTION)
    ApiPassword.objects.filter(stale, pk=found.pk).update(last_used_at=now)
