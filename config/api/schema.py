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
    """Postprocessing hook: paths without the optional slash, operations named after their path."""
    result["paths"] = {path.rstrip("/"): _named(path, methods) for path, methods in result["paths"].items()}
    return result


def _named(path: str, methods: dict[str, Any]) -> dict[str, Any]:
    words = [word for word in re.split(r"[^a-z0-9]+", path.lower()) if word not in {"", "api", "developer", "v1"}]
    for method, operation in methods.items():
        operation["operationId"] = "_".join([method, *words])
    return methods


class Schema(AutoSchema):
    """Docstrings speak to our own developers; what clients read is said with `extend_schema`."""

    def get_description(self) -> str:  # type: ignore[override]
        return ""
