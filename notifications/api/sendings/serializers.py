"""The native wire of SMS and e-mail: what is sent, and how it stands."""

import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from django.http import QueryDict
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api import Moment, Text, parse_json
from config.numbers import plain
from notifications.models import Channel, Message, Sending
from notifications.services import Calculation, Counts, Line, SendingWanted
from notifications.services.states import SENDING_WORDS

E164 = re.compile(r"\A\+[0-9]{8,15}\Z")
NOT_E164 = "Give each number in E.164 format: + and 8 to 15 digits."
YES = {True: True, False: False, "true": True, "false": False, "1": True, "0": False}


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
class Recipients(serializers.Field[list[str], Any, list[str], Any]):
    """One recipient, or a list of them. A form repeats the field, with `[]` or without, or gives JSON text."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": "Give a recipient, or a list of them as texts.",
        "empty": "Give at least one recipient.",
    }

    def get_value(self, dictionary: Any) -> Any:
        """All that a form gives: its last value alone would leave recipients out without a word."""
        if not isinstance(dictionary, QueryDict):
            return super().get_value(dictionary)
        name = self.field_name or ""
        once, listed = dictionary.getlist(name), dictionary.getlist(f"{name}[]")
        if listed or len(once) > 1:
            return [*once, *listed]
        return once[0] if once else serializers.empty

    def to_internal_value(self, data: Any) -> list[str]:
        if isinstance(data, str):
            data = parse_json(f'{{"list": {data}}}')["list"] if data.lstrip().startswith("[") else [data]
        if not isinstance(data, list) or not all(type(to) is str for to in data):
            self.fail("invalid")
        if not data:
            self.fail("empty")
        return data

    def to_representation(self, value: list[str]) -> list[str]:
        return value


@extend_schema_field(bool)
class YesOrNo(serializers.Field[bool, Any, bool, Any]):
    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": "Must be true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool | str) or data not in YES:
            self.fail("invalid")
        return YES[data]

    def to_representation(self, value: bool) -> bool:
        return value


class SendingInput(serializers.Serializer[Any]):
    """`to` and `recipients` are two words for the same, and so are `text` and `body`."""

    channel = serializers.ChoiceField(choices=["sms", "email"], default="sms")
    to = Recipients(required=False, help_text="One recipient or several.")
    recipients = Recipients(required=False, help_text="The same.")
    text = Text(required=False, max_length=1_000_000, help_text="The SMS, or the body of the e-mail.")
    body = Text(required=False, max_length=1_000_000, help_text="The same.")
    subject = Text(required=False, max_length=998, help_text="Of an e-mail.")
    from_name = Text(required=False, allow_blank=True, max_length=128, help_text="Shown beside an e-mail's sender.")
    reply_to = Text(required=False, allow_blank=True, max_length=254, help_text="Where answers to an e-mail go.")
    no_tracking = YesOrNo(required=False, help_text="E-mail: no open and click tracking.")
    sender = Text(required=False, max_length=254, help_text="An approved sender; else your newest, else the house's.")
    route = Text(required=False, max_length=32, help_text="regular, otp (before all others) or a carrier's name.")
    scheduled_at = Moment(required=False, allow_null=True, help_text="When it goes out; past or absent: now.")
    remove_duplicates = YesOrNo(required=False, help_text="Send once to a recipient who is given twice.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs["recipients"] = [*attrs.pop("to", []), *attrs.get("recipients", [])]
        attrs["text"] = attrs.pop("body", None) or attrs.get("text")
        missing = {name: ["This field is required."] for name in ("recipients", "text") if not attrs[name]}
        if missing:
            raise serializers.ValidationError(missing)
        if attrs["channel"] == Channel.SMS and not all(map(E164.match, attrs["recipients"])):
            raise serializers.ValidationError({"recipients": [NOT_E164]})
        return attrs

    def wanted(self, redirects: Mapping[str, str]) -> SendingWanted:
        """What is asked for; in test mode it goes to `redirects` of its channel instead."""
        self.is_valid(raise_exception=True)
        channel = self.validated_data["channel"]
        return SendingWanted(redirect_to=redirects.get(channel, ""), **self.validated_data)


class RecipientShown(serializers.ModelSerializer[Message]):
    """One recipient's message."""

    sending_id = serializers.IntegerField(source="chunk.sending_id")
    status = serializers.SerializerMethodField(
        help_text="queued, sent, delivered, read, undelivered or failed; canceled when it was taken back."
    )
    segments = serializers.SerializerMethodField(help_text="Of an SMS; null for an e-mail.")
    price = serializers.SerializerMethodField(help_text="For all of it, tax included; 0 where nothing is due.")
    billing_status = serializers.CharField(source="billing", help_text="held, charged, refunded, released or free.")
    reason = serializers.SerializerMethodField(help_text="Why it failed; null otherwise.")
    retry_of = serializers.IntegerField(source="retry_of_id", allow_null=True)
    created_at = Moment()
    sent_at = Moment(allow_null=True)
    delivered_at = Moment(allow_null=True)

    class Meta:
        model = Message
        fields: tuple[str, ...] = (
            "id", "uuid", "sending_id", "channel", "to", "status", "reason", "segments", "price", "currency",
            "billing_status", "mode", "retry_of", "created_at", "sent_at", "delivered_at",
        )  # fmt: skip

    def get_status(self, row: Message) -> str:
        return SENDING_WORDS[row.state]

    def get_segments(self, row: Message) -> int | None:
        return row.quantity if row.channel == Channel.SMS else None

    def get_price(self, row: Message) -> Decimal:
        return Decimal(0) if row.billing == Message.Billing.FREE else plain(row.price)

    def get_reason(self, row: Message) -> str | None:
        return row.failure or None


class RecipientDetailed(RecipientShown):
    """One message, with what it says while that is kept."""

    sender = serializers.CharField(source="chunk.sending.comes_from")
    subject = serializers.SerializerMethodField()
    text = serializers.SerializerMethodField(help_text="null once it was erased.")

    class Meta(RecipientShown.Meta):
        fields = (*RecipientShown.Meta.fields, "sender", "subject", "text")

    def get_subject(self, row: Message) -> str | None:
        return (row.chunk.sending.subject or None) if row.chunk else None

    def get_text(self, row: Message) -> str | None:
        sending = row.chunk.sending if row.chunk else None
        return sending.text if sending and sending.erased_at is None else None


class SendingShown(serializers.ModelSerializer[Sending]):
    """A sending: one text to its recipients."""

    sender = serializers.CharField(source="comes_from")
    price = serializers.SerializerMethodField(help_text="For all of it, tax included, as it was quoted.")
    tax = serializers.SerializerMethodField(help_text="Of it, tax.")
    segments = serializers.SerializerMethodField(help_text="Of one SMS; null for an e-mail.")
    retry_of = serializers.IntegerField(source="retry_of_id", allow_null=True)
    scheduled_at = Moment()
    created_at = Moment()
    sent_at = Moment(allow_null=True, help_text="When the first of it was handed over.")
    closed_at = Moment(allow_null=True, help_text="When the last recipient became final.")

    class Meta:
        model = Sending
        fields: tuple[str, ...] = (
            "id", "uuid", "channel", "status", "route", "sender", "recipients", "segments", "price", "tax", "currency",
            "mode", "retry_of", "scheduled_at", "created_at", "sent_at", "closed_at",
        )  # fmt: skip

    def get_price(self, row: Sending) -> Decimal:
        return plain(row.price) if row.moves_money else Decimal(0)

    def get_tax(self, row: Sending) -> Decimal:
        return plain(row.tax) if row.moves_money else Decimal(0)

    def get_segments(self, row: Sending) -> int | None:
        return row.segments or None


class CountsShown(serializers.Serializer[Counts]):
    total = serializers.IntegerField()
    pending = serializers.IntegerField()
    delivered = serializers.IntegerField()
    failed = serializers.IntegerField()


class SendingDetailed(SendingShown):
    """And its text while that is kept; `counts` are read from its recipients now."""

    subject = serializers.CharField()
    text = serializers.SerializerMethodField(help_text="null once it was erased.")

    class Meta(SendingShown.Meta):
        fields = (*SendingShown.Meta.fields, "subject", "text")

    def get_text(self, row: Sending) -> str | None:
        return row.text if row.erased_at is None else None


class RouteShown(serializers.Serializer[Any]):
    channel = serializers.CharField()
    name = serializers.CharField(help_text="What is sent as `route`.")
    goes_first = serializers.BooleanField(help_text="Before all others, as one-time passwords do.")
    refund_undelivered = serializers.BooleanField(
        help_text="Whether what was sent and not delivered, or not reported in time, is given back."
    )


class CalculateInput(serializers.Serializer[Any]):
    text = Text(max_length=10_000)
    recipients = Recipients()


class DestinationShown(serializers.Serializer[Any]):
    """What all recipients at one destination take."""

    destination = serializers.CharField(help_text="Country and network, as far as they are known.")
    mcc = serializers.CharField()
    mnc = serializers.CharField(allow_null=True)
    recipients = serializers.IntegerField()
    unit_price = serializers.DecimalField(20, 6, help_text="Of one segment, before tax.")
    price = serializers.DecimalField(20, 6, help_text="For all of them, tax included.")


class CalculationShown(serializers.Serializer[Any]):
    segments = serializers.IntegerField(help_text="Of the text, to one recipient.")
    recipients = serializers.IntegerField()
    subtotal = serializers.DecimalField(20, 6)
    tax = serializers.DecimalField(20, 6)
    total = serializers.DecimalField(20, 6)
    currency = serializers.CharField()
    destinations = DestinationShown(many=True)


def shown_calculation(found: Calculation, currency: str) -> dict[str, Any]:
    """A calculation by destination, dearest first."""
    # By the rate's identity: the recipients of one destination share one object.
    counted = Counter(id(line.rate) for line in found.lines)
    first: dict[int, Line] = {}
    for line in found.lines:
        first.setdefault(id(line.rate), line)
    rows = [_destination(line, counted[key]) for key, line in first.items()]
    return {
        "segments": found.segments,
        "recipients": len(found.lines),
        "subtotal": plain(found.subtotal),
        "tax": plain(found.tax),
        "total": plain(found.total),
        "currency": currency,
        "destinations": sorted(rows, key=lambda row: -row["price"]),
    }


def _destination(line: Line, count: int) -> dict[str, Any]:
    return {
        "destination": line.rate.destination.strip() or "Elsewhere",
        "mcc": line.rate.mcc,
        "mnc": line.rate.mnc,
        "recipients": count,
        "unit_price": plain(line.rate.amount),
        "price": plain(line.price * count),
    }
