"""What a text would be and cost before anybody sends it."""

import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from drf_spectacular.utils import OpenApiExample, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.api.base import KeyView
from catalog.services.rates import Rate
from config.api import MoneyField, Text
from config.api.schema import enveloped
from notifications import services
from notifications.services.segments import Segments, segment
from notifications.services.sendings.calculating import Line

LONGEST_TEXT = 10_000
MOST_RECIPIENTS = 100_000
EXAMPLE = OpenApiExample(
    "One character makes it Unicode",
    {"text": "Ça coûte 5 €", "recipients": ["+254711000000", "+4520123456"]},
    request_only=True,
)


class PreviewInput(serializers.Serializer[Any]):
    text = Text(max_length=LONGEST_TEXT, allow_blank=True, help_text="The text of the SMS.")
    recipients = serializers.ListField(
        child=Text(max_length=32), required=False, default=list, max_length=MOST_RECIPIENTS,
        help_text="Numbers in E.164 format; without them nothing is priced.",
    )  # fmt: skip


class DestinationCost(NamedTuple):
    """Every recipient of one destination: `price` of one segment, `total` of all of them, tax included."""

    rate: Rate
    recipients: int
    total: Decimal


class DestinationCostShown(serializers.Serializer[Any]):
    country_id = serializers.IntegerField(source="rate.country_id", allow_null=True)
    country = serializers.CharField(source="rate.country", help_text="Empty: the default rate.")
    network = serializers.CharField(source="rate.operator", help_text="Empty: the whole country's rate.")
    mcc = serializers.CharField(source="rate.mcc")
    mnc = serializers.CharField(source="rate.mnc", allow_null=True)
    recipients = serializers.IntegerField()
    price = MoneyField(source="rate.amount", help_text="Of one segment to one recipient, before tax.")
    total = MoneyField(help_text="Of all segments to all these recipients, with tax.")


class CulpritShown(serializers.Serializer[Any]):
    character = serializers.CharField(source="unicode_because")
    name = serializers.SerializerMethodField(help_text="As Unicode calls it.")
    position = serializers.IntegerField(source="unicode_at", help_text="In the text, from 0.")

    def get_name(self, text: Segments) -> str:
        return unicodedata.name(text.unicode_because or " ", "")


class TextShown(serializers.Serializer[Any]):
    encoding = serializers.CharField(help_text="gsm7, or ucs2 (Unicode), which holds less than half as much.")
    segments = serializers.IntegerField(source="count", help_text="What is paid for, to each recipient.")
    characters = serializers.SerializerMethodField()
    units = serializers.IntegerField(help_text="Septets in gsm7, 16-bit units in ucs2: 160 or 70 in one segment.")
    unicode_because = serializers.SerializerMethodField(help_text="The first character that gsm7 lacks.")
    parts = serializers.ListField(child=serializers.CharField(), help_text="The text, cut where it is cut on its way.")

    def get_characters(self, text: Segments) -> int:
        return len(text.text)

    def get_unicode_because(self, text: Segments) -> dict[str, Any] | None:
        return dict(CulpritShown(text).data) if text.unicode_because else None


class Costs(serializers.Serializer[Any]):
    currency = serializers.CharField()
    subtotal = MoneyField()
    tax = MoneyField()
    total = MoneyField(help_text="What sending it now would take from the wallet.")


Shown = inline_serializer(
    "MessagePreview",
    {
        "text": TextShown(),
        "destinations": DestinationCostShown(many=True),
        "cost": Costs(allow_null=True, help_text="Null without recipients."),
    },
)


class Preview(KeyView):
    @extend_schema(
        tags=["Messages"],
        summary="Preview a text: segments, encoding, price",
        request=PreviewInput,
        responses={200: enveloped("MessagePreviewAnswer", Shown)},
        examples=[EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Nothing is sent and nothing charged; what is shown is what sending it now takes."""
        wanted = PreviewInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        text, recipients = wanted.validated_data["text"], wanted.validated_data["recipients"]
        answer: dict[str, Any] = {"text": TextShown(segment(text)).data, "destinations": [], "cost": None}
        return Response({"data": answer | (self._priced(text, recipients) if recipients else {})})

    def _priced(self, text: str, recipients: list[str]) -> dict[str, Any]:
        buyer = self.credential
        found = services.calculate(
            customer_id=buyer.customer_id, currency=buyer.currency, text=text, recipients=recipients
        )
        cost = {"currency": buyer.currency, "subtotal": found.subtotal, "tax": found.tax, "total": found.total}
        return {
            "destinations": DestinationCostShown(by_destination(found.lines), many=True).data,
            "cost": Costs(cost).data,
        }


def by_destination(lines: Iterable[Line]) -> list[DestinationCost]:
    """One row for each destination, in the order of the recipients."""
    found: dict[int, DestinationCost] = {}
    for line in lines:
        before = found.get(line.rate.product_id, DestinationCost(line.rate, 0, Decimal(0)))
        found[line.rate.product_id] = DestinationCost(line.rate, before.recipients + 1, before.total + line.price)
    return list(found.values())
