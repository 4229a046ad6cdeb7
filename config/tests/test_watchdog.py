import os
import signal
from collections.abc import Iterator

import psutil
import pytest

from config.supervised import START_SECONDS, Companion
from config.tests.processes import wait_for
from config.watchdog import Queue


def a_queue(*, has_beaten: bool) -> Queue:
    queue = Queue.__new__(Queue)  # no process: only how long it is waited for is asked
    queue.has_beaten = has_beaten
    return queue


def test_a_queue_that_is_still_starting_gets_longer_than_one_that_fell_silent():
    """On a busy machine a start outlasted the stale time, and was cut short again and again."""
    assert a_queue(has_beaten=False).patience(2) == START_SECONDS
    assert a_queue(has_beaten=True).patience(2) == 2


def test_a_starting_queue_never_gets_less_than_the_stale_time():
    assert a_queue(has_beaten=False).patience(START_SECONDS * 2) == START_SECONDS * 2


@pytest.fixture
def companion() -> Iterator[Companion]:
    """One that ends at once: there is no such command."""
    made = Companion("no_such_command", stale_seconds=60)
    yield made
    made.stop()


def test_a_companion_that_ended_is_started_again_but_not_in_a_tight_loop(companion):
    companion.look_after()
    first = companion.running
    assert first is not None
    first.process.wait(60)
    companion.look_after()
    assert companion.running is None
    companion.look_after()
    assert companion.running is None, "it waits a moment"
    wait_for(lambda: companion.look_after() or companion.running, every=0.1)
    assert companion.running.process.pid != first.process.pid


def test_a_companion_that_is_frozen_is_replaced(companion):
    companion.stale_seconds = 0.2
    companion.look_after()
    frozen = companion.running
    os.kill(frozen.process.pid, signal.SIGSTOP)
    frozen.has_beaten = True  # as if it had worked before
    wait_for(lambda: companion.look_after() or companion.running is not frozen, every=0.1)
    assert not psutil.pid_exists(frozen.process.pid)
