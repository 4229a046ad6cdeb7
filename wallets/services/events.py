"""The outbox: telling what happened, in the transaction in which it happened."""

from typing import Any

from django.db import connection
from django.db.models import Max

from wallets.models import Event


def emit(*, customer_id: int, kind: str, object_type: str, object_id: int, payload: dict[str, Any]) -> Event:
    """Write one event. Call it while the object's row is locked: that makes `sequence` gapless."""
    assert connection.in_atomic_block, "an event belongs to the transaction of what it tells"
    earlier = Event.objects.filter(object_type=object_type, object_id=object_id)
    return Event.objects.create(
        customer_id=customer_id,
        kind=kind,
        object_type=object_type,
        object_id=object_id,
        sequence=(earlier.aggregate(last=Max("sequence"))["last"] or 0) + 1,
        payload=payload,
    )
