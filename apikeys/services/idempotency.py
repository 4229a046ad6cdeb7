"""A request's key makes it happen once: whoever claims the key runs, everybody else gets its answer."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from apikeys.errors import IdempotencyConflict, RequestInProgress
from apikeys.models import IdempotencyKey
from apikeys.services.erasing import delete_in_batches

KEPT_HOURS = 24
LONGEST_RETRY_AFTER_SECONDS = 5
CLAIM_TRIES = 5

# One statement decides. Of two first requests the unique constraint lets one insert; the other
# waits for that row and then fails the WHERE. It may be taken over when it has expired, or when
# the same request stands abandoned past its lock; `run` then goes up, so a slow former owner
# can no longer write. The clock is the database's: hosts may differ.
CLAIM = """
INSERT INTO apikeys_idempotencykey AS k
    (customer_id, route, key, body_hash, state, run, locked_until, answer_body, answer_headers, created_at, expires_at)
VALUES (%(customer)s, %(route)s, %(key)s, %(body_hash)s, 'running', 1,
        statement_timestamp() + %(deadline)s * interval '1 second', '', '{}',
        statement_timestamp(), statement_timestamp() + %(kept)s * interval '1 hour')
ON CONFLICT (customer_id, route, key) DO UPDATE SET
    body_hash = EXCLUDED.body_hash, state = 'running', run = k.run + 1, locked_until = EXCLUDED.locked_until,
    answer_status = NULL, answer_body = '', answer_headers = '{}', expires_at = EXCLUDED.expires_at
WHERE k.expires_at <= statement_timestamp()
   OR (k.body_hash = EXCLUDED.body_hash AND k.state = 'running' AND k.locked_until <= statement_timestamp())
RETURNING id, run
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run a request, until its lock runs out."""

    row_id: int
    run: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What the first run answered, as it went over the wire."""

    status: int
    body: str
    headers: dict[str, str]


def claim(*, customer_id: int, route: str, key: str, body_hash: str) -> Claim | Answer:
    """Claim a key for one run of a request, or return the answer its first run left.

    The claim holds for REQUEST_DEADLINE_SECONDS; whoever gets it must end with `keep`,
    `forget` or `reopen`; after a crash the next repeat may claim it again.
    Raises IdempotencyConflict for another body, RequestInProgress while a run has the claim.
    """
    values = {
        "customer": customer_id, "route": route, "key": key, "body_hash": body_hash,
        "deadline": settings.REQUEST_DEADLINE_SECONDS, "kept": KEPT_HOURS,
    }  # fmt: skip
    for _ in range(CLAIM_TRIES):
        with connection.cursor() as cursor:
            cursor.execute(CLAIM, values)
            won = cursor.fetchone()
        if won is not None:
            return Claim(*won)
        answer = _answer_of(customer_id, route, key, body_hash)
        if answer is not None:
            return answer
        # Neither won nor there: its owner forgot or reopened it between the two looks.
    raise RequestInProgress(retry_after_seconds=1)


def keep(claim: Claim, answer: Answer) -> None:
    """Store the answer that every repeat will get. A run that was taken over changes nothing."""
    _mine(claim).update(
        state=IdempotencyKey.State.ANSWERED,
        answer_status=answer.status,
        answer_body=answer.body,
        answer_headers=answer.headers,
    )


def forget(claim: Claim) -> None:
    """Nothing was created: the key may be used again, with any body."""
    _mine(claim).delete()


def reopen(claim: Claim) -> None:
    """The outcome is not known yet: the same request may run again at once, another body may not."""
    _mine(claim).update(locked_until=Now())


def erase_expired() -> int:
    """Delete answers older than a day. Safe to run twice at once; returns how many went."""
    return delete_in_batches(IdempotencyKey, "expires_at")


def _mine(claim: Claim) -> Any:
    return IdempotencyKey.objects.filter(pk=claim.row_id, run=claim.run, state=IdempotencyKey.State.RUNNING)


def _answer_of(customer_id: int, route: str, key: str, body_hash: str) -> Answer | None:
    """The stored answer; None where the row has gone or may be claimed after all."""
    row = (
        IdempotencyKey.objects.filter(customer_id=customer_id, route=route, key=key)
        .annotate(left=F("locked_until") - Now(), to_live=F("expires_at") - Now())
        .first()
    )
    if row is None or row.to_live.total_seconds() <= 0:
        return None
    if row.body_hash != body_hash:
        raise IdempotencyConflict
    if row.state == IdempotencyKey.State.ANSWERED and row.answer_status is not None:
        return Answer(row.answer_status, row.answer_body, row.answer_headers)
    left = row.left.total_seconds()
    if left <= 0:
        return None
    raise RequestInProgress(retry_after_seconds=min(int(left) + 1, LONGEST_RETRY_AFTER_SECONDS))
