"""Taking deliveries that are due: counted before the call, fairly between endpoints, safe for any number of processes.

A claim is a lease: whoever is killed with a delivery in hand loses it when the lease ends, and it is sent again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import connection

from config.encryption import decrypt
from notifications.models.webhook import message_id_of
from notifications.services.webhooks.formats import Letter

# How many calls of one endpoint may be in flight in one process; of one that fails, just enough to see it recover.
AT_ONCE = 32
AT_ONCE_WHILE_FAILING = 2

# `waiting` leaps from endpoint to endpoint along the index, so that those with nothing to do cost nothing. Then the
# least busy come first, those that fail last, each with what it has room for.
CLAIM = """
    WITH RECURSIVE waiting AS (
        (SELECT endpoint_id, next_attempt_at FROM notifications_webhookdelivery
          WHERE status = 'pending' ORDER BY endpoint_id, next_attempt_at LIMIT 1)
        UNION ALL
        SELECT next.endpoint_id, next.next_attempt_at FROM waiting, LATERAL (
            SELECT endpoint_id, next_attempt_at FROM notifications_webhookdelivery
             WHERE status = 'pending' AND endpoint_id > waiting.endpoint_id
             ORDER BY endpoint_id, next_attempt_at LIMIT 1) next
    ), ready AS (
        SELECT e.id, greatest(0, CASE WHEN e.failing_since IS NULL THEN %(at_once)s ELSE %(while_failing)s END
                                 - coalesce(busy.calls, 0)) AS room
          FROM waiting w
          JOIN notifications_webhookendpoint e ON e.id = w.endpoint_id AND e.is_enabled
          JOIN wallets_customer whose ON whose.id = e.customer_id AND whose.status <> 'closed'
          LEFT JOIN unnest(%(busy)s::bigint[], %(calls)s::int[]) AS busy (endpoint_id, calls)
                 ON busy.endpoint_id = e.id
         WHERE w.next_attempt_at <= clock_timestamp()
         ORDER BY e.failing_since IS NOT NULL, coalesce(busy.calls, 0), w.next_attempt_at
    ), due AS (
        SELECT d.id FROM ready CROSS JOIN LATERAL (
            SELECT id FROM notifications_webhookdelivery
             WHERE endpoint_id = ready.id AND status = 'pending' AND next_attempt_at <= clock_timestamp()
             ORDER BY next_attempt_at LIMIT ready.room FOR NO KEY UPDATE SKIP LOCKED) d
         LIMIT %(most)s
    ), claimed AS (
        UPDATE notifications_webhookdelivery d
           SET attempts = attempts + 1, tries = tries + 1,
               next_attempt_at = clock_timestamp() + make_interval(secs => %(lease)s)
          FROM due WHERE d.id = due.id
        RETURNING d.id, d.endpoint_id, d.event_id, d.attempts, d.tries
    ), called AS (
        INSERT INTO notifications_webhookattempt (delivery_id, number, error, answer)
        SELECT id, attempts, '', '' FROM claimed RETURNING id, delivery_id
    )
    SELECT called.id, c.id, c.endpoint_id, c.attempts, c.tries, e.url, e.format, e.secret,
           CASE WHEN e.previous_secret_until > clock_timestamp() THEN e.previous_secret ELSE '' END, e.signing_key,
           n.uuid, n.kind, n.sequence, n.object_type, n.object_id, n.payload, n.created_at,
           s.id, s.uuid::text
      FROM claimed c
      JOIN called ON called.delivery_id = c.id
      JOIN notifications_webhookendpoint e ON e.id = c.endpoint_id
      JOIN wallets_event n ON n.id = c.event_id
      LEFT JOIN notifications_message m ON m.id = n.object_id AND n.object_type = 'message'
      LEFT JOIN notifications_chunk k ON k.id = m.chunk_id
      LEFT JOIN notifications_sending s ON s.id = k.sending_id
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery in hand: whom to call, and as which attempt."""

    attempt_id: int
    delivery_id: int
    endpoint_id: int
    number: int
    tries: int
    url: str
    format: str
    secret: str = field(repr=False)  # encrypted, as the next two
    previous_secret: str = field(repr=False)
    signing_key: str = field(repr=False)
    event: Any
    kind: str
    sequence: int
    object_type: str
    object_id: int
    payload: dict[str, Any] = field(repr=False)
    happened_at: datetime
    sending_id: int | None = None
    sending_uuid: str | None = None

    @property
    def is_erased(self) -> bool:
        """Whether the event's content was erased meanwhile: then there is nothing left to tell."""
        return not self.payload

    def letter(self) -> Letter:
        """Raises config.encryption.Unreadable."""
        return Letter(
            format=self.format,
            message_id=message_id_of(self.event),
            kind=self.kind,
            sequence=self.sequence,
            object_type=self.object_type,
            object_id=self.object_id,
            payload=self.payload,
            happened_at=self.happened_at,
            sending_id=self.sending_id,
            sending_uuid=self.sending_uuid,
            secrets=[_clear(each) for each in (self.secret, self.previous_secret) if each],
            signing_key=_clear(self.signing_key) if self.signing_key else "",
        )


def claim(*, most: int, busy: Mapping[int, int]) -> list[Claim]:
    """Take up to `most` due deliveries; `busy` says how many calls of each endpoint the caller has in flight."""
    with connection.cursor() as cursor:
        cursor.execute(
            CLAIM,
            {
                "most": most, "busy": list(busy), "calls": list(busy.values()), "lease": lease_seconds(),
                "at_once": AT_ONCE, "while_failing": AT_ONCE_WHILE_FAILING,
            },
        )  # fmt: skip
        return [_claim_of(row) for row in cursor.fetchall()]


def _claim_of(row: tuple[Any, ...]) -> Claim:
    columns = dict(zip(Claim.__slots__, row, strict=True))  # in the order of its fields
    return Claim(**columns | {"payload": json.loads(columns["payload"])})


def lease_seconds() -> float:
    """How long a claim holds: a call's deadline, and as long again to write down what came of it."""
    return 2.0 * settings.WEBHOOK_DEADLINE_SECONDS


@lru_cache(maxsize=10_000)
def _clear(encrypted: str) -> str:
    return decrypt(encrypted)
