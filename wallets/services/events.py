"""The outbox: telling what happened, in the transaction in which it happened."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Max
from django.utils import timezone

from wallets.models import Event


def emit(
    *,
    customer_id: int,
    kind: str,
    object_type: str,
    object_id: int,
    payload: dict[str, Any],
    erase_after: datetime | None = None,
) -> Event:
    """Write one event. Call it while the object's row is locked: that makes `sequence` gapless.

    A payload that holds a text or a code says by `erase_after` when it must be gone.
    """
    assert connection.in_atomic_block, "an event belongs to the transaction of what it tells"
    earlier = Event.objects.filter(object_type=object_type, object_id=object_id)
    return Event.objects.create(
        customer_id=customer_id,
        kind=kind,
        object_type=object_type,
        object_id=object_id,
        sequence=(earlier.aggregate(last=Max("sequence"))["last"] or 0) + 1,
        payload=payload,
        erase_after=erase_after,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """An event to be, as `emit` takes it."""

    customer_id: int
    kind: str
    object_id: int
    payload: dict[str, Any] = field(default_factory=dict)


def emit_many(news: Sequence[News], *, object_type: str) -> None:
    """Write many events in their order: two statements. Their objects' rows must be locked, as for `emit`."""
    assert connection.in_atomic_block, "an event belongs to the transaction of what it tells"
    ids = [each.object_id for each in news]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT object_id, max(sequence) FROM wallets_event"
            " WHERE object_type = %s AND object_id = ANY(%s) GROUP BY object_id",
            [object_type, ids],
        )
        last = Counter(dict(cursor.fetchall()))
    events = []
    for each in news:
        last[each.object_id] += 1
        events.append(
            Event(
                customer_id=each.customer_id, kind=each.kind, object_type=object_type, object_id=each.object_id,
                sequence=last[each.object_id], payload=each.payload,
            )
        )  # fmt: skip
    Event.objects.bulk_create(events)


def erase_payloads(*, limit: int = 1_000) -> int:
    """Empty the payloads whose time has come; returns how many. Safe to run twice at once."""
    due = Event.objects.filter(erase_after__lte=timezone.now()).order_by("erase_after").values("pk")[:limit]
    return Event.objects.filter(pk__in=due).update(payload={}, erase_after=None)
