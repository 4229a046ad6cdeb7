"""What came of calls, written down set-wise. Writing the same again changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from notifications.models import WebhookDelivery, WebhookEndpoint
from notifications.services.webhooks import schedule

log = structlog.get_logger(__name__)

Status = WebhookDelivery.Status
Disabled = WebhookEndpoint.Disabled

GONE = 410
ERASED = "erased"  # not a failure of the receiver: there was nothing left to send

NOTE_ATTEMPTS = """
    UPDATE notifications_webhookattempt a
       SET duration_ms = v.duration_ms, status_code = v.status_code, error = v.error, answer = v.answer
      FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::text[], %s::text[])
           AS v (id, duration_ms, status_code, error, answer)
     WHERE a.id = v.id
"""
# A late failure of an attempt whose lease has ended says nothing of the attempt after it; an arrival counts always.
MOVE_DELIVERIES = """
    WITH moved AS (
        SELECT d.id, v.status, v.next_attempt_at
          FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::timestamptz[]) AS v (id, number, status, next_attempt_at)
          JOIN notifications_webhookdelivery d ON d.id = v.id
         WHERE d.status = 'pending' AND (v.status = 'succeeded' OR d.attempts = v.number)
         ORDER BY d.id FOR NO KEY UPDATE OF d
    )
    UPDATE notifications_webhookdelivery d
       SET status = m.status, next_attempt_at = m.next_attempt_at,
           closed_at = CASE WHEN m.status = 'pending' THEN NULL ELSE clock_timestamp() END
      FROM moved m WHERE d.id = m.id
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one call ended: an answer, or in a word why there is none that counts."""

    attempt_id: int
    delivery_id: int
    endpoint_id: int
    number: int
    tries: int
    duration_ms: int
    status_code: int | None = None
    error: str = ""
    answer: str = ""
    retry_after: str = ""

    @property
    def arrived(self) -> bool:
        return self.error == "" and self.status_code is not None and 200 <= self.status_code < 300


@transaction.atomic
def record(outcomes: Sequence[Outcome]) -> None:
    """Log the attempts, move their deliveries on, and note which endpoints work, fail, or are gone."""
    if not outcomes:
        return
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            NOTE_ATTEMPTS,
            _columns([(o.attempt_id, o.duration_ms, o.status_code, o.error, o.answer) for o in outcomes]),
        )
        cursor.execute(
            MOVE_DELIVERIES, _columns([(o.delivery_id, o.number, *_onward(o, now)) for o in outcomes])
        )  # fmt: skip
    _note_health(outcomes, now)


def _onward(outcome: Outcome, now: datetime) -> tuple[str, datetime | None]:
    """The delivery's status after this, and when it is tried again."""
    if outcome.arrived:
        return Status.SUCCEEDED.value, None
    if outcome.error == ERASED:
        return Status.DISCARDED.value, None
    again = schedule.next_attempt(tries=outcome.tries, now=now, retry_after=outcome.retry_after)
    return (Status.PENDING.value if again else Status.FAILED.value), again


def _note_health(outcomes: Sequence[Outcome], now: datetime) -> None:
    """One arrival shows that an endpoint works; one `410 Gone`, or failures for too long, disable it."""
    working = {o.endpoint_id for o in outcomes if o.arrived}
    failing = {o.endpoint_id for o in outcomes if not o.arrived and o.error != ERASED} - working
    gone = {o.endpoint_id for o in outcomes if o.status_code == GONE} - working
    for row in _changing(working, failing, gone, now):
        if row.pk in working:
            row.failing_since = None
        elif row.failing_since is None:
            row.failing_since = now
        _give_up_where_due(row, row.pk in gone, now)


def _changing(working: set[int], failing: set[int], gone: set[int], now: datetime) -> "QuerySet[WebhookEndpoint]":
    """The endpoints this is news of, locked in id order; usually none, so that most batches write no endpoint."""
    news = Q(pk__in=working, failing_since__isnull=False) | Q(pk__in=failing, failing_since=None) | Q(pk__in=gone)
    news |= Q(pk__in=failing, failing_since__lte=now - schedule.GIVEN_UP_AFTER)
    return WebhookEndpoint.objects.locked().filter(news, is_enabled=True).order_by("pk")


def _give_up_where_due(row: WebhookEndpoint, is_gone: bool, now: datetime) -> None:
    too_long = row.failing_since is not None and row.failing_since <= now - schedule.GIVEN_UP_AFTER
    if is_gone or too_long:
        row.is_enabled = False
        row.disabled_reason = Disabled.GONE if is_gone else Disabled.FAILING
        row.disabled_at = now
        log.warning("webhook endpoint disabled", endpoint=row.pk, customer=row.customer_id, why=row.disabled_reason)
    row.save(update_fields=["failing_since", "is_enabled", "disabled_reason", "disabled_at"])


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
