"""How SMSGist's clients are answered."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from config.api import Moment
from config.numbers import plain
from notifications.models import Message, Sending
from wallets.models import Wallet

State = Message.State
ACTION_DONE = "Action performed successfully"
NAMES: Mapping[str, str] = {"sms": "SMS", "email": "Email"}

QUEUED, SENT, FAILED, CANCELED = "queued", "sent", "failed", "canceled"
# The ladder in the reference's words: `send_status` and `delivery_status` of a recipient.
WORDS: Mapping[str, tuple[str, str]] = {
    State.SCHEDULED: (QUEUED, "PENDING"),
    State.ACCEPTED: (QUEUED, "PENDING"),
    State.QUEUED: (QUEUED, "PENDING"),
    State.SENDING: (SENT, "PENDING"),
    State.SENT: (SENT, "PENDING"),
    State.DELIVERED: (SENT, "DELIVERED"),
    State.READ: (SENT, "DELIVERED"),
    State.UNDELIVERED: (FAILED, "FAILED"),
    State.EXPIRED: (FAILED, "EXPIRED"),
    State.FAILED: (FAILED, "FAILED"),
    State.REJECTED: (FAILED, "FAILED"),
    State.CANCELED: (CANCELED, "CANCELED"),
}
# Why, where more is known than the state tells.
FAILURES: Mapping[str, str] = {
    "suppressed": "Recipient has opted out or is on the suppression list",
    "not_taken": "The carrier did not take the message",
    "no_report": "No delivery report in time",
}
ENDS: Mapping[str, str] = {
    State.UNDELIVERED: "Number not reachable",
    State.EXPIRED: "No delivery report in time",
    State.FAILED: "The message could not be sent",
    State.REJECTED: "The carrier refused this recipient",
    State.CANCELED: "Canceled before it was sent",
}
UNREACHED: Mapping[str, str] = {"email": "Address not reachable"}


class Row(NamedTuple):
    """One recipient, as read in one statement with all the others: what is counted agrees with what is listed."""

    uuid: UUID
    to: str
    state: str
    failure: str
    accepted_at: datetime | None  # by the carrier
    delivered_at: datetime | None


# In the order of Row's fields.
COLUMNS = ("uuid", "to", "state", "failure", "accepted_at", "delivered_at")


def success(message: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"status": "success", "message": message, "data": data}


def queued(sending: Sending, rows: Sequence[Row]) -> dict[str, Any]:
    """A new message and its recipients."""
    data = {
        "message_id": str(sending.uuid),
        "status": overall(rows),
        "recipients_count": sending.recipients,
        "segments": sending.segments,
        "total_cost": plain(sending.price),
        "cost_per_unit": plain(sending.unit_price),
        "recipients": [{"recipient_id": str(row.uuid), "recipient": row.to} for row in rows],
    }
    return success(f"{NAMES[sending.channel]} queued for sending successfully", data)


def requeued(sending: Sending, original: Sending, rows: Sequence[Row]) -> dict[str, Any]:
    data = {
        "message_id": str(sending.uuid),
        "original_message_id": str(original.uuid),
        "status": overall(rows),
        "recipients_count": sending.recipients,
        "total_cost": plain(sending.price),
    }
    return success("Message re-queued successfully", data)


def status(sending: Sending, rows: Sequence[Row]) -> dict[str, Any]:
    """What became of a message, and of each recipient."""
    delivered = sum(row.state in Message.ARRIVED for row in rows)
    pending = sum(row.state not in Message.FINAL for row in rows)
    data = {
        "message_id": str(sending.uuid),
        "service": sending.channel,
        "status": overall(rows),
        "total_recipients": len(rows),
        "delivered": delivered,
        "pending": pending,
        "failed": len(rows) - delivered - pending,
        "sent_at": moment(min((row.accepted_at for row in rows if row.accepted_at), default=None)),
        "recipients": [_recipient(row, sending.channel) for row in rows],
    }
    return success(ACTION_DONE, data)


def balance(wallet: Wallet) -> dict[str, Any]:
    data = {
        "balance": plain(wallet.balance),
        "reserved": plain(wallet.held),
        "available": plain(wallet.balance - wallet.held),
        "currency": wallet.currency,
    }
    return success(ACTION_DONE, data)


def overall(rows: Iterable[Row]) -> str:
    """Of all recipients: failed only if all failed, sent as soon as one was."""
    words = {WORDS[row.state][0] for row in rows}
    if SENT in words:
        return SENT
    if QUEUED in words:
        return QUEUED
    return FAILED if FAILED in words else CANCELED


def moment(value: datetime | None) -> str | None:
    return None if value is None else Moment().to_representation(value)


def _recipient(row: Row, channel: str) -> dict[str, Any]:
    send_status, delivery_status = WORDS[row.state]
    return {
        "recipient_id": str(row.uuid),
        "recipient": row.to,
        "send_status": send_status,
        "delivery_status": delivery_status,
        "delivered_at": moment(row.delivered_at),
        "error_message": error_message(row, channel),
    }


def error_message(row: Row, channel: str) -> str | None:
    """Why a recipient was not reached, in a sentence; the carrier's own codes are for staff."""
    if row.state not in ENDS:
        return None
    told = UNREACHED.get(channel) if row.state == State.UNDELIVERED else None
    return FAILURES.get(row.failure) or told or ENDS[row.state]
