"""Numbered pages. One past the end is empty."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import QuerySet

Row = TypeVar("Row")


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows of a list, and where in it they stand."""

    rows: list[Row]
    number: int
    size: int
    total: int

    @property
    def last(self) -> int:
        return max(1, -(-self.total // self.size))

    def shown(self, show: Callable[[Row], dict[str, Any]]) -> list[dict[str, Any]]:
        return [show(row) for row in self.rows]


def page_of(rows: "Sequence[Row] | QuerySet[Any]", *, number: int, size: int) -> Page[Any]:
    """Page `number`, from 1, of pages with `size` rows."""
    total = rows.count() if isinstance(rows, QuerySet) else len(rows)
    first = (number - 1) * size
    # Not asked beyond the end: the database has no offset of 10^20.
    return Page(list(rows[first : first + size]) if first < total else [], number, size, total)
