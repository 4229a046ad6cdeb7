"""Twilio: WhatsApp by approved content templates, SMS by text.

Twilio takes no reference of ours and knows no idempotency key. So our reference travels in the URL of
the status callback, which proves whose message a report is even where the answer was lost; and
`find` compares what Twilio has sent to that number.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from notifications.models import Channel
from notifications.providers.base import OutcomeUnknown, ProviderError, SendRequest, Standing, Submitted, Verdict
from notifications.twilio import TwilioClient, TwilioRefused, TwilioUnknown, configured_client

CALLBACK_PATH = "/api/webhooks/whatsapp/status"
# Twilio's errors that are about the recipient: no such number, opted out, not on WhatsApp …
ABOUT_RECIPIENT = frozenset({21211, 21214, 21610, 21612, 21614, 63003, 63024})
PAGE = 100
# Clocks differ by less than this, and Twilio lists what it took within this long.
SLACK = timedelta(minutes=1)
LISTED_AFTER = timedelta(minutes=15)
# How the WhatsApp approval of a content template reads in our words.
VERDICTS = {"approved": "approved", "rejected": "rejected", "paused": "paused", "disabled": "disabled"}
LONGEST_ID = 64


class TwilioProvider:
    name = "twilio"
    needs_template_id = True
    silence_means_delivered = False

    def send(self, request: SendRequest, *, deadline_seconds: float) -> Submitted:
        try:
            answer = _client().post("Messages", _fields(request), deadline_seconds=deadline_seconds)
        except TwilioRefused as refusal:
            raise _refused(refusal) from None
        except TwilioUnknown as unknown:
            raise OutcomeUnknown(str(unknown)) from None
        return _submitted(answer)

    def find(
        self, request: SendRequest, *, is_ours_already: Callable[[str], bool], deadline_seconds: float
    ) -> Submitted | None:
        """By what Twilio sent to that number around the call, with the very same text.

        One such message that belongs to no other of ours is it. None at all, long enough after
        the call for Twilio to have listed it, is a no. Anything else proves nothing.
        """
        found = _get("Messages", _parties(request) | {"PageSize": PAGE}, deadline_seconds)
        rows = found.get("messages")
        if not isinstance(rows, list):
            raise OutcomeUnknown("not a list of messages")
        around = [row for row in _around(rows, request.called_at) if not is_ours_already(str(row.get("sid")))]
        same = [row for row in around if row.get("body") == request.body]
        if len(same) == 1:
            return _submitted(same[0])
        if not around and len(rows) < PAGE and timezone.now() > request.called_at + LISTED_AFTER:
            return None
        raise OutcomeUnknown(f"{len(same)} messages could be it")

    def standing(self, message_id: str, *, deadline_seconds: float) -> Standing | None:
        found = _get(f"Messages/{message_id}", {}, deadline_seconds)
        cost, currency = _price(found)
        return Standing(str(found.get("status") or ""), str(found.get("error_code") or ""), cost, currency)

    def verdict(self, template_id: str, *, deadline_seconds: float) -> Verdict | None:
        try:
            found = _client().get_content(f"Content/{template_id}/ApprovalRequests", deadline_seconds=deadline_seconds)
        except (TwilioRefused, TwilioUnknown) as error:
            raise OutcomeUnknown(str(error)) from None
        approval = found.get("whatsapp")
        if not isinstance(approval, dict) or approval.get("status") not in VERDICTS:
            return None
        return Verdict(VERDICTS[approval["status"]], str(approval.get("rejection_reason") or ""))


def callback_url(reference: str) -> str:
    return f"{settings.PUBLIC_BASE_URL}{CALLBACK_PATH}?message={reference}"


def _client() -> TwilioClient:
    client = configured_client()
    if client is None:
        raise ProviderError("not_configured")
    return client


def _get(path: str, fields: dict[str, Any], deadline_seconds: float) -> dict[str, Any]:
    """Asking never says no to a message: whatever goes wrong, nothing is known."""
    try:
        return _client().get(path, fields, deadline_seconds=deadline_seconds)
    except (TwilioRefused, TwilioUnknown, ProviderError) as error:
        raise OutcomeUnknown(str(error)) from None


def _fields(request: SendRequest) -> dict[str, Any]:
    fields = _parties(request) | {"StatusCallback": callback_url(request.reference)}
    if not request.template_id:
        return fields | {"Body": request.body}
    fields["ContentSid"] = request.template_id
    if request.variables:
        fields["ContentVariables"] = json.dumps(dict(request.variables), ensure_ascii=False)
    return fields


def _parties(request: SendRequest) -> dict[str, Any]:
    prefix = "whatsapp:" if request.channel == Channel.WHATSAPP else ""
    return {"To": prefix + request.to, "From": prefix + request.sender}


def _refused(refusal: TwilioRefused) -> ProviderError:
    return ProviderError(
        str(refusal.code or refusal.status),
        permanent=refusal.permanent,
        about_recipient=refusal.code in ABOUT_RECIPIENT,
    )


def _submitted(row: dict[str, Any]) -> Submitted:
    sid = row.get("sid")
    if not isinstance(sid, str) or not 0 < len(sid) <= LONGEST_ID:
        raise OutcomeUnknown("an answer without a message SID")
    return Submitted(sid, str(row.get("status") or "queued"))


def _around(rows: list[Any], called_at: datetime) -> Iterator[dict[str, Any]]:
    """What was made from the call on; one without a date might have been."""
    for row in rows:
        if not isinstance(row, dict):
            raise OutcomeUnknown("not a list of messages")
        made_at = _moment(row.get("date_created"))
        if made_at is None or called_at - SLACK <= made_at <= called_at + LISTED_AFTER:
            yield row


def _moment(text: Any) -> datetime | None:
    """RFC 2822, as Twilio writes it; UTC where it names no zone."""
    try:
        moment = parsedate_to_datetime(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _price(row: dict[str, Any]) -> tuple[Decimal | None, str]:
    """What Twilio took: it writes a charge below zero, as text, some time after the message ended."""
    currency = str(row.get("price_unit") or "").upper()
    try:
        price = abs(Decimal(str(row["price"]))) if row.get("price") is not None else None
    except InvalidOperation:
        return None, ""
    if price is None or not price.is_finite() or len(currency) != 3 or not currency.isascii():
        return None, ""
    return price, currency
