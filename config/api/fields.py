"""Fields and pages that every contract shares."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.http import QueryDict
from django_filters import FilterSet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import exceptions, serializers
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.rendering import plain

MAX_PAGE = 100
MONEY = re.compile(r"\A[0-9]{1,12}(\.[0-9]{1,6})?\Z")


WHOLE = re.compile(r"\A-?[0-9]{1,18}\Z")
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
        if not WHOLE.match(text):
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


@extend_schema_field(OpenApiTypes.NUMBER)
class MoneyField(serializers.Field[Decimal, Any, Decimal, Any]):
    """A positive amount: ASCII digits, at most 6 places, below a trillion."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": "Give an amount like 12.50: digits, at most 6 after the point.",
        "zero": "The amount must be above zero.",
    }

    def to_internal_value(self, data: Any) -> Decimal:
        text = format(data, "f") if isinstance(data, Decimal) else str(data)
        if isinstance(data, bool) or not isinstance(data, str | int | Decimal) or not MONEY.match(text):
            self.fail("invalid")
        amount = Decimal(text)
        if amount == 0:
            self.fail("zero")
        return amount

    def to_representation(self, value: Decimal) -> Decimal:
        return plain(value)


NOT_A_CURSOR = exceptions.ValidationError({"cursor": ["This is not a cursor of this list."]})


class NewestFirst(CursorPagination):
    """Cursor pages by `-id`: stable while rows are added, equally fast however deep."""

    ordering = "-id"
    page_size = 50
    max_page_size = MAX_PAGE
    page_size_query_param = "limit"
    cursor_query_param = "cursor"

    def get_page_size(self, request: Request) -> int:
        value = request.query_params.get("limit")
        if value is None:
            return int(self.page_size)
        if not re.match(r"\A[0-9]{1,9}\Z", value) or int(value) < 1:
            raise exceptions.ValidationError({"limit": ["limit must be a whole number of at least 1."]})
        return min(int(value), MAX_PAGE)

    def decode_cursor(self, request: Request) -> Any:
        try:
            cursor: Any = super().decode_cursor(request)
        except exceptions.NotFound:
            raise NOT_A_CURSOR from None
        if cursor is not None and cursor.position is not None and not WHOLE.match(cursor.position):
            raise NOT_A_CURSOR
        return cursor

    @classmethod
    def respond(cls, request: Request, rows: Any, shown: type[serializers.BaseSerializer[Any]]) -> Response:
        """One page of `rows` as `shown`: `{"data": […], "meta": …}`."""
        pages = cls()
        page: Any = pages.paginate_queryset(rows, request)
        return Response({"data": shown(page, many=True).data, "meta": pages.meta()})

    def meta(self) -> dict[str, Any]:
        """`next_cursor` and `previous_cursor`, to be sent back as `cursor`; null at either end."""
        return {
            "next_cursor": _cursor_in(self.get_next_link()),
            "previous_cursor": _cursor_in(self.get_previous_link()),
            "limit": self.page_size,
        }


def _cursor_in(link: str | None) -> str | None:
    return QueryDict(link.split("?", 1)[1]).get("cursor") if link else None


def filtered(filter_set: type[FilterSet], request: Request, queryset: Any) -> Any:
    """The queryset as the query parameters ask; what they may not say is a 422, per parameter."""
    asked = filter_set(request.query_params, queryset=queryset, request=request)
    if not asked.is_valid():
        raise exceptions.ValidationError({name: list(errors) for name, errors in asked.errors.items()})
    values = asked.form.cleaned_data
    values |= {name: _in_utc(name, value) for name, value in values.items() if isinstance(value, datetime)}
    return asked.qs


def _in_utc(name: str, moment: datetime) -> datetime:
    """PostgreSQL takes offsets up to 15:59 only, Python up to 23:59."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise exceptions.ValidationError({name: ["This moment is out of range."]}) from None
