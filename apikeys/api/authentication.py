"""Who knocks: API keys for machines, dashboard tokens for people."""

import re
from typing import Any, ClassVar

from knox.auth import TokenAuthentication
from knox.models import AuthToken
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from apikeys.api.addresses import client_address
from apikeys.errors import (
    ExpiredApiKey,
    InvalidApiKey,
    InvalidCredential,
    InvalidToken,
    MalformedApiKey,
    MissingApiKey,
    MissingClient,
    MissingToken,
)
from apikeys.models import User
from apikeys.services import client_door, guessing, keys
from apikeys.services.credentials import Credential

TOKEN_SHAPE = re.compile(r"\A[0-9a-f]{64}\Z")


class CredentialAuthentication(BaseAuthentication):
    """Base of every way in for machines: a subclass says who it is, failures are counted here.

    `identify` returns the Credential or raises an InvalidCredential. Where nothing was sent
    at all (MissingApiKey, MissingClient) nothing is counted.
    """

    def identify(self, request: Request, address: str) -> Credential:
        raise NotImplementedError

    def authenticate(self, request: Request) -> tuple[None, Credential]:
        address = client_address(request._request)
        try:
            credential = self.identify(request, address)
        except (MissingApiKey, MissingClient):
            raise
        except MalformedApiKey:
            guessing.count_malformed(address)
            raise
        except InvalidCredential:
            guessing.count_failure(address)
            raise
        request._request.credential_id = credential.public_id  # type: ignore[attr-defined]  # for the log
        return None, credential

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class ApiKeyAuthentication(CredentialAuthentication):
    """An API key in `X-API-Key`, or in `Authorization: Bearer`.

    A contract with other words for its 401 overrides the messages; one whose key travels
    elsewhere overrides `raw_key`.
    """

    missing_message: ClassVar[str] = MissingApiKey.message
    invalid_message: ClassVar[str] = InvalidApiKey.message
    expired_message: ClassVar[str] = ExpiredApiKey.message

    def raw_key(self, request: Request) -> str | None:
        return request.headers.get("X-API-Key") or bearer(request)

    def identify(self, request: Request, address: str) -> Credential:
        try:
            return keys.authenticate(self.raw_key(request), address)
        except MissingApiKey:
            raise MissingApiKey(self.missing_message) from None
        except ExpiredApiKey:
            raise ExpiredApiKey(self.expired_message) from None
        except InvalidApiKey as error:
            raise type(error)(self.invalid_message) from None


class ClientAuthentication(CredentialAuthentication):
    """A client id in `X-Client-Id`, and its secret, encrypted, in `Authorization: Bearer`."""

    def identify(self, request: Request, address: str) -> Credential:
        return client_door.authenticate_client(
            client_id=request.headers.get("X-Client-Id"), token=bearer(request), address=address
        )


def presented_key(request: Request) -> str:
    """The plain API key that a native request was made with. For what must sign with it; never to be logged."""
    return ApiKeyAuthentication().raw_key(request) or ""


class DashboardAuthentication(BaseAuthentication):
    """A dashboard token in `Authorization: Bearer`; an API key is not one."""

    def authenticate(self, request: Request) -> tuple[User, AuthToken]:
        token = bearer(request)
        if token is None:
            raise MissingToken
        address = client_address(request._request)
        user, found = self._owner(token, address)
        request._request.credential_id = f"user:{user.pk}"  # type: ignore[attr-defined]  # for the log
        return user, found

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"

    def _owner(self, token: str, address: str) -> Any:
        if not TOKEN_SHAPE.match(token):
            guessing.count_malformed(address)
            raise InvalidToken
        try:
            return TokenAuthentication().authenticate_credentials(token.encode())
        except exceptions.AuthenticationFailed:
            guessing.count_failure(address)
            raise InvalidToken from None


def bearer(request: Request) -> str | None:
    """What follows `Bearer`; None where it is not there."""
    scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
