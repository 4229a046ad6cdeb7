"""How the recipients of a sending stand."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count

from notifications.models import Message, Sending


@dataclass(frozen=True)
class Counts:
    """total = pending + delivered + failed; the canceled and the suppressed are among the failed."""

    total: int
    pending: int
    delivered: int
    failed: int


def counts_of(sending: Sending) -> Counts:
    """Read from its messages as they are now."""
    rows = Message.objects.filter(chunk__sending=sending).order_by().values_list("state").annotate(Count("pk"))
    by_state = dict(rows)

    def count(states: Collection[str]) -> int:
        return sum(by_state.get(state, 0) for state in states)

    total, final = sum(by_state.values()), count(Message.FINAL)
    delivered = count(Message.ARRIVED)
    return Counts(total, total - final, delivered, final - delivered)
