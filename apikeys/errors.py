"""Why the door stays shut."""

from config.errors import DomainError


class InvalidCredential(DomainError):
    """Whoever knocks is not known. One answer for every cause, so that it tells nothing."""

    code = "unauthenticated"
    message = "Unauthenticated."


class MissingApiKey(InvalidCredential):
    code = "api_key_required"
    message = "API key is required."


class InvalidApiKey(InvalidCredential):
    """Unknown, revoked, from a wrong address, or of a closed customer."""

    code = "invalid_api_key"
    message = "Invalid API key."


class ExpiredApiKey(InvalidApiKey):
    """The same to most contracts; plainsms words it differently."""


class MalformedApiKey(InvalidApiKey):
    """Not a key at all: its shape or its checksum is wrong. Found out without a query."""


class MissingToken(InvalidCredential):
    code = "token_required"
    message = "A dashboard token is required."


class InvalidToken(InvalidCredential):
    code = "invalid_token"
    message = "Invalid or expired token."


class InvalidLogin(InvalidCredential):
    code = "invalid_login"
    message = "Wrong e-mail address or password."


class KeyExists(DomainError):
    """A customer has one generated key; it is regenerated or revoked first."""

    code = "key_exists"
    message = "There is an active API key already. Regenerate or revoke it."


class InvalidClient(InvalidCredential):
    """A client id and a token that do not belong together: unknown, misread, revoked, from elsewhere."""

    code = "invalid_client"
    message = "Authentication failed — check your X-Client-Id and token"


class MissingClient(InvalidClient):
    """One of the two headers is not there. Nothing was guessed, so nothing is counted."""


class CredentialRevoked(DomainError):
    code = "credential_revoked"
    message = "This credential is revoked."


class MissingScope(DomainError):
    """The key is good, but not for this. Fact: `scope`."""

    code = "missing_scope"
    message = "This API key may not do this."


class NotAnOwner(DomainError):
    """Only owners of a customer manage its keys."""

    code = "not_an_owner"
    message = "Only an owner of the customer may manage its API keys."


class TooManyRequests(DomainError):
    """Fact: `retry_after_seconds`."""

    code = "too_many_requests"
    message = "Too many requests."


class IdempotencyConflict(DomainError):
    code = "idempotency_conflict"
    message = "This idempotency key was used with another request."


class RequestInProgress(DomainError):
    """Fact: `retry_after_seconds`."""

    code = "request_in_progress"
    message = "The first request with this idempotency key is still running."
