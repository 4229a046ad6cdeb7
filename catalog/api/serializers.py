"""The catalogue as customers see it: prices, never providers or costs."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from catalog.models import Country, Service
from config.api import MoneyField, plain

RATE = Decimal("1e-12")  # as the ledger stores a rate


@dataclass(frozen=True, slots=True)
class PricedService:
    service: Service
    price: Decimal


@dataclass(frozen=True, slots=True)
class PricedCountry:
    country: Country
    price: Decimal


@extend_schema_field(OpenApiTypes.NUMBER)
class PriceField(MoneyField):
    """An exact JSON number."""


@extend_schema_field(OpenApiTypes.NUMBER)
class RateField(MoneyField):
    def to_representation(self, value: Decimal) -> Decimal:
        return plain(value.quantize(RATE, ROUND_HALF_UP))


class ServiceShown(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="service.id")
    name = serializers.CharField(source="service.name")
    slug = serializers.CharField(source="service.slug")
    price = PriceField(help_text="The lowest current price for this customer, in the wallet's currency.")
    min_quantity = serializers.IntegerField(source="service.min_quantity")
    max_quantity = serializers.IntegerField(source="service.max_quantity")


class CountryShown(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    code = serializers.CharField(help_text="ISO 3166 alpha-2: what `buy` takes.")
    is_available = serializers.BooleanField(help_text="Whether anything can be bought there now.")


class PricedCountryShown(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="country.id")
    name = serializers.CharField(source="country.name")
    code = serializers.CharField(source="country.code")
    price = PriceField(help_text="What an activation there costs now, in the wallet's currency.")
    operators_count = serializers.IntegerField(source="country.operators_count")


class QuoteShown(serializers.Serializer[Any]):
    service = serializers.CharField(source="offer.service.slug")
    country = serializers.CharField(source="offer.country.code")
    amount = PriceField(help_text="What is charged, in `currency`.")
    currency = serializers.CharField()
    original_amount = PriceField(help_text="The price before it was converted.")
    original_currency = serializers.CharField()
    rate = RateField(help_text="`amount` = `original_amount` × `rate`, rounded half up to 6 places.")


class QuoteQuery(serializers.Serializer[Any]):
    service = serializers.CharField(max_length=100, help_text="Service slug.")
    country = serializers.CharField(max_length=2, help_text="ISO 3166 alpha-2 code.")


def _example(name: str, data: Any) -> Any:
    return extend_schema_serializer(examples=[OpenApiExample(name, {"data": data}, response_only=True)])


@_example(
    "Services",
    [
        {"id": 1, "name": "Telegram", "slug": "telegram", "price": 0.15, "min_quantity": 1, "max_quantity": 2500},
        {"id": 2, "name": "WhatsApp", "slug": "whatsapp", "price": 0.35, "min_quantity": 1, "max_quantity": 5000},
    ],
)
class ServiceList(serializers.Serializer[Any]):
    data: Any = ServiceShown(many=True)


@_example(
    "Countries",
    [
        {"id": 1, "name": "United States", "code": "US", "is_available": True},
        {"id": 2, "name": "United Kingdom", "code": "GB", "is_available": True},
    ],
)
class CountryList(serializers.Serializer[Any]):
    data: Any = CountryShown(many=True)


@_example(
    "Prices by country",
    [
        {"id": 1, "name": "United States", "code": "US", "price": 0.15, "operators_count": 3},
        {"id": 2, "name": "United Kingdom", "code": "GB", "price": 0.18, "operators_count": 2},
    ],
)
class PricedCountryList(serializers.Serializer[Any]):
    data: Any = PricedCountryShown(many=True)


@_example(
    "A quote for a NGN wallet",
    {
        "service": "telegram",
        "country": "US",
        "amount": 229.5,
        "currency": "NGN",
        "original_amount": 0.15,
        "original_currency": "USD",
        "rate": 1530,
    },
)
class QuoteAnswer(serializers.Serializer[Any]):
    data: Any = QuoteShown()
