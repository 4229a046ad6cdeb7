"""The native wire of notifications, templates and senders."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from django.http import QueryDict
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api import Moment, Text, Whole, parse_json
from config.numbers import plain
from notifications.models import Message, MessageTemplate, Sender, TemplateVersion
from notifications.services import Notification
from notifications.services.states import NATIVE_WORDS

INDEX = re.compile(r"\A[1-9][0-9]?\Z")
LARGEST_ID = 10**18 - 1
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}, "example": {"1": "123456"}}


@extend_schema_field(TEXTS)
class Variables(serializers.Field[dict[str, str], Any, Any, Any]):
    """Texts by placeholder: {"1": "123456"}. A form sends the same as JSON text, or as `variables[1]`."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "not_an_object": 'Give an object such as {{"1": "123456"}}.',
        "not_an_index": "The keys are the placeholders' numbers, from 1 to 99.",
        "not_text": "The values are texts.",
    }

    def get_value(self, dictionary: Any) -> Any:
        if not isinstance(dictionary, QueryDict):
            return super().get_value(dictionary)
        prefix, name = f"{self.field_name}[", self.field_name or ""
        by_key = {key[len(prefix) : -1]: value for key, value in dictionary.items() if key.startswith(prefix)}
        if by_key or name not in dictionary:
            return by_key or serializers.empty
        text = str(dictionary[name] or "")
        return parse_json(text) if text.lstrip().startswith("{") else text

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if not isinstance(data, Mapping):
            self.fail("not_an_object")
        if not all(isinstance(key, str) and INDEX.match(key) for key in data):
            self.fail("not_an_index")
        if not all(isinstance(value, str) for value in data.values()):
            self.fail("not_text")
        return dict(data)

    def to_representation(self, value: Any) -> Any:
        return value


class SendInput(serializers.Serializer[Any]):
    template_id = Whole(min_value=1, max_value=LARGEST_ID, help_text="Approved WhatsApp template.")
    to = Text(max_length=32, help_text="Recipient in E.164 format.")
    variables = Variables(required=False, help_text="Texts by placeholder.")

    def notification(self) -> Notification:
        self.is_valid(raise_exception=True)
        return Notification(**{"variables": {}, **self.validated_data})


class MessageShown(serializers.ModelSerializer[Message]):
    """A message exactly as the contract prints it."""

    template_id = serializers.IntegerField()
    message_sid = serializers.CharField(source="provider_message_id", allow_null=True)
    status = serializers.SerializerMethodField(help_text="queued, sent, delivered, read, undelivered or failed.")
    unit_price_ngn = serializers.SerializerMethodField()
    charged_amount_ngn = serializers.SerializerMethodField(help_text="0 in test and dry run.")
    billing_status = serializers.CharField(source="billing", help_text="charged, refunded or free.")

    class Meta:
        model = Message
        fields: tuple[str, ...] = (
            "id", "template_id", "message_sid", "status", "to", "unit_price_ngn", "quantity", "charged_amount_ngn",
            "billing_status",
        )  # fmt: skip

    def get_status(self, row: Message) -> str:
        return NATIVE_WORDS[row.state]

    def get_unit_price_ngn(self, row: Message) -> Decimal:
        return plain(row.unit_price)

    def get_charged_amount_ngn(self, row: Message) -> Decimal:
        free = row.billing == Message.Billing.FREE
        return Decimal(0) if free else plain(row.unit_price * row.quantity)


class MessageListed(MessageShown):
    """In the history: the same, then what happened when."""

    created_at = Moment()
    sent_at = Moment(allow_null=True)
    delivered_at = Moment(allow_null=True)

    class Meta(MessageShown.Meta):
        fields = (*MessageShown.Meta.fields, "uuid", "mode", "created_at", "sent_at", "delivered_at")


class MessageDetailed(MessageListed):
    """One message: also its text, while it is kept, and what the wallet paid."""

    template_version = serializers.SerializerMethodField()
    body = serializers.SerializerMethodField(help_text="null once it was erased.")
    charged_amount = serializers.SerializerMethodField(help_text="In the wallet's currency.")
    exchange_rate = serializers.SerializerMethodField(help_text="From NGN to the wallet's currency; null for NGN.")

    class Meta(MessageListed.Meta):
        fields = (
            *MessageListed.Meta.fields, "template_version", "body", "charged_amount", "currency", "exchange_rate",
        )  # fmt: skip

    def get_template_version(self, row: Message) -> int | None:
        return row.version.number if row.version else None

    def get_body(self, row: Message) -> str | None:
        return row.body if row.erased_at is None else None

    def get_charged_amount(self, row: Message) -> Decimal:
        return Decimal(0) if row.billing == Message.Billing.FREE else plain(row.price)

    def get_exchange_rate(self, row: Message) -> Decimal | None:
        return plain(row.rate) if row.rate is not None and row.original_currency != row.currency else None


class VersionInput(serializers.Serializer[Any]):
    category = Text(max_length=16, help_text="utility, marketing or authentication.")
    body = Text(max_length=1024, help_text="Text with {{1}}, {{2}} … where the variables go.")
    examples = Variables(required=False, help_text="An example for each placeholder; needed to submit.")

    def words(self) -> dict[str, Any]:
        self.is_valid(raise_exception=True)
        return {"examples": {}, **self.validated_data}


class TemplateInput(VersionInput):
    name = Text(max_length=100, help_text="Small letters, digits and _.")
    language = Text(max_length=10, required=False, default="en", help_text="en, en_US …")


class VersionShown(serializers.ModelSerializer[TemplateVersion]):
    version = serializers.IntegerField(source="number")
    reason = serializers.SerializerMethodField(help_text="Why it was rejected, paused or disabled.")
    created_at = Moment()
    submitted_at = Moment(allow_null=True)
    decided_at = Moment(allow_null=True)

    class Meta:
        model = TemplateVersion
        fields = (
            "version", "status", "category", "body", "examples", "reason", "created_at", "submitted_at", "decided_at",
        )  # fmt: skip

    def get_reason(self, row: TemplateVersion) -> str | None:
        return row.reason or None


class TemplateListed(serializers.ModelSerializer[MessageTemplate]):
    """`status`, `category`, `body` and the like are of the version in force, else of the latest."""

    status = serializers.CharField(source="shown.status")
    version = serializers.IntegerField(source="shown.number")
    category = serializers.CharField(source="shown.category")
    body = serializers.CharField(source="shown.body")
    examples = serializers.JSONField(source="shown.examples")
    reason = serializers.SerializerMethodField(help_text="Why it was rejected, paused or disabled.")
    latest_version = serializers.IntegerField(source="latest.number")
    latest_status = serializers.CharField(source="latest.status")
    created_at = Moment()

    class Meta:
        model = MessageTemplate
        fields: tuple[str, ...] = (
            "id", "name", "channel", "language", "status", "version", "category", "body", "examples", "reason",
            "latest_version", "latest_status", "created_at",
        )  # fmt: skip

    def get_reason(self, row: MessageTemplate) -> str | None:
        return row.shown.reason or None


class TemplateShown(TemplateListed):
    versions = VersionShown(many=True, source="all_versions", help_text="Newest first.")

    class Meta(TemplateListed.Meta):
        fields = (*TemplateListed.Meta.fields, "versions")


class SenderInput(serializers.Serializer[Any]):
    channel = Text(max_length=10, help_text="whatsapp, sms or email.")
    address = Text(max_length=254, help_text="E.164 number, name or e-mail address, by the channel.")


class SenderShown(serializers.ModelSerializer[Sender]):
    reason = serializers.SerializerMethodField(help_text="Why it was rejected or disabled.")
    is_house = serializers.SerializerMethodField(help_text="Offered by the house to every customer.")
    created_at = Moment()
    decided_at = Moment(allow_null=True)

    class Meta:
        model = Sender
        fields = ("id", "channel", "address", "status", "reason", "is_house", "created_at", "decided_at")

    def get_reason(self, row: Sender) -> str | None:
        return row.reason or None

    def get_is_house(self, row: Sender) -> bool:
        return row.customer_id is None


class StatusInput(serializers.Serializer[Any]):
    """What Twilio posts of a message, as far as it matters here. Source: its status callbacks."""

    MessageSid = serializers.RegexField(r"\A[A-Za-z0-9_-]{1,64}\Z", trim_whitespace=False)
    MessageStatus = serializers.RegexField(r"\A[a-z_-]{1,32}\Z", trim_whitespace=False)
    ErrorCode = serializers.RegexField(
        r"\A[A-Za-z0-9_-]{0,32}\Z", trim_whitespace=False, required=False, allow_blank=True, default=""
    )
