"""When a delivery that failed is tried again, and when its endpoint is given up."""

import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# As Standard Webhooks recommends; the first attempt is at once, so a delivery has one more than there are waits.
WAITS = (
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=5),
    timedelta(hours=10), timedelta(hours=14), timedelta(hours=20), timedelta(hours=24),
)  # fmt: skip
JITTER = 0.1
LONGEST_RETRY_AFTER = timedelta(hours=24)
GIVEN_UP_AFTER = timedelta(days=5)


def next_attempt(*, tries: int, now: datetime, retry_after: str = "") -> datetime | None:
    """When to try again after `tries` failures; None when that was the last.

    A tenth is added or taken at random, so that what failed together does not come back together. Where the
    receiver says `Retry-After`, not before that, but within a day.
    """
    if tries > len(WAITS):
        return None
    wait = WAITS[tries - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
    return now + max(wait, min(_asked_for(retry_after, now), LONGEST_RETRY_AFTER))


def _asked_for(retry_after: str, now: datetime) -> timedelta:
    """`Retry-After`: seconds, or a date of HTTP; what is neither asks for nothing."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), LONGEST_RETRY_AFTER.total_seconds()))
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    except (ValueError, TypeError, IndexError, OverflowError):  # what the parser raises at one nonsense or another
        return timedelta()
