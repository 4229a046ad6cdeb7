"""An e-mail service over its API, by django-anymail: one of its backends, named by EMAIL_ESP.

What the service tells of a mail later comes to anymail's webhooks (see `api.mail_events`).
"""

import hashlib
from collections.abc import Callable
from concurrent.futures import Future
from http import HTTPStatus
from threading import Thread
from typing import Any

from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRecipientsRefused
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives, get_connection

from notifications.providers.base import OutcomeUnknown, ProviderError, SendRequest, Standing, Submitted, Verdict
from notifications.providers.composing import compose, message_id
from notifications.twilio import never_connected

LONGEST_ID = 255
CONNECT_SECONDS = 3.0


class EspProvider:
    name = "esp"
    needs_template_id = False
    silence_means_delivered = True

    def send(self, request: SendRequest, *, deadline_seconds: float) -> Submitted:
        if not settings.EMAIL_ESP:
            raise ProviderError("not_configured")
        mail = compose(request)
        # Our reference comes back with all that the service tells of it. Opens and clicks are our own.
        mail.metadata = {"message": request.reference}  # type: ignore[attr-defined]
        _within(deadline_seconds, lambda: _send(mail, deadline_seconds))
        return _submitted(mail, request)

    def find(
        self, request: SendRequest, *, is_ours_already: Callable[[str], bool], deadline_seconds: float
    ) -> Submitted | None:
        raise OutcomeUnknown("its webhooks tell, by our reference")

    def standing(self, message_id: str, *, deadline_seconds: float) -> Standing | None:
        return None

    def verdict(self, template_id: str, *, deadline_seconds: float) -> Verdict | None:
        return None


def fitting_id(message_id: str) -> str:
    """The service's id of a mail; of one that is too long, what stays unique of it."""
    plain = message_id.strip().removeprefix("<").removesuffix(">")
    return plain if len(plain) <= LONGEST_ID else "sha256:" + hashlib.sha256(plain.encode()).hexdigest()


def _within(seconds: float, work: Callable[[], Any]) -> Any:
    """Do `work`, and wait for it no longer than this: anymail's own limits start anew with every byte."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # told to whoever waits
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError:
        raise OutcomeUnknown("no answer in time") from None


def _send(mail: EmailMultiAlternatives, deadline_seconds: float) -> None:
    try:
        timeout = (min(CONNECT_SECONDS, deadline_seconds), deadline_seconds)
        # What a service cannot take, such as our reference, is left out: its own id still names the mail.
        backend = get_connection(
            f"anymail.backends.{settings.EMAIL_ESP}.EmailBackend", timeout=timeout, ignore_unsupported_features=True
        )
        backend.send_messages([mail])
    except AnymailRecipientsRefused:
        raise ProviderError("recipient_refused", about_recipient=True) from None
    except AnymailAPIError as error:
        raise _refused(error) from None
    except (AnymailError, ImproperlyConfigured, ImportError) as error:
        # It never came to a call.
        raise ProviderError(type(error).__name__) from None


def _refused(error: AnymailAPIError) -> Exception:
    status = error.status_code or 0
    if never_connected(error.__cause__):
        return ProviderError("no_connection", permanent=False)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ProviderError(str(status), permanent=False)
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.REQUEST_TIMEOUT:
        return ProviderError(str(status))
    return OutcomeUnknown(f"{type(error).__name__} {status}")


def _submitted(mail: EmailMultiAlternatives, request: SendRequest) -> Submitted:
    told = mail.anymail_status  # type: ignore[attr-defined]
    status = next(iter(told.status or ()), None)
    if status not in {"sent", "queued", "unknown"}:
        raise ProviderError(str(status or "not_sent"))
    found = told.message_id if isinstance(told.message_id, str) else message_id(request.reference)
    return Submitted(fitting_id(found), "sent" if status == "sent" else "queued")
