"""The base of every view that machines call with a credential."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.api.authentication import ApiKeyAuthentication
from apikeys.api.idempotent import idempotent
from apikeys.errors import MissingScope
from apikeys.models import Scope
from apikeys.services import throttles
from apikeys.services.credentials import Credential
from config.api import BaseView
from config.errors import DomainError
from wallets.errors import AccountSuspended

__all__ = ["AuthenticatedView", "KeyView", "idempotent", "scoped", "spending"]

Handler = TypeVar("Handler", bound=Callable[..., Any])


def scoped(scope: str) -> Callable[[Handler], Handler]:
    """A method of a KeyView that needs another scope than its class says."""

    def mark(handler: Handler) -> Handler:
        handler.__dict__["scope"] = str(scope)
        return handler

    return mark


def spending(handler: Handler) -> Handler:
    """A method of a KeyView that spends without being idempotent: suspended customers get 403."""
    handler.__dict__["spends"] = True
    return handler


class AuthenticatedView(BaseView):
    """A view behind one of our authentication classes, which refuse with DomainErrors."""

    def perform_authentication(self, request: Request) -> None:
        try:
            super().perform_authentication(request)
        except DomainError:
            # Nobody, for whatever looks later: it must not be tried, and counted, once more.
            request._not_authenticated()  # type: ignore[attr-defined]
            raise

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if response.status_code == 401:
            response.setdefault("WWW-Authenticate", "Bearer")
        return response


class KeyView(AuthenticatedView):
    """A view for holders of an API key: `self.credential` says whose request this is.

    Before a method runs: the credential, its scope, whether its customer may spend, its rate
    limit and the customer's. A contract sets `contract` and, where its words or the key's place
    differ, `authentication_classes` (subclasses of CredentialAuthentication).
    """

    authentication_classes: tuple[type[BaseAuthentication], ...] = (ApiKeyAuthentication,)
    scope: ClassVar[str] = Scope.READ
    idempotency_key: str | None = None

    @property
    def credential(self) -> Credential:
        credential = self.request.auth
        assert isinstance(credential, Credential)
        return credential

    def check_permissions(self, request: Request) -> None:
        super().check_permissions(request)
        handler = getattr(self, (request.method or "").lower(), None)
        if handler is None:
            return  # answered 405
        self.require_scope(getattr(handler, "scope", str(self.scope)))
        if getattr(handler, "spends", False) and not self.credential.may_spend:
            raise AccountSuspended

    def require_scope(self, scope: str) -> None:
        """Raises MissingScope unless the credential has it."""
        if scope not in self.credential.scopes:
            raise MissingScope(scope=str(scope))

    def check_throttles(self, request: Request) -> None:
        super().check_throttles(request)
        credential = self.credential
        if credential.rate_limit_per_minute is not None:
            throttles.require(f"{credential.kind}:{credential.key_id}", credential.rate_limit_per_minute, 60)
        if credential.customer_rate_limit_per_minute is not None:
            limit = credential.customer_rate_limit_per_minute
            throttles.require(f"customer:{credential.customer_id}", limit, 60)
