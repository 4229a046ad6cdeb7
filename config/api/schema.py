"""Small pieces for describing the API in OpenAPI."""

import re
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers

PAGE_META = inline_serializer(
    "PageMeta",
    {
        "next_cursor": serializers.CharField(allow_null=True),
        "previous_cursor": serializers.CharField(allow_null=True),
        "limit": serializers.IntegerField(),
    },
)


def enveloped(name: str, shown: Any) -> Any:
    """`{"data": …}` around one object."""
    return inline_serializer(name, {"data": shown})


def paged(name: str, shown: Any) -> Any:
    """`{"data": […], "meta": …}` around a cursor page."""
    return inline_serializer(name, {"data": shown, "meta": PAGE_META})


def page_parameters() -> list[OpenApiParameter]:
    return [
        OpenApiParameter("limit", OpenApiTypes.INT, description="Rows on a page: 1 to 100, 50 unless told."),
        OpenApiParameter("cursor", OpenApiTypes.STR, description="`meta.next_cursor` of the page before."),
    ]


def filter_parameters(filter_set: Any) -> list[OpenApiParameter]:
    """The parameters of a django-filter FilterSet, and of its pages."""
    described = [
        OpenApiParameter(name, OpenApiTypes.STR, description=str(found.extra.get("help_text", "")))
        for name, found in filter_set.base_filters.items()
    ]
    return [*described, *page_parameters()]


def tidy(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Postprocessing hook: paths without the optional slash, operations named after their path, and every no."""
    result["paths"] = {path.rstrip("/"): _told(path, methods) for path, methods in result["paths"].items()}
    components = result["components"]
    components["schemas"]["Problem"] = PROBLEM
    components["responses"] = {name: _refusal(name, status) for status, name in REFUSALS.items()}
    return result


# --- Refusals ------------------------------------------------------------------------------------------------

REFUSALS = {
    400: "Malformed",
    401: "Unauthenticated",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Gone",
    413: "BodyTooLarge",
    415: "UnsupportedMediaType",
    422: "Refused",
    429: "TooManyRequests",
    503: "Unavailable",
}
MEANINGS = {
    400: "It could not be understood, or names a service or a country that is not sold.",
    401: "No credential, or not a valid one.",
    403: "The credential may not do this.",
    404: "There is no such thing, or it is somebody else's.",
    409: "It is in another state by now, or the same request is still being worked on.",
    410: "It has ended: expired, canceled or failed.",
    413: "The request body is too large.",
    415: "Send JSON or a form.",
    422: "A business rule says no, or a field is not valid: then `errors` says which.",
    429: "Too many requests.",
    503: "Temporarily unavailable; nothing was done. Ask again.",
}
WAITS = {409, 429, 503}
WITH_A_BODY = {"post", "put", "patch"}
PROBLEM = {
    "type": "object",
    "description": "Every refusal. Beside these it carries the facts of its code, such as `required` and `available`.",
    "properties": {
        "message": {"type": "string", "description": "For people."},
        "error": {"type": "string", "description": "The slug, for programs.", "example": "insufficient_funds"},
        "errors": {
            "type": "object",
            "description": "By field, where a field is not valid.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
    "required": ["message", "error"],
    "additionalProperties": True,
}


def _refusal(name: str, status: int) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": MEANINGS[status],
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in WAITS:
        described["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return described


def _told(path: str, methods: dict[str, Any]) -> dict[str, Any]:
    words = [word for word in re.split(r"[^a-z0-9]+", path.lower()) if word not in {"", "api", "developer", "v1"}]
    for method, operation in methods.items():
        operation["operationId"] = "_".join([method, *words])
        noes = _noes(path, method) | {status for status in REFUSALS if str(status) in operation["responses"]}
        refusals = {str(status): {"$ref": f"#/components/responses/{REFUSALS[status]}"} for status in noes}
        operation["responses"] = dict(sorted((operation["responses"] | refusals).items()))
    return methods


def _noes(path: str, method: str) -> set[int]:
    """The statuses with which an operation may refuse; a 410 is said by the views that may answer it."""
    noes = {400, 401, 403, 422, 429, 503}
    if "{" in path:
        noes.add(404)
    if method != "get":
        noes.add(409)
    if method in WITH_A_BODY:
        noes |= {404, 413, 415}
    return noes


class Schema(AutoSchema):
    """Docstrings speak to our own developers; what clients read is said with `extend_schema`."""

    def get_description(self) -> str:  # type: ignore[override]
        return ""
