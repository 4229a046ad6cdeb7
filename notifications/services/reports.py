"""Delivery reports: every one is kept; a message takes what it can from them, in any order and number.

A report and the answer that names its message may cross. Both take the locks on the provider's ids
first, then the chunks, then the messages: whoever comes second sees what the first has written.
"""

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db import connection, transaction

from notifications.models import DeliveryReport, Message
from notifications.providers import Submitted
from notifications.services import ladder, polling, states
from notifications.services.ladder import Changes
from notifications.services.rows import among

Effect = DeliveryReport.Effect
State = Message.State

# Looked up one by one: before its first statistics, all rows of a table that grows are read for `= ANY`.
SEEN = """
SELECT seen.* FROM unnest(%s::text[]) AS sid CROSS JOIN LATERAL (
    SELECT provider_message_id, status, error_code, effect = 'parked'
      FROM notifications_deliveryreport WHERE provider_message_id = sid OFFSET 0) AS seen
"""
# The same report again only counts up.
KEEP = """
INSERT INTO notifications_deliveryreport AS kept
       (provider_message_id, status, error_code, times, effect, message_id)
SELECT sid, status, error_code, times, effect, message_id
  FROM unnest(%s::text[], %s::text[], %s::text[], %s::int[], %s::text[], %s::bigint[])
       WITH ORDINALITY AS said (sid, status, error_code, times, effect, message_id, number)
 ORDER BY number
ON CONFLICT (provider_message_id, status, error_code)
DO UPDATE SET times = kept.times + EXCLUDED.times, last_received_at = statement_timestamp()
"""
PARKED = """
SELECT id, provider_message_id, status, error_code FROM notifications_deliveryreport
 WHERE provider_message_id = ANY(%s) AND effect = 'parked' ORDER BY id
"""
JUDGED = """
UPDATE notifications_deliveryreport r SET effect = v.effect, message_id = v.message_id
  FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) AS v (id, effect, message_id) WHERE r.id = v.id
"""


@dataclass(frozen=True, slots=True)
class Report:
    """What a carrier says of its message `sid`; `reference` is ours, where the carrier sends it back."""

    sid: str
    status: str
    error_code: str = ""
    reference: str = ""


class Said(NamedTuple):
    """What makes a report the same report."""

    sid: str
    status: str
    error_code: str


class Parked(NamedTuple):
    """A kept report that was not judged yet."""

    id: int
    sid: str
    status: str
    error_code: str


def receive_report(*, sid: str, status: str, error_code: str = "", reference: str = "") -> DeliveryReport:
    """Keep one report, as `receive_reports` does; returns it as it is kept."""
    receive_reports([Report(sid, status, error_code, reference)])
    return DeliveryReport.objects.get(provider_message_id=sid, status=status, error_code=error_code)


@transaction.atomic
def receive_reports(reports: Sequence[Report]) -> None:
    """Keep what a carrier says of its messages, and let the messages climb, in the order it was said.

    Our own reference names a message even when the carrier's first answer was lost. Where no message
    is known yet a report is parked. The same report again counts up and changes nothing.
    """
    if not reports:
        return
    sids = {report.sid for report in reports}
    lock_sids(sids)
    seen = _seen(sids)
    owners = owners_of(sids)
    claims = _claims(reports, owners)
    locked = ladder.lock_many({*owners.values(), *claims.values()})
    changes = Changes()
    known = {sid: locked[key] for sid, key in owners.items()}
    for sid, key in claims.items():
        # Looked at again once locked: its answer may have named another id meanwhile.
        if key in locked and locked[key].provider_message_id is None:
            take(changes, locked[key], Submitted(sid))
            known[sid] = locked[key]
    judge(changes, known, parked_for({key.sid for key, is_parked in seen.items() if is_parked and key.sid in known}))
    _keep(reports, changes, known, seen)
    changes.write()


def take(changes: Changes, message: Message, submitted: Submitted) -> None:
    """The provider has a locked message without an id, under this one: it is queued."""
    message.provider_message_id = submitted.id
    message.accepted_at = changes.now
    message.dispatch = Message.Dispatch.DONE
    message.call_deadline_at = None
    message.attempts = 0
    message.needs_staff = False
    message.due_at = polling.next_look(message, changes.now)
    # Given up and given back meanwhile: the provider has it all the same, and somebody should know.
    message.is_contradicted = message.is_contradicted or message.is_final
    changes.touch(message)
    changes.climb(message, states.WORDS.get(submitted.status, State.QUEUED))


def parked_for(sids: Collection[str]) -> list[Parked]:
    """What is parked for these ids of the provider's, in the order it came."""
    if not sids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(PARKED, [list(sids)])
        return [Parked(*row) for row in cursor.fetchall()]


def judge(changes: Changes, known: Mapping[str, Message], reports: Sequence[Parked]) -> None:
    """Let locked messages, by the provider's id, climb by these reports; keep what came of each."""
    effects = [_effect(changes, known[report.sid], report.status, report.error_code) for report in reports]
    if reports:
        ids, owners = [report.id for report in reports], [known[report.sid].pk for report in reports]
        with connection.cursor() as cursor:
            cursor.execute(JUDGED, [ids, [str(effect) for effect in effects], owners])


def owners_of(sids: Collection[str]) -> dict[str, int]:
    """Which messages have these ids of the provider's."""
    found = among(Message.objects.order_by(), "provider_message_id", sids)
    return {sid: key for sid, key in found.values_list("provider_message_id", "pk") if sid}


def lock_sids(sids: Collection[str]) -> None:
    """Whoever brings news of a provider's id holds its lock, taken in order, to the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('message:' || sid, 7)) FROM unnest(%s::text[]) AS sid",
            [sorted(sids)],
        )


def _keep(reports: Sequence[Report], changes: Changes, known: Mapping[str, Message], seen: Mapping[Said, bool]) -> None:
    """Write them down, in the order they came; a new one of a known message is judged, of any other parked."""
    times = Counter(Said(report.sid, report.status, report.error_code) for report in reports)
    effects: list[str] = []
    owners: list[int | None] = []
    for said in times:
        message = known.get(said.sid) if said not in seen else None
        effects.append(_effect(changes, message, said.status, said.error_code) if message else Effect.PARKED)
        owners.append(message.pk if message else None)
    columns = [list(column) for column in zip(*times, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(KEEP, [*columns, list(times.values()), [str(effect) for effect in effects], owners])


def _seen(sids: Collection[str]) -> dict[Said, bool]:
    """Which reports of these were kept before, and whether they are parked."""
    with connection.cursor() as cursor:
        cursor.execute(SEEN, [list(sids)])
        return {Said(*row[:3]): row[3] for row in cursor.fetchall()}


def _effect(changes: Changes, message: Message, status: str, error_code: str) -> str:
    word = states.WORDS.get(status)
    return Effect.UNKNOWN if word is None else changes.climb(message, word, failure=error_code)


def _claims(reports: Iterable[Report], owners: Mapping[str, int]) -> dict[str, int]:
    """Where our own reference names a message without an id: that message, by the provider's id that it may take."""
    named = {report.sid: reference for report in reports if report.sid not in owners and (reference := _uuid(report))}
    if not named:
        return {}
    found = Message.objects.filter(uuid__in=set(named.values()), provider_message_id=None).order_by()
    keys = dict(found.values_list("uuid", "pk"))
    return {sid: keys[reference] for sid, reference in named.items() if reference in keys}


def _uuid(report: Report) -> uuid.UUID | None:
    try:
        return uuid.UUID(report.reference)
    except ValueError:
        return None
