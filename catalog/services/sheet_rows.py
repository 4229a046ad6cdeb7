"""The rows of a CSV of SMS rates, read strictly: what a row wants, or what is wrong with it."""

import csv
import io
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from catalog.errors import InvalidSheet

COLUMNS = (
    "country", "mcc", "mnc", "network", "prefixes", "price", "currency", "cost", "cost_currency", "active",
)  # fmt: skip
REQUIRED = ("country", "mcc", "mnc", "price", "currency")
MOST_LINES = 50_000
ENDED = "none"  # instead of a price: this level has none from then on
MCC = re.compile(r"\A[0-9]{3}\Z")
MNC = re.compile(r"\A[0-9]{2,3}\Z")
AMOUNT = re.compile(r"\A[0-9]{1,12}(\.[0-9]{1,6})?\Z")
CURRENCY = re.compile(r"\A[A-Z]{3}\Z")
PREFIX = re.compile(r"\A[1-9][0-9]{0,14}\Z")
SWITCH = {"": None, "1": True, "yes": True, "true": True, "0": False, "no": False, "false": False}


class Wrong(NamedTuple):
    line: int
    reason: str


class Row(NamedTuple):
    """What a line wants; None is an empty cell, which changes nothing. A default row has no country."""

    line: int
    country: str
    mcc: str
    mnc: str
    network: str | None
    prefixes: tuple[str, ...] | None
    price: Decimal | None
    is_ended: bool
    currency: str
    cost: Decimal | None
    cost_currency: str | None
    active: bool | None


def safe_cell(text: str) -> str:
    """The text so that no spreadsheet runs it as a formula.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    risky = text[:1] in {"\t", "\r", "\n"} or text.strip()[:1] in {"=", "+", "-", "@"}
    return f"'{text}" if risky else text


def check_sheet(text: str) -> None:
    """Raises InvalidSheet where it is no sheet at all, or too long a one; wrong lines are the preview's."""
    lines = sum(1 for _ in read_rows(text))
    if lines > MOST_LINES:
        raise InvalidSheet(f"A sheet has at most {MOST_LINES:,} lines, this has {lines:,}. Split it.")


def read_rows(text: str) -> Iterator[Row | Wrong]:
    """Each line after the header. Raises InvalidSheet where it is no such sheet at all."""
    header = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=header.count))
    try:
        names = [name.strip().lower() for name in next(lines, [])]
        _check(names)
        for cells in lines:
            if any(cell.strip() for cell in cells):
                yield _read(lines.line_num, names, cells)
    except csv.Error as error:
        raise InvalidSheet(f"Line {lines.line_num} cannot be read: {error}.") from None


def _check(names: list[str]) -> None:
    if missing := [name for name in REQUIRED if name not in names]:
        raise InvalidSheet(f"The sheet lacks these columns: {', '.join(missing)}.")
    if unknown := [name for name in names if name not in COLUMNS]:
        raise InvalidSheet(f"These columns are unknown: {', '.join(unknown)[:200]}.")
    if len(set(names)) < len(names):
        raise InvalidSheet("A column appears twice.")


def _read(line: int, names: list[str], cells: list[str]) -> Row | Wrong:
    if len(cells) > len(names):
        return Wrong(line, f"It has {len(cells)} cells, but there are {len(names)} columns.")
    cell = dict.fromkeys(COLUMNS, "") | dict(zip(names, (each.strip() for each in cells), strict=False))
    try:
        _check_place(cell)
        return Row(
            line, cell["country"], cell["mcc"], cell["mnc"], _text(cell["network"]), _prefixes(cell["prefixes"]),
            _price(cell["price"]), cell["price"].lower() == ENDED, _currency(cell["currency"], "currency"),
            _amount(cell["cost"], "cost"), _currency(cell["cost_currency"], "cost currency") or None,
            _switch(cell["active"]),
        )  # fmt: skip
    except ValueError as error:
        return Wrong(line, str(error))


def _check_place(cell: dict[str, str]) -> None:
    if not cell["country"]:
        if cell["mcc"] or cell["mnc"]:
            raise ValueError("The default row has no country, so no MCC and no MNC either.")
        return
    if not MCC.match(cell["mcc"]):
        raise ValueError(f"An MCC has 3 digits: not {cell['mcc'] or 'empty'}.")
    if cell["mnc"] and not MNC.match(cell["mnc"]):
        raise ValueError(f"An MNC has 2 or 3 digits, with its leading zeros: not {cell['mnc']}.")


def _price(text: str) -> Decimal | None:
    amount = None if text.lower() == ENDED else _amount(text, "price")
    if amount == 0:
        raise ValueError("A price is above zero.")
    return amount


def _amount(text: str, name: str) -> Decimal | None:
    if text and not AMOUNT.match(text):
        raise ValueError(f"The {name} is no amount like 0.0125: {text}.")
    return Decimal(text) if text else None


def _currency(text: str, name: str) -> str:
    if (text or name == "currency") and not CURRENCY.match(text):
        raise ValueError(f"The {name} is three capital letters like USD: not {text or 'empty'}.")
    return text


def _switch(text: str) -> bool | None:
    if text.lower() not in SWITCH:
        raise ValueError(f"active is 1 or 0: not {text}.")
    return SWITCH[text.lower()]


def _prefixes(text: str) -> tuple[str, ...] | None:
    found = [each.removeprefix("+") for each in re.split(r"[\s,;]+", text.removeprefix("'")) if each]
    if bad := [each for each in found if not PREFIX.match(each)]:
        raise ValueError(f"A prefix is digits from the country code on: not {bad[0]}.")
    return tuple(dict.fromkeys(found)) or None


def _text(text: str) -> str | None:
    """As it was before `safe_cell`."""
    plain = text[1:] if text.startswith("'") and safe_cell(text[1:]) == text else text
    if len(plain) > 100:
        raise ValueError("A network's name has at most 100 characters.")
    return plain or None
