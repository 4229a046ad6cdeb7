"""What clients of SMSGIC ask for: the rules of its fields, and its words where one is broken."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast
from urllib.parse import unquote

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone
from rest_framework.request import Request

from config.api import parse_json
from config.errors import InvalidInput
from notifications.models import Channel
from notifications.services import SendingWanted

Errors = dict[str, list[str]]

NO_MESSAGE = "Please send `message` post parameter with text for SMS"
NO_RECIPIENTS = "Please send `recipients` post parameter with recipient`s number"
NO_SENDER = "Please send `sender` post parameter with name of SMS sender"
BAD_COUNTRY = "The selected country id is invalid."
TYPES = ("default", "infobip", "twilio", "messente", "trumpia")
NUMBER = re.compile(r"[0-9]{8,20}")
MCC = re.compile(r"\A[0-9]{3}\Z")
MNC = re.compile(r"\A[0-9]{0,3}\Z")
ID = re.compile(r"\A[0-9]{1,18}\Z")
MOMENT = re.compile(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\Z")
MOMENT_FORMAT = "%Y-%m-%d %H:%M:%S"
NO_MNC = frozenset({None, "", "null", "'null'"})
NAMED = 10  # how many of the bad recipients are named
LONGEST_LIST = 1_000


class Calculated(NamedTuple):
    """A text and its recipients, to be priced."""

    text: str
    recipients: list[str]


class RateFilter(NamedTuple):
    mcc: str | None
    mnc: str | None  # "" is a country's default row
    country: str | None
    country_id: int | None


class ListPage(NamedTuple):
    """Which part of a list: the newest `size` without a `number`."""

    number: int | None
    size: int


def body(request: Request) -> Mapping[str, Any]:
    """What was sent: our parsers make an object of every body."""
    return cast("Mapping[str, Any]", request.data)


def calculated(sent: Mapping[str, Any]) -> Calculated:
    """Raises InvalidInput."""
    errors: Errors = {}
    found = Calculated(_text(sent, "message", NO_MESSAGE, errors), _recipients(sent, errors))
    _refuse(errors)
    return found


def wanted(sent: Mapping[str, Any]) -> SendingWanted:
    """The sending that is asked for. Raises InvalidInput, with every text under `message` as well."""
    errors: Errors = {}
    text = _text(sent, "message", NO_MESSAGE, errors)
    recipients = _recipients(sent, errors)
    sender = _text(sent, "sender", NO_SENDER, errors)
    route = sent.get("type") or TYPES[0]
    if route not in TYPES:
        errors["type"] = ["The selected type is invalid."]
    scheduled_at = _moment(sent.get("scheduled_at"), errors)
    _refuse(errors)
    return SendingWanted(
        channel=Channel.SMS, recipients=recipients, text=text, sender=sender, route=route, scheduled_at=scheduled_at
    )


def rate_filter(request: Request) -> RateFilter:
    """From the query, the query as raw JSON, or a JSON body. Raises InvalidInput, Malformed."""
    sent, errors = {**_query(request), **_flat(request.data)}, Errors()
    mcc, country, country_id = (_word(sent.get(name)) for name in ("mcc", "country", "country_id"))
    mnc = _mnc(sent, mcc, errors)
    if mcc is not None and not MCC.match(mcc):
        errors["mcc"] = ["The mcc format is invalid."]
    if country_id is not None and not ID.match(country_id):
        errors["country_id"] = [BAD_COUNTRY]
    _refuse(errors)
    return RateFilter(mcc, mnc, country, int(country_id) if country_id is not None else None)


def list_page(query: QueryDict) -> ListPage:
    """`page` and `per_page`, where they were sent. Raises InvalidInput."""
    errors: Errors = {}
    number, size = (_whole(query, name, errors) for name in ("page", "per_page"))
    _refuse(errors)
    if number is None and size is not None:
        number = 1
    return ListPage(number, min(size or LONGEST_LIST, LONGEST_LIST))


def page_of(rows: QuerySet[Any], page: ListPage) -> Sequence[Any]:
    """That part of the rows, in id order."""
    if page.number is None:
        return list(rows.order_by("-id")[: page.size])[::-1]
    begins = (page.number - 1) * page.size
    return list(rows.order_by("id")[begins : begins + page.size])


def under_message(errors: Errors) -> Errors:
    """As this contract prints the errors of a new sending: every text is under `message`, whatever the field."""
    texts = [text for each in errors.values() for text in each]
    others = {name: each for name, each in errors.items() if name not in {"message", "text"}}
    return {"message": texts, **others}


def _text(sent: Mapping[str, Any], name: str, missing: str, errors: Errors) -> str:
    value = sent.get(name)
    if value is None or value == "":
        errors[name] = [missing]
    elif not isinstance(value, str):
        errors[name] = [f"The {name} must be a string."]
    return value if isinstance(value, str) else ""


def _recipients(sent: Mapping[str, Any], errors: Errors) -> list[str]:
    """Numbers as digits: from an array, or a JSON text of one."""
    value = _listed(sent)
    if value in (None, "", []):
        errors["recipients"] = [NO_RECIPIENTS]
        return []
    if not isinstance(value, list):
        errors["recipients"] = ["The recipients must be an array."]
        return []
    numbers = [str(each) if type(each) is int else each for each in value]
    matches: Callable[[str], Any] = NUMBER.fullmatch
    bad = [place for place, each in enumerate(numbers) if not (isinstance(each, str) and matches(each))]
    if bad:
        errors["recipients"] = [f"The recipients.{place} format is invalid." for place in bad[:NAMED]]
    return numbers


def _listed(sent: Mapping[str, Any]) -> Any:
    if isinstance(sent, QueryDict) and "recipients[]" in sent:
        return sent.getlist("recipients[]")  # how a form writes an array
    value = sent.get("recipients")
    if not isinstance(value, str) or not value:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _moment(value: Any, errors: Errors) -> datetime | None:
    """A moment in UTC; None, that is now, where there is none or it is past."""
    if value in (None, ""):
        return None
    try:
        if not isinstance(value, str) or not MOMENT.match(value):
            raise ValueError
        moment = datetime.strptime(value, MOMENT_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        errors["scheduled_at"] = ["The scheduled at does not match the format Y-m-d H:i:s."]
        return None
    return moment if moment > timezone.now() else None


def _mnc(sent: Mapping[str, Any], mcc: str | None, errors: Errors) -> str | None:
    if "mnc" not in sent:
        return None
    word = _word(sent["mnc"])
    if mcc is None:
        if word is not None:
            errors["mcc"] = ["The mcc field is required when mnc is present."]
        return None
    if word in NO_MNC:
        return ""
    if not MNC.match(str(word)):
        errors["mnc"] = ["The mnc format is invalid."]
    return word


def _word(value: Any) -> str | None:
    """A filter's value; None where there is nothing to filter by."""
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else str(value)


def _query(request: Request) -> dict[str, Any]:
    raw = unquote(request._request.META.get("QUERY_STRING", ""))
    return parse_json(raw) if raw.startswith("{") else request.query_params.dict()


def _flat(data: Any) -> dict[str, Any]:
    return data.dict() if isinstance(data, QueryDict) else dict(data)


def _whole(query: QueryDict, name: str, errors: Errors) -> int | None:
    value = query.get(name)
    if value is None:
        return None
    if not re.match(r"\A[0-9]{1,9}\Z", value) or int(value) < 1:
        errors[name] = [f"The {name} must be at least 1."]
        return None
    return int(value)


def _refuse(errors: Errors) -> None:
    if errors:
        raise InvalidInput(errors)
