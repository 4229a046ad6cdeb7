"""What SMSGig's clients send, and how they are answered."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.http import QueryDict
from rest_framework import serializers

from activations.models import Activation
from activations.services.buying import Wish
from activations.services.stock import Offered
from config.api import Malformed, Text, Whole
from config.numbers import plain
from wallets.models import Transaction, Wallet

COUNTRY = "US"  # of server 1
FINISHED = "finished"
Status = Activation.Status

# Our states in the reference's words. One that came to nothing was never given: canceled, and the money is back.
WORDS: Mapping[str, str] = {
    Status.REQUESTED: "pending",
    Status.CALLING: "pending",
    Status.UNKNOWN: "pending",
    Status.WAITING: "waiting",
    Status.CLOSING: "waiting",
    Status.RECEIVED: "received",
    Status.FINISHED: FINISHED,
    Status.EXPIRED: "expired",
    Status.CANCELED: "canceled",
    Status.FAILED: "canceled",
}
CANCELED = "Rental canceled and refund processed"
CANCELING = "Rental is being canceled, the refund follows"
SAYS: Mapping[str, str] = {
    "pending": "The number is not confirmed yet",
    "waiting": "No SMS received yet",
    "canceled": CANCELED,
    "expired": "Rental expired and refund processed",
    FINISHED: "Rental finished",
}


class RentInput(serializers.Serializer[Any]):
    service_code = Text(max_length=100)
    area_code = Text(max_length=100, required=False, allow_null=True, allow_blank=True)
    carrier = Text(max_length=100, required=False, allow_null=True, allow_blank=True)


class RentalInput(serializers.Serializer[Any]):
    activation_id = Whole(min_value=1)


class UpdateInput(RentalInput):
    action = Text(max_length=100, required=False, allow_null=True, allow_blank=True)


class TransactionsQuery(serializers.Serializer[Any]):
    limit = Whole(min_value=1, max_value=100, default=20)
    page = Whole(min_value=1, default=1)
    type = serializers.ChoiceField(["purchase", "refund", "deposit"], required=False)


class ServicesQuery(serializers.Serializer[Any]):
    page = Whole(min_value=1, default=1)


def parsed(form: type[serializers.Serializer[Any]], sent: Any) -> dict[str, Any]:
    """What was sent, understood. Raises ValidationError, per field."""
    # Of a form and a query too: what was sent empty was sent.
    filled = form(data=sent.dict() if isinstance(sent, QueryDict) else sent)
    filled.is_valid(raise_exception=True)
    return filled.validated_data


def wish(sent: Any) -> Wish:
    """What is wanted: on this server a US number, paid for at once."""
    wanted = parsed(RentInput, sent)
    return Wish(
        service=wanted["service_code"],
        country=COUNTRY,
        settlement=Activation.Settlement.UPFRONT,
        area_code=wanted.get("area_code") or "",
        carrier=wanted.get("carrier") or "",
    )


def wants_to_finish(action: str | None) -> bool:
    """Whether the rental is to be completed, or shown only. Raises Malformed for any other action."""
    if action not in {None, FINISHED}:
        raise Malformed("Unknown action.")
    return action == FINISHED


def balance(wallet: Wallet) -> dict[str, Any]:
    return {
        "status": "success",
        "balance": plain(max(wallet.available, Decimal(0))),
        "currency": wallet.currency,
    }


def service(row: Offered) -> dict[str, Any]:
    return {
        "service_code": row.service.slug,
        "name": row.service.name,
        "price": plain(row.price),
        "ttl": row.ttl_seconds,
        "count": row.stock,
        "multiple_sms": row.multiple_sms,
    }


def transaction(row: Transaction) -> dict[str, Any]:
    return {
        "id": row.pk,
        "type": _type_of(row),
        "amount": plain(row.amount),
        "description": row.description,
        "created_at": moment(row.posted_at),
    }


def rented(row: Activation) -> dict[str, Any]:
    """A rental as `rent` tells it."""
    return {
        "activation_id": row.pk,
        "phone_number": _digits(row),
        "status": WORDS[row.status],
        "service_code": row.service.slug,
        "price": plain(row.price),
        "ttl": row.ttl_seconds,
        "created_at": moment(row.created_at),
    }


def rental(row: Activation) -> dict[str, Any]:
    """The same with its SMS: the latest, and all of them where several may come."""
    return {
        "activation_id": row.pk,
        "phone_number": _digits(row),
        "service_code": row.service.slug,
        "status": WORDS[row.status],
        **_sms(row),
        "price": plain(row.price),
        "created_at": moment(row.created_at),
        "ttl": row.ttl_seconds,
        "messages": _messages(row),
    }


def status(row: Activation) -> dict[str, Any]:
    """A rental's state: with its SMS as soon as there is one, else in words."""
    word = WORDS[row.status]
    answer: dict[str, Any] = {"status": word}
    if row.shown_messages:
        answer |= _sms(row)
    if word in SAYS:
        answer["message"] = SAYS[word]
    return answer | ({"messages": _messages(row)} if row.multiple_sms and row.shown_messages else {})


def moment(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def _type_of(row: Transaction) -> str:
    if (row.wallet_delta or 0) < 0:
        return "purchase"
    return "refund" if row.reverses_id else "deposit"


def _digits(row: Activation) -> str:
    return row.phone.removeprefix("+")


def _sms(row: Activation) -> dict[str, str | None]:
    """The latest SMS; `code` is empty where it holds none."""
    latest = row.shown_messages[-1] if row.shown_messages else None
    return {"code": latest.code if latest else None, "text": latest.text if latest else None}


def _messages(row: Activation) -> list[dict[str, str]]:
    return [
        {"code": each.code, "text": each.text, "received_at": moment(each.received_at)} for each in row.shown_messages
    ]
