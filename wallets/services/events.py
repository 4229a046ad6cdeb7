"""The outbox: telling what happened, in the transaction in which it happened."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

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
    erase_after: datetime | None = None


def emit_many(news: Sequence[News], *, object_type: str) -> None:
    """Write many events in their order, at once. Their objects' rows must be locked, as for `emit`."""
    assert connection.in_atomic_block, "an event belongs to the transaction of what it tells"
    if not news:
        return
    columns = "uuid, customer_id, kind, object_type, object_id, sequence, payload, erase_after"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT object_id, max(sequence) FROM wallets_event"
            " WHERE object_type = %s AND object_id = ANY(%s::bigint[]) GROUP BY object_id",
            [object_type, [each.object_id for each in news]],
        )
        last = Counter(dict(cursor.fetchall()))
        with cursor.copy(f"COPY wallets_event ({columns}) FROM STDIN") as copy:
            for each in news:
                last[each.object_id] += 1
                sequence, payload = last[each.object_id], json.dumps(each.payload)
                copy.write_row(
                    (uuid4(), each.customer_id, each.kind, object_type, each.object_id, sequence, payload,
                     each.erase_after)
                )  # fmt: skip


def erase_payloads(*, limit: int = 1_000) -> int:
    """Empty the payloads whose time has come; returns how many. Safe to run twice at once."""
    due = Event.objects.filter(erase_after__lte=timezone.now()).order_by("erase_after").values("pk")[:limit]
    return Event.objects.filter(pk__in=due).update(payload={}, erase_after=None)
