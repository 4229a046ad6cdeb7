"""How the doors look in the OpenAPI document."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer, inline_serializer
from rest_framework import serializers

from apikeys.api.serializers import KeyShown, NewKeyShown, TokenShown

MESSAGE = inline_serializer("Message", {"message": serializers.CharField()})


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "apikeys.api.authentication.ApiKeyAuthentication"
    name = "ApiKey"
    match_subclasses = True

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "apiKey", "in": "header", "name": "X-API-Key"}


class DashboardScheme(OpenApiAuthenticationExtension):
    target_class = "apikeys.api.authentication.DashboardAuthentication"
    name = "DashboardToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer"}


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A token", {"data": {"token": "3f9c…", "expires_at": "2026-04-17T19:10:00Z"}}, response_only=True
        )
    ]
)
class TokenAnswer(serializers.Serializer[Any]):
    data: Any = TokenShown()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "One key",
            {
                "data": [
                    {
                        "id": 1,
                        "name": "Production key",
                        "key_prefix": "sgk_ab12",
                        "last_used_at": "2026-04-17T09:10:00Z",
                        "revoked_at": None,
                    }
                ]
            },
            response_only=True,
        )
    ]
)
class KeyList(serializers.Serializer[Any]):
    data: Any = KeyShown(many=True)


class KeyShownOne(serializers.Serializer[Any]):
    data: Any = KeyShown()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A new key",
            {
                "data": {
                    "id": 2,
                    "name": "Production key",
                    "plain_key": "sgk_live_XXXXXXXXXXXXXXXX",
                    "key_prefix": "sgk_live",
                    "revoked_at": None,
                }
            },
            response_only=True,
        )
    ]
)
class KeyCreated(serializers.Serializer[Any]):
    data: Any = NewKeyShown()
