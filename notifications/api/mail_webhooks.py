"""What others tell us of mails they took: an e-mail service by anymail's webhooks, a mail server by returned mail."""

import hmac
import re
from collections.abc import Callable
from typing import Any

from anymail import urls as anymail_urls
from anymail.signals import AnymailTrackingEvent, tracking
from django.conf import settings
from django.core.exceptions import BadRequest
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from config.api import BaseView
from notifications.providers.esp import fitting_id
from notifications.services.mail_events import receive_mail_event, receive_returned_mail

WEBHOOKS = "api/webhooks/email"
LARGEST_MAIL = 1024 * 1024
# `550 5.1.1 The account does not exist`: the rest quotes addresses.
SERVERS_CODES = re.compile(r"\s*(?:smtp;\s*)?([45][0-9]{2})?[ -]*([45]\.[0-9]{1,3}\.[0-9]{1,3})?")
# Where the services say that a mail came back for now only; anymail calls it bounced as well.
KINDS = ("event", "Type", "type")
SOFT_BOUNCES = frozenset({"soft_bounce", "SoftBounce", "activity.soft_bounced", "blocked"})


def esp_webhooks() -> list[URLPattern]:
    """The routes of the configured e-mail service. Without anymail's own secret there are none: anybody could call."""
    if not settings.EMAIL_ESP or not settings.ANYMAIL.get("WEBHOOK_SECRET"):
        return []
    routes = [(str(each.pattern), each.callback, each.name) for each in anymail_urls.urlpatterns]
    mine = [route for route in routes if route[0].startswith(f"{settings.EMAIL_ESP}/") and "inbound" not in route[0]]
    return [path(f"{WEBHOOKS}/{name}", _answered(view), name=label) for name, view, label in mine]


def _answered(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """What anymail cannot read, after it was proven to come from the service, is no failure of ours."""

    @csrf_exempt
    def answer(request: HttpRequest) -> HttpResponse:
        try:
            return view(request)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BadRequest from None

    return answer


@receiver(tracking)
def hear(sender: Any, event: AnymailTrackingEvent, esp_name: str, **facts: Any) -> None:
    """Anymail has read and proven an event of a mail; a failure here makes the service send it again."""
    if event.message_id or event.metadata:
        receive_mail_event(
            kind=event.event_type,
            sid=fitting_id(str(event.message_id or "")),
            reference=str((event.metadata or {}).get("message", "")),
            code=_code(event),
            actor=f"provider:{esp_name.lower()}",
        )


def _code(event: AnymailTrackingEvent) -> str:
    """Why: anymail's reason or, without one, the codes of the receiving server. A full mailbox is nobody's end."""
    told = event.esp_event if isinstance(event.esp_event, dict) else {}
    if told.get("hard_bounce") is False or SOFT_BOUNCES.intersection(str(told.get(key)) for key in KINDS):
        return "soft"
    found = SERVERS_CODES.match(str(event.mta_response or ""))
    return str(event.reject_reason or " ".join(filter(None, found.groups() if found else ())))


class RawMail(BaseParser):
    """A mail as mail servers hand it on, unread."""

    media_type = "message/rfc822"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        return {"mail": stream.read(LARGEST_MAIL)}


class ReturnedMail(BaseView):
    """Mail that came to EMAIL_BOUNCE_ADDRESS, posted by whoever receives it there."""

    authentication_classes = ()
    parser_classes = (RawMail,)

    @extend_schema(exclude=True)
    def post(self, request: Request) -> Response:
        expected = f"Bearer {settings.EMAIL_BOUNCE_SECRET}".encode()
        said = request.headers.get("Authorization", "").encode()
        if not settings.EMAIL_BOUNCE_SECRET or not hmac.compare_digest(said, expected):
            raise PermissionDenied
        received = dict(request.data).get("mail", b"")  # nothing is parsed where nothing was sent
        return Response({"message": "ok", "is_ours": receive_returned_mail(received)})
