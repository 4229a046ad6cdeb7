"""Cells of a CSV sheet: read strictly, written so that no spreadsheet runs them."""

import csv
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.utils.dateparse import parse_datetime
from import_export.formats.base_formats import CSV
from import_export.widgets import Widget

from catalog.models import Country, Service
from config.api import plain

AMOUNT = re.compile(r"\A[0-9]{1,12}(\.[0-9]{1,6})?\Z")
WHOLE = re.compile(r"\A[0-9]{1,9}\Z")
WORD = re.compile(r"\A[a-z0-9_]{1,32}\Z")
CURRENCY = re.compile(r"\A[A-Z]{3}\Z")
BOOLEANS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


class QuotedCSV(CSV):
    """CSV with every cell quoted, so that no cell can break out of its own."""

    def get_title(self) -> str:
        return "csv"

    def export_data(self, dataset: Any, **kwargs: Any) -> str:
        return str(dataset.export("csv", quoting=csv.QUOTE_ALL))


class Cell(Widget):
    """Text that matches, or nothing. `says` is what is wrong otherwise."""

    def __init__(self, pattern: re.Pattern[str], says: str) -> None:
        super().__init__()
        self.pattern, self.says = pattern, says

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        text = str(value if value is not None else "").strip()
        if not text:
            return None
        if not self.pattern.match(text):
            raise ValueError(self.says)
        return self.read(text)

    def read(self, text: str) -> Any:
        return text

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return "" if value is None else str(value)


class AmountCell(Cell):
    def __init__(self) -> None:
        super().__init__(AMOUNT, "Not an amount like 12.50: digits, at most 6 after the point.")

    def read(self, text: str) -> Decimal:
        return Decimal(text)

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return "" if value is None else f"{plain(value):f}"


class PriceCell(AmountCell):
    def read(self, text: str) -> Decimal:
        amount = super().read(text)
        if amount == 0:
            raise ValueError("A price is above zero.")
        return amount


class WholeCell(Cell):
    def __init__(self) -> None:
        super().__init__(WHOLE, "Not a whole number.")

    def read(self, text: str) -> int:
        return int(text)


class YesNoCell(Cell):
    def __init__(self) -> None:
        super().__init__(re.compile(rf"\A({'|'.join(BOOLEANS)})\Z", re.IGNORECASE), "Neither 1 nor 0.")

    def read(self, text: str) -> bool:
        return BOOLEANS[text.lower()]

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return "" if value is None else str(int(value))


class MomentCell(Cell):
    def __init__(self) -> None:
        super().__init__(re.compile(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{5,15}(Z|[+-][0-9:]{5})?\Z"), self.WRONG)

    WRONG = "Not a moment like 2026-01-31T00:00:00Z."

    def read(self, text: str) -> datetime:
        try:
            moment = parse_datetime(text)
        except ValueError:  # well formed, but 31 February
            moment = None
        if moment is None:
            raise ValueError(self.WRONG)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return "" if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class KnownCell(Widget):
    """One of the rows we have, by its word. All are read once, for a sheet of thousands."""

    def __init__(self, model: type[Service] | type[Country], word: str) -> None:
        super().__init__()
        self.model, self.word = model, word
        self._known: dict[str, Any] | None = None

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        if self._known is None:
            self._known = self.model._default_manager.in_bulk(field_name=self.word)
        text = str(value if value is not None else "").strip()
        if text not in self._known:
            raise ValueError(f"Unknown {self.model._meta.verbose_name}: {text or '(empty)'}.")
        return self._known[text]

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return "" if value is None else str(getattr(value, self.word))
