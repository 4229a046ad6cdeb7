"""Two callers at once, on connections of their own, and the same with a guard taken away."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Barrier, Thread
from typing import Any

from django.db import connection, transaction

from wallets.tests.factories import execute

Call = Callable[[], Any]
LEDGER = "wallets_transaction, wallets_hold, wallets_release, wallets_wallet, wallets_account"
PATIENCE_SECONDS = 30


class Caller(Thread):
    """A call in a thread of its own; `outcome` is what it returned, or what it raised."""

    def __init__(self, call: Call) -> None:
        super().__init__(daemon=True)
        self.call = call
        self.outcome: Any = None
        self._backend: SimpleQueue[int] = SimpleQueue()
        self.start()

    def run(self) -> None:
        try:
            connection.ensure_connection()
            self._backend.put(connection.connection.info.backend_pid)
            self.outcome = self.call()
        except Exception as error:
            self.outcome = error
        finally:
            connection.close()

    def wait_until_it_waits(self) -> None:
        """Return once the call waits for a lock of ours (or has ended without one)."""
        backend = self._backend.get(timeout=PATIENCE_SECONDS)
        while self.is_alive():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_blocking_pids(%s) <> '{}'", [backend])
                if cursor.fetchone()[0]:
                    return

    def ended(self) -> Any:
        self.join(PATIENCE_SECONDS)
        assert not self.is_alive(), "the call hangs"
        return self.outcome


def together(*calls: Call) -> list[Any]:
    """The outcomes of calls that start at the same moment."""
    start = Barrier(len(calls))

    def after_start(call: Call) -> Call:
        return lambda: (start.wait(PATIENCE_SECONDS), call())[1]

    return [caller.ended() for caller in [Caller(after_start(call)) for call in calls]]


def while_open(first: Call, second: Call) -> tuple[Any, Any]:
    """The outcomes where `second` comes while the transaction of `first` is still open."""
    with transaction.atomic():
        outcome = first()
        caller = Caller(second)
        caller.wait_until_it_waits()
    return outcome, caller.ended()


@contextmanager
def without_constraint(table: str, name: str) -> Iterator[None]:
    """The books without one of their constraints; they are empty afterwards."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [name])
        definition = cursor.fetchone()[0]
    execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    try:
        yield
    finally:
        _empty_the_books()
        execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")


@contextmanager
def with_function_changed(name: str, old: str, new: str) -> Iterator[None]:
    """The books with `old` replaced by `new` in one of their functions; they are empty afterwards."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef(%s::regproc)", [name])
        definition = cursor.fetchone()[0]
    assert old in definition, f"{name} does not say {old!r} any more"
    execute(definition.replace(old, new).replace("%", "%%"))
    try:
        yield
    finally:
        _empty_the_books()
        execute(definition.replace("%", "%%"))


def _empty_the_books() -> None:
    with transaction.atomic():
        execute("SET LOCAL saldo.allow_truncate = 'on'")
        execute(f"TRUNCATE {LEDGER} CASCADE")
