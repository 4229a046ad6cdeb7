"""Ticks: each looks at what is due now, and may run twice at once."""

from catalog.services import sheet_imports


def import_rate_sheets() -> int:
    """Import the sheets of rates that staff confirmed; returns how many."""
    return sheet_imports.import_wanted()
