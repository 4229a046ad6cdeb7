"""The native wire of monthly numbers."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from activations.api.flag import Flag
from activations.models import InboundMessage, Subscription
from activations.services.subscriptions.inventory import Stocked
from activations.services.subscriptions.outlook import Coming, Outlook
from config.api import Moment, Text
from config.numbers import plain

Status = Subscription.Status

# Our states in the contract's words.
WORDS: Mapping[str, str] = {
    Status.REQUESTED: "pending",
    Status.CALLING: "pending",
    Status.UNKNOWN: "pending",
    Status.ACTIVE: "active",
    Status.GRACE: "grace",
    Status.EXPIRED: "expired",
    Status.CANCELED: "canceled",
    Status.RELEASED: "released",
    Status.FAILED: "canceled",  # no number came and all was given back
}


class PurchaseInput(serializers.Serializer[Any]):
    country = Text(max_length=2, help_text="Country code, such as US.")
    auto_renew = Flag(default=False, help_text="Renew it by itself each month; false unless told.")


class AutoRenewInput(serializers.Serializer[Any]):
    auto_renew = Flag(help_text="True to renew it by itself each month.")


class CancelInput(serializers.Serializer[Any]):
    now = Flag(default=False, help_text="True to end it at once instead of with its period.")


class OutgoingInput(serializers.Serializer[Any]):
    to = Text(max_length=32, help_text="Recipient in E.164 format.")
    message = Text(max_length=10_000, help_text="What it says.")


class StockedShown(serializers.Serializer[Any]):
    country = serializers.CharField(source="country.code")
    price = serializers.SerializerMethodField(help_text="Of a month, in your key's currency.")
    name = serializers.CharField(source="country.name")
    stock = serializers.IntegerField(allow_null=True, help_text="How many there are; null where that is not known.")

    def get_price(self, row: Stocked) -> Decimal:
        return plain(row.price)


class SubscriptionShown(serializers.ModelSerializer[Subscription]):
    country = serializers.CharField(source="country.code")
    status = serializers.SerializerMethodField(help_text="pending, active, grace, expired, canceled or released.")
    phone = serializers.SerializerMethodField(help_text="E.164; null until the provider has given a number.")
    started_at = Moment(allow_null=True)
    expires_at = Moment(allow_null=True, help_text="End of the current period.")
    next_renewal_at = Moment(allow_null=True, help_text="Null when it is not going to be renewed.")
    grace_until = serializers.SerializerMethodField(help_text="When it is released unless it is paid; else null.")
    price = serializers.SerializerMethodField(help_text="Of the current period.")
    created_at = Moment()

    class Meta:
        model = Subscription
        fields = (
            "id", "country", "status", "phone", "auto_renew", "started_at", "expires_at", "next_renewal_at",
            "grace_until", "period", "price", "currency", "created_at", "uuid", "mode",
        )  # fmt: skip

    def get_status(self, row: Subscription) -> str:
        return WORDS[row.status]

    def get_phone(self, row: Subscription) -> str | None:
        return row.phone or None

    def get_grace_until(self, row: Subscription) -> str | None:
        return _moment(row.grace_until) if row.status == Status.GRACE else None

    def get_price(self, row: Subscription) -> Decimal:
        return plain(row.price)


class IncomingShown(serializers.ModelSerializer[InboundMessage]):
    message = serializers.CharField(source="text")
    received_at = Moment()

    class Meta:
        model = InboundMessage
        fields = ("message", "id", "received_at")

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python's own.
        return {"from": serializers.CharField(source="sender")} | super().get_fields()


class ComingShown(serializers.Serializer[Any]):
    subscription_id = serializers.IntegerField(source="subscription.pk")
    country = serializers.CharField(source="subscription.country.code")
    phone = serializers.CharField(source="subscription.phone")
    period = serializers.IntegerField()
    renews_at = Moment()
    price = serializers.SerializerMethodField(help_text="As quoted now for then; null where nothing is sold any more.")
    covered = serializers.BooleanField(source="is_covered", help_text="Does the wallet pay for it and all before it?")
    available_after = serializers.SerializerMethodField()

    def get_price(self, row: Coming) -> Decimal | None:
        return None if row.price is None else plain(row.price)

    def get_available_after(self, row: Coming) -> Decimal:
        return plain(row.available_after)


class OutlookMeta(serializers.Serializer[Any]):
    currency = serializers.CharField()
    available = serializers.SerializerMethodField()
    until = Moment()
    total = serializers.SerializerMethodField()
    shortfall = serializers.SerializerMethodField(help_text="What is missing for all of it; 0 when it is covered.")

    def get_available(self, row: Outlook) -> Decimal:
        return plain(row.available)

    def get_total(self, row: Outlook) -> Decimal:
        return plain(row.total)

    def get_shortfall(self, row: Outlook) -> Decimal:
        return plain(row.shortfall)


def _moment(at: datetime | None) -> str | None:
    return None if at is None else str(Moment().to_representation(at))
