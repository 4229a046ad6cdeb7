"""What SMSGist's clients send. A field that is missing or of the wrong kind is 400, a value that breaks a rule 422."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import Http404, QueryDict

from config.api import Malformed
from config.errors import InvalidInput
from notifications.models import Channel
from notifications.services import SendingWanted
from notifications.services.numbers import international

UUID_SHAPE = re.compile(r"\A[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
FLAGS: Mapping[Any, bool] = {"true": True, "1": True, "false": False, "0": False}
NAMED = 3
# Ours mean something else, or are another contract's.
ROUTES = ("regular", "otp")


def sms(data: Any, region: str, redirect_to: str) -> SendingWanted:
    """The SMS that is asked for; a number without `+` is one of `region`. Raises Malformed, InvalidInput."""
    sent = fields(data)
    recipients, text = _recipients(sent), _text(sent, "message")
    return SendingWanted(
        channel=Channel.SMS,
        recipients=_international(recipients, region),
        text=text,
        route=_route(sent),
        redirect_to=redirect_to,
        remove_duplicates=True,
    )


def email(data: Any, redirect_to: str) -> SendingWanted:
    """The e-mail that is asked for. Raises Malformed, InvalidInput."""
    sent = fields(data)
    return SendingWanted(
        channel=Channel.EMAIL,
        recipients=_recipients(sent),
        subject=_text(sent, "subject"),
        text=_text(sent, "body"),
        from_name=_text(sent, "from_name", default=""),
        reply_to=_text(sent, "reply_to", default=""),
        no_tracking=_flag(sent, "no_tracking"),
        route=_route(sent),
        redirect_to=redirect_to,
        remove_duplicates=True,
    )


def fields(data: Any) -> dict[str, Any]:
    """The body, whether it came as JSON or as a form, where `recipients` may be repeated, with `[]` or without."""
    if not isinstance(data, QueryDict):
        return dict(data)
    several = data.getlist("recipients") + data.getlist("recipients[]")
    return data.dict() | ({"recipients": several} if several else {})


def message_id(text: str) -> UUID:
    """A message's id as it stands in a path; what is none names no message: Http404."""
    if not UUID_SHAPE.match(text):
        raise Http404
    return UUID(text)


def _text(sent: dict[str, Any], name: str, default: str | None = None) -> str:
    value = sent.get(name)
    if value is None and default is not None:
        return default
    if value is None:
        raise Malformed(f"The {name} field is required.")
    if not isinstance(value, str):
        raise Malformed(f"The {name} field must be text.")
    return value


def _recipients(sent: dict[str, Any]) -> list[str]:
    value = sent.get("recipients")
    if value is None:
        raise Malformed("The recipients field is required.")
    several = [value] if isinstance(value, str) else value
    if not isinstance(several, list) or not all(isinstance(each, str) for each in several):
        raise Malformed("The recipients field must be text or a list of texts.")
    return several


def _flag(sent: dict[str, Any], name: str) -> bool:
    value = sent.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    found = FLAGS.get(str(value).lower()) if isinstance(value, str | int) else None
    if found is None:
        raise Malformed(f"The {name} field must be true or false.")
    return found


def _route(sent: dict[str, Any]) -> str:
    route = _text(sent, "route", default=ROUTES[0])
    if route not in ROUTES:
        raise InvalidInput({"route": [f"The route is one of {', '.join(ROUTES)}."]})
    return route


def _international(recipients: list[str], region: str) -> list[str]:
    numbers = {each: international(each, region) for each in recipients}
    if wrong := [each for each, number in numbers.items() if number is None]:
        raise InvalidInput({"recipients": [f"This is no phone number: {each[:40]}" for each in wrong[:NAMED]]})
    return [number for each in recipients if (number := numbers[each])]
