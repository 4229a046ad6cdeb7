"""Client credentials (SMSGist): issue, change, rotate, revoke, and tell who knocks with one."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone

from apikeys.errors import CredentialRevoked
from apikeys.models import ClientCredential, Mode
from apikeys.models.client import CLIENT_CURRENCY
from apikeys.services import secret
from apikeys.services.keys import wallet_for
from apikeys.services.terms import check_terms
from config.encryption import encrypt
from config.errors import InvalidInput
from wallets.models import Customer, Wallet

PHONE = re.compile(r"\A\+[1-9][0-9]{7,14}\Z")
SECRET_BYTES = 16  # 128 bits

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ClientSecrets:
    """What its holder needs to make tokens. Shown once."""

    client_id: str
    client_secret: str = field(repr=False)
    app_secret_key: str = field(repr=False)


def issue_client(
    *,
    customer: Customer,
    name: str,
    actor: str,
    wallet: Wallet | None = None,
    mode: str = Mode.LIVE,
    test_phone: str = "",
    test_email: str = "",
    scopes: Iterable[str] | None = None,
    expires_at: datetime | None = None,
    allowed_ips: Iterable[str] = (),
    rate_limit_per_minute: int | None = None,
) -> tuple[ClientCredential, ClientSecrets]:
    """Make a client credential for a customer; return it with its secrets, which are shown once.

    It spends from the customer's wallet in GHS. Each call makes another one.
    Raises InvalidInput, per field; `wallet` where one in another currency is given, or there is none in GHS.
    """
    terms = check_terms(
        name=name, mode=mode, scopes=scopes, expires_at=expires_at, allowed_ips=allowed_ips,
        rate_limit_per_minute=rate_limit_per_minute,
    )  # fmt: skip
    check_test_addresses(test_phone, test_email)
    client = ClientCredential(
        customer=customer, wallet=credit_wallet(customer, wallet), client_id=f"sgcid_{secrets.token_hex(8)}",
        test_phone=test_phone, test_email=test_email, created_by=actor[:80], **terms,
    )  # fmt: skip
    shown = _give_secrets(client)
    client.save(force_insert=True)
    log.info("client credential issued", client=client.client_id, customer=customer.pk, actor=actor)
    return client, shown


def change_client(
    *,
    client: ClientCredential,
    actor: str,
    name: str,
    test_phone: str,
    test_email: str,
    scopes: Iterable[str],
    expires_at: datetime | None,
    allowed_ips: Iterable[str],
    rate_limit_per_minute: int | None,
) -> ClientCredential:
    """Give a credential other terms; its mode and its secrets have verbs of their own.

    Repeating it changes nothing. Raises InvalidInput, per field.
    """
    terms: dict[str, Any] = dict(check_terms(
        name=name, mode=client.mode, scopes=scopes, expires_at=expires_at, allowed_ips=allowed_ips,
        rate_limit_per_minute=rate_limit_per_minute, was_expiring_at=client.expires_at,
    ))  # fmt: skip
    check_test_addresses(test_phone, test_email)
    del terms["mode"]
    terms |= {"test_phone": test_phone, "test_email": test_email}
    for field_name, value in terms.items():
        setattr(client, field_name, value)
    client.save(update_fields=list(terms))
    log.info("client credential changed", client=client.client_id, actor=actor)
    return client


def change_mode(*, client: ClientCredential, mode: str, actor: str) -> ClientCredential:
    """Put a credential into live, test or dryrun mode, from the next request on.

    What was sent before keeps the mode it was sent in. Raises InvalidInput, CredentialRevoked.
    """
    if mode not in Mode.values:
        raise InvalidInput({"mode": [f"The mode is one of {', '.join(Mode.values)}."]})
    _change(client, mode=mode)
    log.info("client credential changed mode", client=client.client_id, mode=mode, actor=actor)
    return client


def rotate_client(*, client: ClientCredential, actor: str) -> ClientSecrets:
    """Replace both secrets of a credential at once; the old ones open nothing from now on.

    Each call makes others. Raises CredentialRevoked.
    """
    shown = _give_secrets(client)
    _change(
        client, digest=client.digest, pepper_version=client.pepper_version,
        encrypted_app_key=client.encrypted_app_key, rotated_at=timezone.now(),
    )  # fmt: skip
    log.info("client credential rotated", client=client.client_id, actor=actor)
    return shown


def revoke_client(*, client: ClientCredential, actor: str) -> ClientCredential:
    """End a credential at once and for ever. Revoking it again keeps the first moment."""
    if ClientCredential.objects.filter(pk=client.pk, revoked_at=None).update(revoked_at=timezone.now()):
        log.info("client credential revoked", client=client.client_id, actor=actor)
    client.refresh_from_db(fields=["revoked_at"])
    return client


def credit_wallet(customer: Customer, wallet: Wallet | None) -> Wallet:
    """The wallet a client's credits are in: the customer's in GHS, as the reference says. Raises InvalidInput."""
    if wallet is not None and wallet.currency != CLIENT_CURRENCY:
        raise InvalidInput({"wallet": [f"Credits are always {CLIENT_CURRENCY}: choose a wallet in {CLIENT_CURRENCY}."]})
    return wallet_for(customer, wallet, CLIENT_CURRENCY)


def check_test_addresses(phone: str, email: str) -> None:
    """Either may be empty. Raises InvalidInput, per field."""
    errors: dict[str, list[str]] = {}
    if phone and not PHONE.match(phone):
        errors["test_phone"] = ["A phone number like +233245972246."]
    try:
        validate_email(email or "nobody@example.com")
    except ValidationError:
        errors["test_email"] = ["An e-mail address like user@example.com."]
    if errors:
        raise InvalidInput(errors)


def _give_secrets(client: ClientCredential) -> ClientSecrets:
    shown = ClientSecrets(
        client_id=client.client_id,
        client_secret=f"sgsec_{secrets.token_hex(SECRET_BYTES)}",
        app_secret_key=f"sgapp_{secrets.token_hex(SECRET_BYTES)}",
    )
    client.pepper_version = secret.newest_pepper()
    client.digest = secret.digest(shown.client_secret, client.pepper_version)
    client.encrypted_app_key = encrypt(shown.app_secret_key)
    return shown


def _change(client: ClientCredential, **values: Any) -> None:
    """One statement, so that it cannot bring back what was revoked meanwhile."""
    if not ClientCredential.objects.filter(pk=client.pk, revoked_at=None).update(**values):
        raise CredentialRevoked
    for name, value in values.items():
        setattr(client, name, value)
