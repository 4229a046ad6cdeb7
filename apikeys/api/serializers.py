"""The native wire of key management: what may be sent, and how it is shown."""

import re
from datetime import datetime
from typing import Any

from rest_framework import serializers

from apikeys.models import ApiKey, Mode, Scope
from apikeys.services.terms import MAX_NAME, MAX_NETWORKS, MAX_RATE

MOMENT = re.compile(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]{4,15}([Zz]|[+-][0-9]{2}:?[0-9]{2})?\Z")
WHOLE_SECONDS = "%Y-%m-%dT%H:%M:%SZ"


class Text(serializers.CharField):
    """Text that is sent as text: a number is not one. Nothing is trimmed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": False, **options})

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Whole(serializers.IntegerField):
    """A whole number in ASCII digits; neither 5.0 nor true."""

    def to_internal_value(self, data: Any) -> int:
        text = data if isinstance(data, str) else str(data) if type(data) is int else ""
        if not re.match(r"\A-?[0-9]{1,18}\Z", text):
            self.fail("invalid")
        return super().to_internal_value(text)


class Moment(serializers.DateTimeField):
    """A moment in ISO 8601, UTC unless it says otherwise; shown in UTC, in whole seconds."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"format": WHOLE_SECONDS, **options})

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str) or not MOMENT.match(value):
            self.fail("invalid", format="2026-04-17T09:10:00Z")
        return super().to_internal_value(value)


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
    customer_id = Whole(min_value=1, required=False)


# After the printed fields.
MORE = (
    "uuid", "customer_id", "currency", "mode", "scopes", "expires_at", "allowed_ips", "rate_limit_per_minute",
    "created_at",
)  # fmt: skip


class _KeyTerms(serializers.ModelSerializer[ApiKey]):
    currency = serializers.CharField(source="wallet.currency")
    revoked_at = Moment(allow_null=True)
    last_used_at = Moment(allow_null=True)
    expires_at = Moment(allow_null=True)
    created_at = Moment()


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
