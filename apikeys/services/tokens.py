"""Dashboard tokens: a person logs in with e-mail and password and gets one; it ends by itself."""

from dataclasses import dataclass, field
from datetime import datetime

import structlog
from django.utils import timezone
from knox.models import AuthToken

from apikeys.errors import InvalidLogin
from apikeys.models import User
from apikeys.services import guessing
from apikeys.services.erasing import delete_in_batches

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Login:
    """A token as it is shown once."""

    user: User
    token: str = field(repr=False)
    expires_at: datetime


def log_in(*, email: str, password: str, address: str) -> Login:
    """Exchange e-mail (without regard to case) and password for a dashboard token.

    Each call makes another token. `address` is the client's: failures are counted by it and
    by e-mail, but right ones are never refused for them. Raises InvalidLogin, and
    TooManyRequests beyond 30 failures a minute.
    """
    user = _user_with(email, password)
    if user is None:
        guessing.count_failure(address, email)
        raise InvalidLogin
    token, plain = AuthToken.objects.create(user=user)
    User.objects.filter(pk=user.pk).update(last_login=timezone.now())
    log.info("logged in", user=user.pk)
    return Login(user=user, token=plain, expires_at=token.expiry)


def log_out(token: AuthToken) -> None:
    """End a dashboard token at once; ending it again changes nothing."""
    AuthToken.objects.filter(pk=token.pk).delete()


def erase_expired() -> int:
    """Delete tokens that have expired. Safe to run twice at once; returns how many went."""
    return delete_in_batches(AuthToken, "expiry")


def _user_with(email: str, password: str) -> User | None:
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        # As long as for a known address: hash anyway, or the time tells who is a customer.
        User().set_password(password)
        return None
    return user if user.check_password(password) and user.is_active else None
