"""What plainsms reads and writes."""

import re
from typing import Any

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.request import Request

from apikeys.models import ApiKey
from config.api import Malformed, Moment, Whole, plain
from notifications.models import Channel, Sending
from notifications.services import SendingWanted
from notifications.services.numbers import at_home

BAD_NUMBER = "Invalid phone number format."
# As people write them: digits, grouped by spaces, dots, dashes or brackets.
WRITTEN = re.compile(r"\A *\+?[0-9(][0-9 ().-]{2,40}\Z")
INTERNATIONAL = re.compile(r"\A[0-9]{8,15}\Z")


def fields(request: Request) -> dict[str, Any]:
    """Everything that was sent: the query's parameters, and over them the body's."""
    return {**request.query_params.dict(), **_flat(request.data)}


def sent_text(request: Request, name: str) -> str | None:
    """A field as text, from the body or else the query; None where it is missing or no text."""
    value = fields(request).get(name)
    return value if isinstance(value, str) else None


def wanted(sent: dict[str, Any], region: str) -> SendingWanted:
    """The SMS that is asked for. Raises Malformed."""
    numbers, text = (_required(sent, name) for name in ("numbers", "message_body"))
    recipients = [number(each, region) for each in numbers.split(",")]
    return SendingWanted(channel=Channel.SMS, recipients=recipients, text=text)


def number(written: str, region: str) -> str:
    """A number as `+` and its digits; without `+` it is read as people in `region` write it. Raises Malformed."""
    if not WRITTEN.match(written):
        raise Malformed(BAD_NUMBER)
    digits = re.sub(r"[^0-9]", "", written)
    if "+" not in written:
        digits = (at_home(digits, region) or digits).removeprefix("+")
    if not INTERNATIONAL.match(digits):
        raise Malformed(BAD_NUMBER)
    return f"+{digits}"


def sent(sending: Sending) -> dict[str, Any]:
    """What was sent, and what it takes."""
    return {
        "message": "SMS sent successfully.",
        "message_id": sending.pk,
        "recipients": sending.recipients,
        "segments": sending.segments,
        "cost": plain(sending.price),
    }


class ExpiryInput(serializers.Serializer[Any]):
    expiry_days = Whole(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=365,
        error_messages={
            "invalid": "expiry_days must be an integer.",
            "min_value": "expiry_days must be at least 1.",
            "max_value": "expiry_days must not be greater than 365.",
        },
    )

    def days(self) -> dict[str, int]:
        """The days wanted, where they were said. Raises ValidationError."""
        self.is_valid(raise_exception=True)
        return {name: days for name, days in self.validated_data.items() if days is not None}


def shown(message: str, key: ApiKey, plain_key: str) -> dict[str, Any]:
    """A new key, this once."""
    ends = Moment().to_representation(key.expires_at) if key.expires_at else None
    return {"message": message, "api_key": plain_key, "expires_at": ends}


def _flat(data: Any) -> dict[str, Any]:
    return data.dict() if isinstance(data, QueryDict) else dict(data)


def _required(sent: dict[str, Any], name: str) -> str:
    value = sent.get(name)
    if value is None or value == "":
        raise Malformed(f"The {name} field is required.")
    if not isinstance(value, str):
        raise Malformed(f"The {name} field must be a string.")
    return value
