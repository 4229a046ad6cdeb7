"""The OpenAPI document of plainsms: a published contract, so it is written down, not derived from the views."""

from typing import Any

from django.conf import settings

NO_KEY = {"error": "API key is required", "help": "Provide X-API-Key header or api_key parameter"}
UNAUTHORIZED = "Unauthorized."
NUMBERS = {
    "type": "string",
    "description": "Comma separated. Local numbers are read by your account's country.",
    "example": "0701234567, 0712345678",
}
BODY = {"type": "string", "example": "Hello, this is a test message."}
SMS = {"numbers": NUMBERS, "message_body": BODY}
LOGIN = {
    "username": {"type": "string", "example": "user123"},
    "password": {"type": "string", "format": "password", "example": "pass123"},
}
EXPIRY = {
    "expiry_days": {
        "type": "integer",
        "minimum": 1,
        "maximum": 365,
        "default": 365,
        "description": "After so many days the key ends.",
        "example": 3,
    }
}
SENT = {
    "message": "SMS sent successfully.",
    "message_id": 458,
    "recipients": 2,
    "segments": 1,
    "cost": 0.04,
}
SHOWN = {"message": "API key generated successfully.", "api_key": "sgk_…", "expires_at": "2027-04-17T09:10:00Z"}
REVOKED = {"message": "API key revoked successfully."}
RATE_HEADERS = {
    "X-RateLimit-Limit": {"description": "Calls a minute.", "schema": {"type": "integer"}},
    "X-RateLimit-Remaining": {"description": "Left in this minute.", "schema": {"type": "integer"}},
}
BY_KEY: list[Any] = [{"key": []}, {"keyInQuery": []}]
BY_LOGIN: list[Any] = [{"basic": []}, {"token": []}, {}]
BY_LOGIN_OR_KEY: list[Any] = [{"basic": []}, {"key": []}, {"token": []}, {}]


def document() -> dict[str, Any]:
    """OpenAPI 3.0, whole."""
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "SMS messaging API",
            "version": "2",
            "description": "Send SMS with a username and password (v1) or an API key (v2), "
            "and generate, replace and revoke that key. 60 calls a minute.",
        },
        "servers": [{"url": settings.PUBLIC_BASE_URL}],
        "paths": _paths(),
        "components": {"securitySchemes": _schemes(), "schemas": {"Error": _error()}},
    }


def _paths() -> dict[str, Any]:
    refusals = {"400": "Invalid phone number format.", "402": "Insufficient balance.", "403": "Suspended."}
    by_login = _operation(
        "Send SMS with username and password", "send_v1", SENT, [{}], refusals | {"401": UNAUTHORIZED}
    )
    by_key = {"401": NO_KEY} | refusals
    send = _operation("Send SMS with a key", "send_v2", SENT, BY_KEY, by_key)
    ask = _operation("Send SMS with a key, in the query", "send_v2_get", SENT, BY_KEY, by_key)
    balance = {"balance": 150.5, "currency": "USD"}
    return {
        "/v1/sms/send": {"post": by_login | _body({**SMS, **LOGIN}, [*SMS, *LOGIN])},
        "/api/v2/sms/send": {
            "get": ask | {"parameters": [{"name": name, "in": "query", "required": True, "schema": _plain(schema)}
                                         for name, schema in SMS.items()]},
            "post": send | _body(SMS, list(SMS)),
        },
        "/api/v2/account/balance": {"get": _operation("Show the balance", "balance", balance, BY_KEY, {"401": NO_KEY})},
        "/api/generate-key": {"post": _key("Generate a key", "generate_key", SHOWN, BY_LOGIN, EXPIRY)},
        "/api/regenerate-key": {"post": _key("Replace the key", "regenerate_key", SHOWN, BY_LOGIN_OR_KEY, EXPIRY)},
        "/api/revoke-key": {
            "post": _key("Revoke the key", "revoke_key", REVOKED, BY_LOGIN_OR_KEY, {})
        },
    }  # fmt: skip


def _key(summary: str, name: str, answer: dict[str, Any], security: list[Any], asked: dict[str, Any]) -> dict[str, Any]:
    refusals = {"401": UNAUTHORIZED, "404": "There is no API key.", "409": "There is one already.", "422": "Bad days."}
    return _operation(summary, name, answer, security, refusals) | _body({**asked, **LOGIN}, [])


def _operation(
    summary: str, name: str, answer: dict[str, Any], security: list[Any], refusals: dict[str, Any]
) -> dict[str, Any]:
    status = "201" if "api_key" in answer else "200"
    responses = {status: _answer("Done.", answer, {"type": "object", "example": answer})}
    for refused, told in ({"429": "Too Many Attempts."} | refusals).items():
        body = told if isinstance(told, dict) else {"error": told}
        responses[refused] = _answer(str(body["error"]), body, {"$ref": "#/components/schemas/Error"})
    return {"summary": summary, "operationId": name, "security": security, "responses": dict(sorted(responses.items()))}


def _answer(description: str, example: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schema, "example": example}}
    return {"description": description, "headers": RATE_HEADERS, "content": content}


def _body(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    kinds = ("application/json", "application/x-www-form-urlencoded")
    return {"requestBody": {"required": bool(required), "content": {kind: {"schema": schema} for kind in kinds}}}


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != "description"}


def _schemes() -> dict[str, Any]:
    return {
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "keyInQuery": {"type": "apiKey", "in": "query", "name": "api_key"},
        "basic": {"type": "http", "scheme": "basic", "description": "Your API username and password."},
        "token": {"type": "http", "scheme": "bearer", "description": "A dashboard token."},
    }


def _error() -> dict[str, Any]:
    text = {"type": "string"}
    return {"type": "object", "required": ["error"], "properties": {"error": text, "help": text}}
