"""The native wire of activations."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from activations.models import Activation, InboundMessage
from activations.services.buying import Wish
from catalog.errors import InvalidCountry, InvalidService
from config.api import Moment, Text
from config.numbers import plain

Status = Activation.Status

# Our states in the contract's words.
WORDS: Mapping[str, str] = {
    Status.REQUESTED: "pending",
    Status.CALLING: "pending",
    Status.UNKNOWN: "pending",
    Status.WAITING: "pending",
    Status.CLOSING: "pending",
    Status.RECEIVED: "completed",
    Status.FINISHED: "completed",
    Status.EXPIRED: "expired",
    Status.CANCELED: "canceled",
    Status.FAILED: "failed",
}


class BuyInput(serializers.Serializer[Any]):
    service = Text(max_length=100, help_text="Service slug, such as telegram.")
    country = Text(max_length=2, help_text="Country code, such as US.")
    area_code = Text(max_length=8, required=False, allow_blank=True, help_text="Preferred, never insisted on.")
    carrier = Text(max_length=64, required=False, allow_blank=True, help_text="Preferred, never insisted on.")
    settlement = serializers.ChoiceField(
        Activation.Settlement.choices,
        required=False,
        help_text="on_delivery: held, taken with the first SMS. upfront: taken at once, refunded without an SMS.",
    )

    def wish(self) -> Wish:
        """What is wanted. A service or country that is missing or mistyped is an invalid one: 400 in this contract."""
        if not self.is_valid():
            if not {"service", "country"} & self.errors.keys():
                raise serializers.ValidationError(self.errors)
            raise (InvalidService if "service" in self.errors else InvalidCountry)
        return Wish(**self.validated_data)


class ActivationShown(serializers.ModelSerializer[Activation]):
    phone = serializers.SerializerMethodField(help_text="E.164; null until the provider has given a number.")
    service = serializers.CharField(source="service.slug")
    country = serializers.CharField(source="country.code")
    timeout = serializers.SerializerMethodField(help_text="Seconds left for the SMS.")
    created_at = Moment()
    status = serializers.SerializerMethodField()
    price = serializers.SerializerMethodField()
    expires_at = Moment(allow_null=True)
    code = serializers.SerializerMethodField()

    class Meta:
        model = Activation
        fields = (
            "id", "phone", "service", "country", "timeout", "created_at", "uuid", "status", "price", "currency",
            "expires_at", "code", "mode",
        )  # fmt: skip

    def get_phone(self, row: Activation) -> str | None:
        return row.phone or None

    def get_timeout(self, row: Activation) -> int:
        return row.seconds_left(timezone.now()) if row.is_open else 0

    def get_status(self, row: Activation) -> str:
        return WORDS[row.status]

    def get_price(self, row: Activation) -> Decimal:
        return plain(row.price)

    def get_code(self, row: Activation) -> str | None:
        return row.code or None


class ReceivedShown(serializers.ModelSerializer[InboundMessage]):
    received_at = Moment()

    class Meta:
        model = InboundMessage
        fields = ("code", "text", "sender", "received_at")


class SmsShown(serializers.Serializer[Any]):
    """The answer to `check-sms`: null and pending, or the code for ever."""

    code = serializers.SerializerMethodField()
    status = serializers.SerializerMethodField()
    messages = ReceivedShown(many=True, source="shown_messages")

    def get_code(self, row: Activation) -> str | None:
        # A text without a code in it is still what the customer waits for.
        first = next(iter(row.shown_messages), None)
        return row.code or (first.text if first else "") or None

    def get_status(self, row: Activation) -> str:
        return WORDS[row.status]
