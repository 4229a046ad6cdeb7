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
from django.utils import timezone

from notifications.models import DeliveryReport, Message
from notifications.providers import Submitted
from notifications.services import ladder, polling, states
from notifications.services.ladder import Changes
from notifications.services.rows import among

Effect = DeliveryReport.Effect
State = Message.State

# The same report again only counts up.
KEEP = """
INSERT INTO notifications_deliveryreport AS kept (provider_message_id, status, error_code, effect, times)
SELECT sid, status, error_code, 'parked', times
  FROM unnest(%s::text[], %s::text[], %s::text[], %s::int[])
       WITH ORDINALITY AS said (sid, status, error_code, times, number)
 ORDER BY number
ON CONFLICT (provider_message_id, status, error_code)
DO UPDATE SET times = kept.times + EXCLUDED.times, last_received_at = statement_timestamp()
RETURNING id, provider_message_id, status, error_code, effect = 'parked'
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
    parked = _keep(reports)
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
    # Whose message was known has none parked from before.
    judge(changes, known, [each for each in parked if each.sid in owners] + parked_for(known.keys() - owners.keys()))
    changes.write()


def take(changes: Changes, message: Message, submitted: Submitted) -> None:
    """The provider has a locked message without an id, under this one: it is queued."""
    message.provider_message_id = submitted.id
    message.accepted_at = timezone.now()
    message.dispatch = Message.Dispatch.DONE
    message.call_deadline_at = None
    message.attempts = 0
    message.needs_staff = False
    message.due_at = polling.first_look(message)
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
    effects = []
    for report in reports:
        word = states.WORDS.get(report.status)
        message = known[report.sid]
        effects.append(
            Effect.UNKNOWN if word is None else changes.climb(message, word, failure=report.error_code)
        )  # fmt: skip
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


def _keep(reports: Sequence[Report]) -> list[Parked]:
    """Write them down; those that were not judged yet, in the order they came."""
    counted = Counter((report.sid, report.status, report.error_code) for report in reports)
    with connection.cursor() as cursor:
        cursor.execute(KEEP, [*(list(column) for column in zip(*counted, strict=True)), list(counted.values())])
        kept = sorted(cursor.fetchall())
    return [Parked(*row[:4]) for row in kept if row[4]]


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
