"""The native wire of the wallet."""

from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api import Moment, MoneyField
from config.numbers import plain
from wallets.models import Transaction, Wallet


class Money(serializers.DecimalField):
    """An amount as an exact JSON number, without trailing zeros."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_digits": 20, "decimal_places": 6, **options})

    def to_representation(self, value: Decimal) -> Decimal:  # type: ignore[override]
        return plain(value)


class WalletShown(serializers.ModelSerializer[Wallet]):
    balance = Money(help_text="Everything in the wallet, held money included.")
    hold = Money(source="held", help_text="Set aside for orders that are still open.")
    available = serializers.SerializerMethodField(help_text="balance − hold.")
    credit_limit = Money(help_text="How far below zero the wallet may be spent.")

    class Meta:
        model = Wallet
        fields = ("balance", "hold", "available", "currency", "credit_limit")

    def get_available(self, wallet: Wallet) -> Decimal:
        return plain(wallet.balance - wallet.held)


@extend_schema_field(OpenApiTypes.NUMBER)
class LevelField(serializers.Field[Decimal, Any, Decimal, Any]):
    """An amount of zero or more."""

    def to_internal_value(self, data: Any) -> Decimal:
        return Decimal(0) if data in (0, "0") and data is not False else MoneyField().run_validation(data)

    def to_representation(self, value: Decimal) -> Decimal:
        return plain(value)


class LevelsInput(serializers.Serializer[Any]):
    levels = serializers.ListField(
        child=LevelField(), max_length=100, help_text="Amounts in the wallet's currency, at most 10; [] for none."
    )


class AlertsShown(serializers.Serializer[Any]):
    levels = serializers.ListField(child=LevelField(), help_text="Highest first.")
    currency = serializers.CharField()


class TransactionShown(serializers.ModelSerializer[Transaction]):
    """A movement of the wallet: `type` is its direction, `kind` its cause."""

    type = serializers.SerializerMethodField()
    amount = Money()
    balance_after = Money()
    created_at = Moment(source="posted_at")
    original_amount = Money(allow_null=True)

    class Meta:
        model = Transaction
        fields = (
            "id", "type", "amount", "currency", "kind", "reference", "description", "balance_after", "created_at",
            "original_amount", "original_currency",
        )  # fmt: skip

    def get_type(self, row: Transaction) -> str:
        return "credit" if (row.wallet_delta or 0) > 0 else "debit"


class PlatformTransactionShown(TransactionShown):
    """The same movement as the platform list tells it: `type` is the product's word."""

    direction = serializers.SerializerMethodField()

    class Meta(TransactionShown.Meta):
        fields = ("id", "type", "amount", "currency", "direction", *TransactionShown.Meta.fields[5:])

    def get_type(self, row: Transaction) -> str:
        return row.kind

    def get_direction(self, row: Transaction) -> str:
        return super().get_type(row)
