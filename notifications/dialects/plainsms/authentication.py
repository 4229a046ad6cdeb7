"""Where plainsms credentials travel: username and password, a key, or a dashboard token."""

import base64
import binascii
from typing import Any

from rest_framework.request import Request

from apikeys.api.authentication import (
    TOKEN_SHAPE,
    ApiKeyAuthentication,
    CredentialAuthentication,
    DashboardAuthentication,
    bearer,
)
from apikeys.api.views import owned_customer
from apikeys.errors import InvalidCredential, MissingApiKey
from apikeys.models import User
from apikeys.services import keys, passwords
from apikeys.services.credentials import Credential
from notifications.dialects.plainsms.wire import sent_text

UNAUTHORIZED = "Unauthorized."
HELP = "Provide X-API-Key header or api_key parameter"


class KeyAuthentication(ApiKeyAuthentication):
    """An API key in `X-API-Key`, in the field `api_key`, or as a bearer."""

    missing_message = "API key is required"
    invalid_message = "Invalid API key"
    expired_message = "API key expired"

    def raw_key(self, request: Request) -> str | None:
        return request.headers.get("X-API-Key") or sent_text(request, "api_key") or bearer(request)

    def identify(self, request: Request, address: str) -> Credential:
        try:
            return super().identify(request, address)
        except MissingApiKey as error:
            raise MissingApiKey(error.message, help=HELP) from None


class PasswordAuthentication(CredentialAuthentication):
    """The fields `username` and `password`, or HTTP Basic."""

    def identify(self, request: Request, address: str) -> Credential:
        username, password = basic(request) or (sent_text(request, "username"), sent_text(request, "password"))
        if not username or not password:
            raise MissingApiKey(UNAUTHORIZED)
        try:
            return passwords.authenticate(username, password)
        except InvalidCredential:
            raise InvalidCredential(UNAUTHORIZED) from None


class OwnKeyAuthentication(KeyAuthentication):
    """The key that is to be replaced or revoked; without one, others are asked."""

    def authenticate(self, request: Request) -> tuple[None, Credential] | None:  # type: ignore[override]
        return super().authenticate(request) if self.raw_key(request) else None


class OwnerAuthentication(DashboardAuthentication):
    """An owner's dashboard token; without one, others are asked."""

    def authenticate(self, request: Request) -> tuple[User, Any] | None:  # type: ignore[override]
        if not TOKEN_SHAPE.match(bearer(request) or ""):
            return None
        user, _ = super().authenticate(request)
        return user, credential_of(user)


def credential_of(user: User) -> Credential:
    """An owner who acts for the customer's default wallet. Raises NotAnOwner, InvalidInput."""
    customer = owned_customer(user, None)
    wallet = keys.wallet_for(customer, None, None)
    return Credential(
        key_id=user.pk,
        public_id=user.email,
        customer_id=customer.pk,
        wallet_id=wallet.pk,
        currency=wallet.currency,
        mode="live",
        scopes=passwords.SCOPES,
        customer_status=customer.status,
        customer_rate_limit_per_minute=customer.rate_limit_per_minute,
        kind="user",
    )


def basic(request: Request) -> tuple[str, str] | None:
    """What `Authorization: Basic` says; None where it is not there or says nothing."""
    scheme, _, encoded = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        username, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return username, password
