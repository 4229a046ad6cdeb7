"""The native wire of key management: what may be sent, and how it is shown."""

from typing import Any

from rest_framework import serializers

from apikeys.models import ApiKey, Mode, Scope
from apikeys.services.terms import MAX_NAME, MAX_NETWORKS, MAX_RATE
from config.api import Moment, MoneyField, Text, Whole


class LoginInput(serializers.Serializer[Any]):
    email = Text(max_length=254)
    password = Text(max_length=1_000)


class TokenShown(serializers.Serializer[Any]):
    token = serializers.CharField()
    expires_at = Moment()


class NewKeyInput(serializers.Serializer[Any]):
    name = Text(max_length=MAX_NAME)
    currency = Text(max_length=3, min_length=3, required=False, allow_null=True)
    mode = serializers.ChoiceField(Mode.choices, required=False)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(Scope.choices), allow_empty=False, max_length=20, required=False, allow_null=True
    )
    expires_at = Moment(required=False, allow_null=True)
    allowed_ips = serializers.ListField(child=Text(max_length=50), max_length=MAX_NETWORKS, required=False)
    rate_limit_per_minute = Whole(min_value=1, max_value=MAX_RATE, required=False, allow_null=True)
    daily_spend_cap = MoneyField(required=False, allow_null=True)
    monthly_spend_cap = MoneyField(required=False, allow_null=True)
    signs_webhooks = serializers.BooleanField(
        required=False, help_text="Keeps an encrypted copy of itself, to sign SMSGig webhooks alone."
    )
    customer_id = Whole(min_value=1, required=False)


class CopyInput(serializers.Serializer[Any]):
    key = Text(max_length=200, write_only=True, help_text="The key itself, whole.")


class CapInput(serializers.Serializer[Any]):
    """What is not sent stays; null is no cap."""

    daily_spend_cap = MoneyField(required=False, allow_null=True)
    monthly_spend_cap = MoneyField(required=False, allow_null=True)


# After the printed fields.
MORE = (
    "uuid", "customer_id", "currency", "mode", "scopes", "expires_at", "allowed_ips", "rate_limit_per_minute",
    "daily_spend_cap", "monthly_spend_cap", "signs_webhooks", "created_at",
)  # fmt: skip


class _KeyTerms(serializers.ModelSerializer[ApiKey]):
    currency = serializers.CharField(source="wallet.currency")
    revoked_at = Moment(allow_null=True)
    last_used_at = Moment(allow_null=True)
    expires_at = Moment(allow_null=True)
    created_at = Moment()
    signs_webhooks = serializers.BooleanField(read_only=True, help_text="Keeps an encrypted copy, to sign webhooks.")
    daily_spend_cap = MoneyField(
        read_only=True, allow_null=True, help_text="In the key's currency, by the day in UTC; null: none."
    )
    monthly_spend_cap = MoneyField(read_only=True, allow_null=True, help_text="The same by the month.")


class KeyShown(_KeyTerms):
    class Meta:
        model = ApiKey
        fields = ("id", "name", "key_prefix", "last_used_at", "revoked_at", *MORE)
        read_only_fields = fields


class NewKeyShown(_KeyTerms):
    plain_key = serializers.CharField()

    class Meta:
        model = ApiKey
        fields = ("id", "name", "plain_key", "key_prefix", "revoked_at", *MORE)
        read_only_fields = fields
