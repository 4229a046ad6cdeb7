"""The key a customer generates over plainsms: at most one at a time, with an expiry, replaced in one step."""

from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apikeys.errors import KeyExists, NotAnOwner
from apikeys.models import ApiKey
from apikeys.services import keys
from apikeys.services.credentials import Credential
from config.errors import InvalidInput, NotFound
from wallets.models import Customer, Wallet
from wallets.services import hand_on_spend_cap, set_spend_cap, spend_caps

NAME = "Generated key"
SHORTEST_DAYS, LONGEST_DAYS = 1, 365


@transaction.atomic
def generate_key(*, asker: Credential, expiry_days: int = LONGEST_DAYS) -> tuple[ApiKey, str]:
    """Make the customer's generated key, with the asker's wallet, mode and scopes; return it with the plain key.

    It goes on with the spend caps of the one before it, however that one ended. One that has expired makes room.
    Raises KeyExists while one is active, and InvalidInput.
    """
    _check(expiry_days)
    current = _locked(asker)
    if current is not None and not current.has_expired(timezone.now()):
        raise KeyExists
    return _replace(current, asker, expiry_days)


@transaction.atomic
def regenerate_key(*, asker: Credential, expiry_days: int = LONGEST_DAYS) -> tuple[ApiKey, str]:
    """Swap the generated key for a new one in one commit; where it may be used from and its spend caps stay.

    Each call makes another. Raises NotFound where there is none, NotAnOwner, InvalidInput.
    """
    _check(expiry_days)
    current = _locked(asker)
    if current is None:
        raise NotFound("There is no API key. Generate one.")
    return _replace(current, asker, expiry_days)


@transaction.atomic
def revoke_generated_key(*, asker: Credential) -> ApiKey:
    """End the customer's generated key at once; again, the last one is returned as it is.

    Raises NotFound where there never was one, and NotAnOwner.
    """
    current = _locked(asker) or _generated(asker).first()
    if current is None:
        raise NotFound("There is no API key.")
    return keys.revoke_key(key=current, actor=asker.actor)


def _locked(asker: Credential) -> ApiKey | None:
    """The active or expired one. The customer's row makes those who generate at once wait for each other."""
    Customer.objects.select_for_update(no_key=True).get(pk=asker.customer_id)
    current = _generated(asker).filter(revoked_at=None).first()
    if current is not None and asker.kind == "key" and asker.key_id != current.pk:
        raise NotAnOwner("An API key may replace or revoke only itself, and only if it was generated.")
    return current


def _generated(asker: Credential) -> QuerySet[ApiKey]:
    return ApiKey.objects.filter(customer_id=asker.customer_id, is_generated=True)


def _replace(current: ApiKey | None, asker: Credential, expiry_days: int) -> tuple[ApiKey, str]:
    if current is not None:
        keys.revoke_key(key=current, actor=asker.actor)
    wallet = Wallet.objects.select_related("customer").get(pk=asker.wallet_id)
    made, plain = keys.issue_key(
        customer=wallet.customer,
        wallet=wallet,
        name=current.name if current else NAME,
        mode=asker.mode,
        scopes=asker.scopes,
        expires_at=timezone.now() + timedelta(days=expiry_days),
        allowed_ips=current.allowed_ips if current else (),
        rate_limit_per_minute=current.rate_limit_per_minute if current else None,
        is_generated=True,
        actor=asker.actor,
    )
    _cap(made, asker, wallet)
    return made, plain


def _cap(made: ApiKey, asker: Credential, wallet: Wallet) -> None:
    """The caps of the generated key before it on this wallet, else the asker's own: no new key sheds a cap."""
    former = _generated(asker).exclude(pk=made.pk).order_by("-id").values_list("key_prefix", flat=True)
    capped = spend_caps(former, wallet=wallet)
    predecessor = next((each for each in former if each in capped), None)
    if predecessor is not None:
        hand_on_spend_cap(credential=predecessor, successor=made.public_id, wallet=wallet)
    elif own := spend_caps([asker.public_id], wallet=wallet).get(asker.public_id):
        set_spend_cap(credential=made.public_id, wallet=wallet, daily=own.daily, monthly=own.monthly)


def _check(expiry_days: int) -> None:
    if not SHORTEST_DAYS <= expiry_days <= LONGEST_DAYS:
        raise InvalidInput({"expiry_days": [f"The expiry days must be between {SHORTEST_DAYS} and {LONGEST_DAYS}."]})
