"""The native wire of SMM services and orders. Providers and costs are in no customer answer."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from activations.models import SmmOrder
from activations.models.smm import LONGEST_LINK
from activations.services.smm import Wish
from catalog.models import SmmService
from catalog.models.smm import LARGEST_ORDER
from catalog.services.resolution import Quote
from config.api import Moment, Text, Whole
from config.numbers import plain

Status = SmmOrder.Status

# Our states in the contract's words.
WORDS: Mapping[str, str] = {
    Status.REQUESTED: "pending",
    Status.CALLING: "pending",
    Status.UNKNOWN: "pending",
    Status.PENDING: "pending",
    Status.IN_PROGRESS: "in_progress",
    Status.PARTIAL: "partial",
    Status.COMPLETED: "completed",
    Status.CANCELED: "canceled",
    Status.FAILED: "failed",
}


class SmmOrderInput(serializers.Serializer[Any]):
    smm_service_id = Whole(min_value=1, help_text="SMM service ID.")
    link = Text(max_length=LONGEST_LINK, help_text="Target URL or social profile link, http or https.")
    quantity = Whole(min_value=1, max_value=LARGEST_ORDER, help_text="Between the service's min and max.")

    def wish(self) -> Wish:
        """What is wanted. Raises ValidationError."""
        self.is_valid(raise_exception=True)
        sent = self.validated_data
        return Wish(service_id=sent["smm_service_id"], link=sent["link"], quantity=sent["quantity"])


class SmmServiceShown(serializers.Serializer[Any]):
    """A quote of a service: `rate` is what this customer pays per 1,000."""

    id = serializers.IntegerField(source="offer.product_id")
    name = serializers.CharField(source="offer.name")
    min = serializers.IntegerField(source="offer.min_quantity")
    max = serializers.IntegerField(source="offer.max_quantity")
    rate = serializers.SerializerMethodField(help_text="For 1,000, in `currency`.")
    currency = serializers.CharField()
    category = serializers.CharField(source="offer.category")
    refill = serializers.BooleanField(source="offer.can_refill", help_text="Whether orders can be refilled.")
    cancel = serializers.BooleanField(source="offer.can_cancel", help_text="Whether running orders can be canceled.")

    def get_rate(self, quote: Quote[SmmService]) -> Decimal:
        return plain(quote.amount)


class SmmServiceListed(SmmServiceShown):
    """The same in the order in which the reference prints a list."""

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        first = ("id", "name", "rate")
        return {name: fields[name] for name in (*first, *(name for name in fields if name not in first))}


class SmmOrderShown(serializers.ModelSerializer[SmmOrder]):
    status = serializers.SerializerMethodField(
        help_text="pending, in_progress, partial, completed, canceled or failed."
    )
    progress = serializers.IntegerField(help_text="Delivered, in whole percent, rounded down.")
    smm_service_id = serializers.IntegerField(source="service_id")
    remains = serializers.IntegerField(allow_null=True, help_text="Still to deliver; null until it is known.")
    start_count = serializers.IntegerField(allow_null=True, help_text="What the link had before; null until known.")
    charge = serializers.SerializerMethodField(help_text="What was charged, in `currency`, before any refund.")
    created_at = Moment()
    closed_at = Moment(allow_null=True)
    cancel_requested = serializers.SerializerMethodField()

    class Meta:
        model = SmmOrder
        fields: tuple[str, ...] = (
            "id", "status", "progress", "quantity", "smm_service_id", "link", "start_count", "remains", "charge",
            "currency", "cancel_requested", "created_at", "closed_at", "uuid", "mode",
        )  # fmt: skip

    def get_status(self, row: SmmOrder) -> str:
        return WORDS[row.status]

    def get_charge(self, row: SmmOrder) -> Decimal:
        return plain(row.price)

    def get_cancel_requested(self, row: SmmOrder) -> bool:
        return row.cancel_asked_at is not None


class SmmOrderMade(SmmOrderShown):
    """The same in the order in which the reference prints a new one."""

    class Meta(SmmOrderShown.Meta):
        fields = ("id", "status", "quantity", *(name for name in SmmOrderShown.Meta.fields[2:] if name != "quantity"))
