"""From a day to the rows of the big table, without an index on its time.

Ids are given out in the order of the clock, but for the little that a row waits for its wallet's
lock; so the first row of a day is found by halving, and what came a little earlier is read too.
"""

from datetime import datetime, timedelta

from django.utils import timezone

from wallets.models import Transaction

# Far above `lock_timeout` and the longest batch.
SLACK = timedelta(minutes=10)


def today() -> datetime:
    return timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)


def first_id_since(moment: datetime) -> int:
    """An id below which no transaction is of `moment` or later: some 30 look-ups by primary key."""
    wanted = moment - SLACK
    newest = Transaction.objects.order_by("-pk").values_list("pk", "posted_at").first()
    if newest is None:
        return 0
    if newest[1] < wanted:
        return newest[0]
    low, high = 0, newest[0]
    while low < high:
        middle = (low + high) // 2
        following = Transaction.objects.filter(pk__gte=middle).order_by("pk").values_list("pk", "posted_at").first()
        if following is None or following[1] >= wanted:
            high = middle
        else:
            low = following[0] + 1
    return low
