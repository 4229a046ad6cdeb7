"""Fields and pages that every contract shares."""

import re
from decimal import Decimal
from typing import Any, ClassVar

from django.http import QueryDict
from rest_framework import exceptions, serializers
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from config.api.rendering import plain

MAX_PAGE = 100
MONEY = re.compile(r"\A[0-9]{1,12}(\.[0-9]{1,6})?\Z")


class MoneyField(serializers.Field):  # type: ignore[type-arg]
    """A positive amount: ASCII digits, at most 6 places, below a trillion."""

    default_error_messages: ClassVar[dict[str, str]] = {
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
            return super().decode_cursor(request)
        except exceptions.NotFound:
            raise exceptions.ValidationError({"cursor": ["This is not a cursor of this list."]}) from None

    def meta(self) -> dict[str, Any]:
        """`next_cursor` and `previous_cursor`, to be sent back as `cursor`; null at either end."""
        return {
            "next_cursor": _cursor_in(self.get_next_link()),
            "previous_cursor": _cursor_in(self.get_previous_link()),
            "limit": self.page_size,
        }


def _cursor_in(link: str | None) -> str | None:
    return QueryDict(link.split("?", 1)[1]).get("cursor") if link else None
