"""Periodic work. `settings.TICKS` names functions without arguments and their interval in seconds.

A tick only says "look now": the function looks for due rows of its own and may run twice at once.
`manage.py worker` asks for due ticks through the queue; the row in `wallets.Tick` says when each was
last asked for and when it last answered.
"""

import os
import time
from collections.abc import Mapping
from typing import Any

import structlog
from django.apps import apps
from django.conf import settings
from django.db import close_old_connections, connection, transaction
from django.utils.module_loading import import_string
from django_q.tasks import async_task

log = structlog.get_logger(__name__)

# Where a queue process tells its watchdog that it ran something (see config/watchdog.py).
HEARTBEAT_VARIABLE = "SALDO_HEARTBEAT_FD"

# Rows are locked before they are claimed, and locked ones skipped: many hosts, no waiting, no deadlock.
CLAIM = """
    WITH due AS (
        SELECT tick.name
        FROM {table} AS tick
        JOIN unnest(%(names)s::text[], %(intervals)s::float8[]) AS wanted (name, seconds) USING (name)
        WHERE tick.enqueued_at <= clock_timestamp() - make_interval(secs => CASE
            WHEN tick.finished_at >= tick.enqueued_at THEN wanted.seconds
            ELSE greatest(wanted.seconds, %(patience)s) END)
        FOR NO KEY UPDATE OF tick SKIP LOCKED
    )
    UPDATE {table} AS tick SET enqueued_at = clock_timestamp() FROM due
    WHERE tick.name = due.name RETURNING tick.name
"""
# Last asked for in 1970: a new tick is due at once, for whoever claims it first.
ADD = """
    INSERT INTO {table} (name, enqueued_at, error)
    SELECT name, 'epoch', '' FROM unnest(%(names)s::text[]) AS name
    ON CONFLICT (name) DO NOTHING
"""
ANSWER = """
    UPDATE {table} SET finished_at = clock_timestamp(), duration_seconds = %(seconds)s, error = %(error)s
    WHERE name = %(name)s
"""
WAITING = """
    SELECT name FROM {table}
    WHERE name = ANY(%(names)s) AND (finished_at IS NULL OR finished_at < enqueued_at) ORDER BY name
"""


def enqueue_due(intervals: Mapping[str, float] | None = None) -> list[str]:
    """Ask for every tick that is due, through the queue; return their names.

    However many hosts call this, one of them asks for a tick per interval. One that has not answered
    is asked for again after its interval or `QUEUE_STALE_SECONDS`, whichever is longer, so nothing piles up.
    """
    intervals = settings.TICKS if intervals is None else intervals
    wanted = {
        "names": list(intervals),
        "intervals": [float(seconds) for seconds in intervals.values()],
        "patience": settings.QUEUE_STALE_SECONDS,
    }
    with transaction.atomic():  # the claim and the task commit together, or neither does
        names = sorted(name for (name,) in _rows(CLAIM, wanted))
        for name in names:
            async_task("config.ticks.run", name, save=False, ack_failure=True, task_name=name)
    return names


def add_missing() -> None:
    """Give every tick of `settings.TICKS` its row. Repeating it changes nothing."""
    _execute(ADD, {"names": list(settings.TICKS)})


def unanswered() -> list[str]:
    """The names of ticks that were asked for and have not answered since."""
    return [name for (name,) in _rows(WAITING, {"names": list(settings.TICKS)})]


def run(name: str) -> None:
    """Run one tick in a queue process and note when it ended, how long it took and the class of its error.

    Never raises what the function raised: the queue would store its message, which may hold secrets.
    """
    started = time.monotonic()
    error = ""
    try:
        import_string(name)()
    except Exception as failure:
        error = type(failure).__name__
        log.exception("tick failed", tick=name)
    except SystemExit as timeout:  # how django-q2 ends a task that takes too long
        error = type(timeout).__name__
        raise
    finally:
        beat()
        _answer(name, time.monotonic() - started, error)


def _answer(name: str, seconds: float, error: str) -> None:
    if not connection.in_atomic_block:  # never in a queue process
        close_old_connections()  # the function may have left a broken one
    _execute(ANSWER, {"name": name, "seconds": seconds, "error": error})


def beat() -> None:
    """One byte to the watchdog: work goes on; a full or closed pipe loses nothing worth waiting for."""
    descriptor = os.environ.get(HEARTBEAT_VARIABLE)
    if descriptor is not None:
        try:
            os.write(int(descriptor), b".")
        except OSError as error:
            log.debug("no heartbeat", error=type(error).__name__)


def _execute(statement: str, parameters: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_with_table(statement), parameters)


def _rows(statement: str, parameters: dict[str, Any]) -> list[tuple[str]]:
    with connection.cursor() as cursor:
        cursor.execute(_with_table(statement), parameters)
        return cursor.fetchall()


def _with_table(statement: str) -> str:
    return statement.format(table=apps.get_model("wallets", "Tick")._meta.db_table)
