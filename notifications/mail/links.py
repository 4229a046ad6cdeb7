"""Links in an e-mail that lead back to us. Each is signed: whoever changes one, or makes one up, gets nothing.

The address a click goes on to is inside the signature, so that nobody can use our host to send people elsewhere.
"""

import uuid
from typing import Any

from django.conf import settings
from django.core import signing

SEPARATOR = "~"  # needs no escaping in a path, and no part of a token holds it
# Servers refuse longer request lines; a longer link is left as it is.
LONGEST_TOKEN = 3_000


class NotOurs(Exception):
    """A token that we did not make."""


def open_url(message: uuid.UUID) -> str:
    """A picture whose loading says that the e-mail was opened."""
    return f"{settings.PUBLIC_BASE_URL}/t/o/{_token('open', message.hex)}.gif"


def click_url(message: uuid.UUID, url: str) -> str | None:
    """The way to `url` that says that its link was followed; None for one that is too long.

    In the query string, since logs keep paths: the address may be a secret between the customer and the recipient.
    """
    token = _token("click", [message.hex, url])
    return f"{settings.PUBLIC_BASE_URL}/t/c?to={token}" if len(token) <= LONGEST_TOKEN else None


def unsubscribe_url(message: uuid.UUID) -> str:
    return f"{settings.PUBLIC_BASE_URL}/u/{_token('unsubscribe', message.hex)}"


def opened(token: str) -> uuid.UUID:
    """The message whose picture this is. Raises NotOurs."""
    return _uuid(_read("open", token))


def clicked(token: str) -> tuple[uuid.UUID, str]:
    """The message, and where its link goes on to. Raises NotOurs."""
    match _read("click", token):
        case [message, str(url)]:
            return _uuid(message), url
    raise NotOurs


def unsubscribed(token: str) -> uuid.UUID:
    """The message whose recipient wants no more. Raises NotOurs."""
    return _uuid(_read("unsubscribe", token))


def _token(purpose: str, said: Any) -> str:
    return _signer(purpose).sign_object(said, compress=True)


def _read(purpose: str, token: str) -> Any:
    try:
        return _signer(purpose).unsign_object(token)
    except (signing.BadSignature, ValueError):
        raise NotOurs from None


def _signer(purpose: str) -> signing.Signer:
    return signing.Signer(sep=SEPARATOR, salt=f"notifications.mail.{purpose}")


def _uuid(said: Any) -> uuid.UUID:
    try:
        return uuid.UUID(hex=said)
    except (ValueError, TypeError, AttributeError):
        raise NotOurs from None
