"""What is sent: the body of an event and its signatures, in each endpoint's format. Pure: no database, no network."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from notifications.models import WebhookEndpoint

Format = WebhookEndpoint.Format


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


def body_of(letter: Letter) -> str:
    """The same bytes at every attempt: receivers may compare them."""
    shape = {Format.SMSGIG: _smsgig, Format.SMSGIST: _smsgist}.get(Format(letter.format), _standard)
    return json.dumps(shape(letter), ensure_ascii=False, separators=(",", ":"))


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
        "data": letter.payload,
    }


def _smsgist(letter: Letter) -> dict[str, Any]:
    return {
        "event": letter.kind,
        "event_id": letter.message_id,
        "sequence": letter.sequence,
        "occurred_at": _second(letter.happened_at),
        "data": letter.payload,
    }


def _smsgig(letter: Letter) -> dict[str, Any]:
    """As the reference prints it: six properties in this order."""
    told = letter.payload
    activation = told["activation_id"]
    return {
        "activation_id": activation,
        "message_id": f"msg_{activation}_{str(told['message_id']).replace('-', '')[:8]}",
        "service": told["service"],
        "code": told.get("code") or "",
        "text": told["text"],
        "received_at": _microsecond(datetime.fromisoformat(told["received_at"])),
    }


def _hmac(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _second(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _microsecond(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
