"""When to look at a message again, and claiming those whose time has come."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from notifications.models import Message
from notifications.models.message import MessageQuerySet
from notifications.providers import PROVIDERS
from notifications.services import at_once
from notifications.services.ladder import asked_since, expires_at

log = structlog.get_logger(__name__)

BATCH = 100
# A tick that meets slow providers ends in time to be asked for again; the next goes on.
TICK_SECONDS = 20
# The sweeper acts on a call only this long after its deadline: no living call lasts that long.
GRACE = timedelta(seconds=2)
# How long to wait before trying or asking again, by how often it was done.
BACKOFF = tuple(timedelta(seconds=seconds) for seconds in (2, 5, 15, 60, 300, 900, 3600))
# When a provider is asked for a report that did not come, counted from its acceptance.
LOOKS = tuple(timedelta(minutes=minutes) for minutes in (15, 60, 360, 1440, 2880))
# Of a sending's messages, whose number a provider would not like to be asked about.
LOOKS_IN_BULK = (timedelta(hours=24),)
# These cannot be asked: their silence is looked at once, when it has lasted.
TELL_ONLY_OF_FAILURES = frozenset(name for name, provider in PROVIDERS.items() if provider.silence_means_delivered)


def backoff(attempts: int) -> timedelta:
    return BACKOFF[min(max(attempts, 1), len(BACKOFF)) - 1]


def claim_seconds() -> float:
    """How long whoever works on a message keeps it to itself: a crash gives it free after that."""
    return 3 * settings.PROVIDER_DEADLINE_SECONDS + TICK_SECONDS


def next_look(message: Message, now: datetime) -> datetime:
    """The next moment to ask for a report; at the latest when the message expires."""
    since = asked_since(message)
    looks = LOOKS_IN_BULK if message.chunk_id else LOOKS
    if message.provider in TELL_ONLY_OF_FAILURES:
        return expires_at(message)
    return min([*(since + look for look in looks if since + look > now), expires_at(message)])


def work_through(due: MessageQuerySet, work: Callable[[Message], object], *, limit: int) -> int:
    """Do `work` for the messages of `due`, some at the same time; returns for how many.

    They are claimed as one batch: their next look moves into the future and the attempt is counted
    before the work, so a second run, or one after a crash, takes others or comes back later.
    What there was no time for is given free again.
    """
    stop = time.monotonic() + TICK_SECONDS

    def look(message: Message) -> bool:
        if time.monotonic() > stop:
            _unclaim(message)
            return False
        try:
            work(message)
        except Exception:
            # One bad message must not stop the others; it is due again after its claim runs out.
            log.exception("message could not be worked on", message=message.pk)
        return True

    return sum(at_once.each(look, _claim(due, limit)))


@transaction.atomic
def _claim(due: MessageQuerySet, limit: int) -> list[Message]:
    now = timezone.now()
    rows = list(due.filter(due_at__lte=now).select_for_update(no_key=True, skip_locked=True, of=("self",))[:limit])
    until = now + timedelta(seconds=claim_seconds())
    Message.objects.filter(pk__in=[row.pk for row in rows]).update(due_at=until, attempts=F("attempts") + 1)
    for row in rows:
        row.due_at, row.attempts = until, row.attempts + 1
    return rows


def _unclaim(row: Message) -> None:
    Message.objects.filter(pk=row.pk, due_at=row.due_at).update(due_at=timezone.now(), attempts=F("attempts") - 1)
