"""What is sent: the body of an event and its signatures, in each endpoint's format. Pure: no database, no network."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import simplejson
from standardwebhooks import Webhook

from config.numbers import plain
from notifications.models import WebhookEndpoint

Format = WebhookEndpoint.Format
MONEY = frozenset({"amount", "available", "balance", "level", "price", "required"})
MOMENTS = ("_at", "_until")


@dataclass(frozen=True, slots=True)
class Letter:
    """One event for one endpoint, with the secrets that sign it in clear. Never logged."""

    format: str
    message_id: str
    kind: str
    sequence: int
    object_type: str
    object_id: int
    payload: dict[str, Any]
    happened_at: datetime
    secrets: Sequence[str] = field(repr=False)  # newest first
    signing_key: str = field(default="", repr=False)
    # The sending of a message by SMS or e-mail: its ids in the native API and in SMSGist's.
    sending_id: int | None = None
    sending_uuid: str | None = None


def body_of(letter: Letter) -> str:
    """The same bytes at every attempt: receivers may compare them."""
    shape = {Format.SMSGIG: _smsgig, Format.SMSGIST: _smsgist}.get(Format(letter.format), _standard)
    text: str = simplejson.dumps(shape(letter), use_decimal=True, ensure_ascii=False, separators=(",", ":"))
    return text


def told(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A payload as clients read it: money as numbers, moments in UTC and whole seconds."""
    return {name: _told(name, value) for name, value in payload.items()}


def _told(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if name in MONEY:
        return plain(Decimal(value))
    return _second(datetime.fromisoformat(value)) if name.endswith(MOMENTS) else value


def headers_of(letter: Letter, body: str, *, now: datetime) -> dict[str, str]:
    """The signatures of `body`. Every format has those of Standard Webhooks; during a rotation both secrets sign."""
    moment = now.astimezone(UTC)
    headers = {
        "content-type": "application/json",
        "user-agent": "Saldo-Webhooks/1",
        "webhook-id": letter.message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Webhook(each).sign(letter.message_id, moment, body) for each in letter.secrets),
    }
    if letter.format == Format.SMSGIG:
        headers["X-SMSGig-Signature"] = _hmac(letter.signing_key, body)
    if letter.format == Format.SMSGIST:
        headers |= _smsgist_headers(letter, body, headers["webhook-timestamp"])
    return headers


def _smsgist_headers(letter: Letter, body: str, timestamp: str) -> dict[str, str]:
    """Signed with the secret as it is shown. A verifier reads one signature, so the former has a header of its own."""
    names = ("X-SMSGist-Signature", "X-SMSGist-Signature-Previous")
    signed = f"{timestamp}.{body}"
    signatures = {name: f"sha256={_hmac(secret, signed)}" for name, secret in zip(names, letter.secrets, strict=False)}
    return {"X-SMSGist-Timestamp": timestamp} | signatures


def _standard(letter: Letter) -> dict[str, Any]:
    return {
        "type": letter.kind,
        "timestamp": _second(letter.happened_at),
        "object": {"type": letter.object_type, "id": letter.object_id},
        "sequence": letter.sequence,
        "data": told(letter.payload) | ({"sending_id": letter.sending_id} if letter.sending_id else {}),
    }


def _smsgist(letter: Letter) -> dict[str, Any]:
    return {
        "event": letter.kind,
        "event_id": letter.message_id,
        "sequence": letter.sequence,
        "occurred_at": _second(letter.happened_at),
        "data": told(letter.payload) | _named_by_smsgist(letter),
    }


def _named_by_smsgist(letter: Letter) -> dict[str, Any]:
    """The ids that its send has answered with."""
    if letter.sending_uuid is None:
        return {}
    recipient = {"recipient_id": letter.payload["uuid"], "recipient": letter.payload["to"]}
    return {"message_id": letter.sending_uuid, **recipient}


def _smsgig(letter: Letter) -> dict[str, Any]:
    """As the reference prints it: six properties in this order."""
    code = letter.payload
    activation = code["activation_id"]
    return {
        "activation_id": activation,
        "message_id": f"msg_{activation}_{str(code['message_id']).replace('-', '')[:8]}",
        "service": code["service"],
        "code": code.get("code") or "",
        "text": code["text"],
        "received_at": _microsecond(datetime.fromisoformat(code["received_at"])),
    }


def _hmac(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _second(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _microsecond(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
