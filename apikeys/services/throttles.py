"""Counting in fixed windows of time, exactly, over all processes and hosts."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.utils import timezone

from apikeys.errors import TooManyRequests
from apikeys.models import ThrottleWindow
from apikeys.services.erasing import delete_in_batches

# The row's lock makes concurrent hits wait for each other: no read-then-write can lose one.
HIT = """
INSERT INTO apikeys_throttlewindow AS w (bucket, window_start, ends_at, hits)
VALUES (%s, %s, %s, 1)
ON CONFLICT (bucket, window_start) DO UPDATE SET hits = w.hits + 1
RETURNING hits
"""

# A row that is in the way until its end; whoever comes after that moves the end.
PAUSE = """
INSERT INTO apikeys_throttlewindow AS w (bucket, window_start, ends_at, hits)
VALUES (%s, 'epoch', clock_timestamp() + make_interval(secs => %s), 1)
ON CONFLICT (bucket, window_start) DO UPDATE SET hits = w.hits + 1, ends_at = excluded.ends_at
WHERE w.ends_at <= clock_timestamp()
RETURNING hits
"""


@dataclass(frozen=True, slots=True)
class Window:
    """Where a bucket stands after a hit."""

    hits: int
    limit: int
    retry_after_seconds: int  # until the window ends, at least 1

    @property
    def exceeded(self) -> bool:
        return self.hits > self.limit

    @property
    def remaining(self) -> int:
        return max(self.limit - self.hits, 0)


def hit(bucket: str, limit: int, window_seconds: int) -> Window:
    """Count one more in the bucket's current window, and say where it stands.

    One statement. Call it outside a transaction: inside one, other callers of the same
    bucket wait until it ends, and a rollback takes the count back.
    """
    start, end = _bounds(window_seconds)
    with connection.cursor() as cursor:
        cursor.execute(HIT, [_name(bucket, window_seconds), start, end])
        (hits,) = cursor.fetchone()
    return Window(hits, limit, max(math.ceil((end - timezone.now()).total_seconds()), 1))


def require(bucket: str, limit: int, window_seconds: int) -> Window:
    """`hit`, refused with TooManyRequests beyond the limit."""
    window = hit(bucket, limit, window_seconds)
    if window.exceeded:
        raise TooManyRequests(retry_after_seconds=window.retry_after_seconds)
    return window


def require_pause(bucket: str, seconds: int) -> None:
    """Let the bucket be hit once, and not again until `seconds` later. Raises TooManyRequests in between.

    Exact, where a fixed window lets two hits stand on either side of its end. One statement.
    """
    with connection.cursor() as cursor:
        cursor.execute(PAUSE, [_name(bucket, seconds), seconds])
        if cursor.fetchone() is None:
            raise TooManyRequests(retry_after_seconds=seconds)


def count(bucket: str, window_seconds: int) -> int:
    """How often the bucket was hit in its current window."""
    start, _ = _bounds(window_seconds)
    found = ThrottleWindow.objects.filter(bucket=_name(bucket, window_seconds), window_start=start)
    return found.values_list("hits", flat=True).first() or 0


def erase_ended() -> int:
    """Delete windows that are over. Safe to run twice at once; returns how many went."""
    return delete_in_batches(ThrottleWindow, "ends_at")


def _bounds(window_seconds: int) -> tuple[datetime, datetime]:
    now = int(timezone.now().timestamp())
    start = datetime.fromtimestamp(now - now % window_seconds, UTC)
    return start, start + timedelta(seconds=window_seconds)


def _name(bucket: str, window_seconds: int) -> str:
    # Windows of different length of one bucket start together now and then.
    return f"{bucket}/{window_seconds}"
