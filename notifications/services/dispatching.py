"""Handing messages to their providers: once, outside any transaction.

Claiming is "lock the rows, look again, decide, write", so the request that sends, the tick, a cancel
and a report may all come at once.
"""

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet, prefetch_related_objects
from django.utils import timezone

from notifications.models import Chunk, Message, Sending
from notifications.providers import PROVIDERS
from notifications.services import answers, calling, pace, polling
from notifications.services.at_once import with_a_connection_of_its_own
from notifications.services.rows import among, read_rows

log = structlog.get_logger(__name__)

Dispatch = Message.Dispatch

# What a call needs of a message.
READ = (
    "uuid", "customer_id", "channel", "sender_id", "version_id", "chunk_id", "to", "redirected_to", "body", "variables",
    "called_at",
)  # fmt: skip
NEXT_TURN = timedelta(seconds=1)
# A tick ends after this, for other ticks have to run too; the next goes on.
TICK_SECONDS = 2
# While a provider is waited for, the others are looked at this often.
LOOK_AGAIN_SECONDS = 0.2

# Which providers have something to be handed now, one index probe each, however many messages wait.
PROVIDERS_WITH_DUE = """
WITH RECURSIVE waiting (provider) AS (
    (SELECT provider FROM notifications_message WHERE dispatch = 'waiting' ORDER BY provider LIMIT 1)
    UNION ALL
    SELECT (SELECT m.provider FROM notifications_message m
             WHERE m.dispatch = 'waiting' AND m.provider > w.provider ORDER BY m.provider LIMIT 1)
      FROM waiting w WHERE w.provider IS NOT NULL
)
SELECT w.provider FROM waiting w
 WHERE EXISTS (SELECT FROM notifications_message m WHERE m.dispatch = 'waiting' AND m.provider = w.provider
                  AND m.priority IN (0, 1) AND m.due_at <= %s)
"""


def dispatch_due(*, seconds: float = TICK_SECONDS) -> int:
    """Hand over what waits for it: one-time passwords first, then by time; returns how many. Safe twice at once.

    Providers are served side by side: while one of them hangs, what is or comes due for the others goes out.
    """
    stop, due = time.monotonic() + seconds, _providers_with_due()
    if settings.PROVIDER_CALLS_AT_ONCE <= 1:
        return sum(_serve(provider, stop) for provider in due)
    serve: Callable[[str], int] = with_a_connection_of_its_own(partial(_serve, stop=stop))
    handed = 0
    with ThreadPoolExecutor(len(PROVIDERS)) as pool:
        awaited = {provider: pool.submit(serve, provider) for provider in due}
        meanwhile: dict[str, Future[int]] = {}
        while awaited or meanwhile:
            wait([*awaited.values(), *meanwhile.values()], timeout=LOOK_AGAIN_SECONDS)
            handed += _take_what_is_done(awaited) + _take_what_is_done(meanwhile)
            if awaited:
                others = set(_providers_with_due()) - awaited.keys() - meanwhile.keys()
                meanwhile |= {provider: pool.submit(serve, provider) for provider in others}
    return handed


def hand_over(message: Message) -> Message:
    """Call the provider with this message, unless somebody else has or no turn is free; returns it as it is then."""
    if pace.take_turns(message.provider, 1):
        _hand_over_all(message.provider, start_calling([message.pk]))
    else:
        waiting = Message.objects.filter(pk=message.pk, dispatch=Dispatch.WAITING)
        waiting.update(due_at=timezone.now() + NEXT_TURN)
    return fresh(message.pk)


def fresh(message_id: int) -> Message:
    return Message.objects.select_related("charge").get(pk=message_id)


def start_calling(message_ids: Sequence[int]) -> list[Message]:
    """Take the right to call the provider with these; those that are past that are left out."""
    return _claim(Message.objects.filter(pk__in=message_ids).order_by("id"))


def _serve(provider: str, stop: float) -> int:
    """Turn after turn until nothing is due, or the time is over."""
    handed = turn = _dispatch_some(provider)
    while turn and time.monotonic() < stop:
        turn = _dispatch_some(provider)
        handed += turn
    return handed


def _take_what_is_done(served: "dict[str, Future[int]]") -> int:
    done = [provider for provider, turns in served.items() if turns.done()]
    return sum(served.pop(provider).result() for provider in done)


def _dispatch_some(provider: str) -> int:
    turns = pace.take_turns(provider, calling.batch_size(provider))
    if not turns:
        return 0
    due = Message.objects.filter(provider=provider, due_at__lte=timezone.now()).order_by("priority", "due_at", "id")
    claimed = _claim(due, limit=turns)
    pace.give_turns_back(provider, turns - len(claimed))
    _hand_over_all(provider, claimed)
    return len(claimed)


def _hand_over_all(provider: str, claimed: Sequence[Message]) -> None:
    if claimed:
        answers.apply_answers(calling.call(provider, claimed))


@transaction.atomic
def _claim(wanted: "QuerySet[Message]", *, limit: int | None = None) -> list[Message]:
    """Mark what waits as `calling` until after its deadline, which a crash leaves to the sweeper.

    A message's chunk is not locked for this: its money and its counters stay as they are.
    """
    rows = wanted.filter(dispatch=Dispatch.WAITING).exclude(state__in=Message.FINAL)
    if taken_back := _being_canceled():
        rows = rows.exclude(chunk__in=taken_back)
    free = rows.select_for_update(no_key=True, skip_locked=limit is not None, of=("self",))
    ids = list(free.values_list("pk", flat=True)[:limit])
    now = timezone.now()
    deadline = now + timedelta(seconds=settings.PROVIDER_DEADLINE_SECONDS) + polling.GRACE
    claimed = among(Message.objects.all(), "id", ids)
    claimed.update(
        dispatch=Dispatch.CALLING, called_at=now, call_deadline_at=deadline, due_at=deadline, attempts=F("attempts") + 1
    )
    by_id = {message.pk: message for message in read_rows(claimed, READ)}
    _add_what_they_share(by_id.values())
    return [by_id[key] for key in ids]


def _being_canceled() -> list[int]:
    """Chunks of which nothing more is handed over."""
    rows = Chunk.objects.filter(sending__in=Sending.objects.being_canceled()).exclude(handed=F("recipients"))
    return list(rows.values_list("pk", flat=True))


def _add_what_they_share(messages: Collection[Message]) -> None:
    """The sendings of those that are part of one; senders and templates of the others."""
    chunks = Chunk.objects.select_related("sending__sender")
    by_id = chunks.in_bulk({message.chunk_id for message in messages if message.chunk_id})
    for message in messages:
        if message.chunk_id is not None:
            message.chunk = by_id[message.chunk_id]
    prefetch_related_objects([message for message in messages if message.chunk_id is None], "sender", "version")


def _providers_with_due() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(PROVIDERS_WITH_DUE, [timezone.now()])
        return [provider for (provider,) in cursor.fetchall()]
