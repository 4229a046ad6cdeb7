"""Steps of a month. Every end is counted from the start: 31 January, 28 February, 31 March."""

from calendar import monthrange
from datetime import datetime


def months_after(start: datetime, months: int, anchor_day: int) -> datetime:
    """The moment `months` months after `start`: on the anchor day, or the last day of a shorter month."""
    years, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + years, month + 1
    return start.replace(year=year, month=month, day=min(anchor_day, monthrange(year, month)[1]))
