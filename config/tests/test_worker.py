"""`manage.py worker` as real processes, on a stale time of four seconds."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from config.tests.processes import Running, database_url, descendants, living, wait_for
from tests.emptied import empty_tables
from wallets.models import Tick

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("processes")]

NOTE = "config.tests.ticks_for_tests.note"
FAIL = "config.tests.ticks_for_tests.fail"


@pytest.fixture(scope="module")
def notes(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("worker") / "notes"
    file.touch()
    return file


@pytest.fixture(scope="module")
def database(django_db_setup, django_db_blocker) -> Iterator[None]:
    """Workers commit what they write: it is gone when the last of them is."""
    with django_db_blocker.unblock():
        yield
        empty_tables()


@pytest.fixture(scope="module")
def worker(database, notes) -> Iterator[Running]:
    """One for all tests that it survives."""
    with start_worker(notes) as running:
        yield running


@pytest.fixture
def mortal_notes(tmp_path) -> Path:
    file = tmp_path / "notes"
    file.touch()
    return file


@pytest.fixture
def mortal(database, mortal_notes) -> Iterator[Running]:
    with start_worker(mortal_notes) as running:
        wait_for(lambda: count(mortal_notes, "note") or running.process.poll() is not None)
        assert running.process.poll() is None, running.output
        yield running


def start_worker(notes: Path) -> Running:
    return Running(
        "manage.py",
        "worker",
        DJANGO_SETTINGS_MODULE="config.tests.worker_settings",
        DATABASE_URL=database_url(),
        SALDO_TEST_NOTES=str(notes),
        QUEUE_STALE_SECONDS="4",
    )


def count(notes: Path, word: str) -> int:
    return notes.read_text().count(word)


def queue_of(worker: Running) -> psutil.Process:
    (queue,) = psutil.Process(worker.pid).children()
    return queue


def queue_workers(worker: Running) -> list[int]:
    """django-q2 starts its workers first, then the monitor and the pusher, all below the sentinel."""
    (sentinel,) = queue_of(worker).children()
    return sorted(child.pid for child in sentinel.children())[:2]


def replaced(worker: Running, reason: str, since: int) -> None:
    wait_for(lambda: any("replacing the queue" in line and reason in line for line in worker.lines[since:]))


def goes_on(notes: Path) -> None:
    before = count(notes, "note")
    wait_for(lambda: count(notes, "note") > before + 2)


def test_ticks_run_and_a_failing_one_does_not_stop_the_others(worker, notes):
    wait_for(lambda: count(notes, "fail") > 2 and count(notes, "note") > 5)
    wait_for(lambda: Tick.objects.filter(name=FAIL, error="ValueError").exists())
    assert Tick.objects.get(name=NOTE).error == ""
    assert "SECRET" not in Tick.objects.get(name=FAIL).error


def test_a_cluster_wedged_by_killing_its_idle_workers_is_replaced(worker, notes):
    goes_on(notes)
    wedged, since = queue_of(worker), len(worker.lines)
    group = [wedged.pid, *descendants(wedged.pid)]
    for pid in queue_workers(worker):
        os.kill(pid, signal.SIGKILL)
    replaced(worker, "", since)
    wait_for(lambda: living(group) == [])
    goes_on(notes)


def test_a_frozen_cluster_is_replaced(worker, notes):
    goes_on(notes)
    frozen, since = queue_of(worker), len(worker.lines)
    group = [frozen.pid, *descendants(frozen.pid)]
    for pid in group:
        os.kill(pid, signal.SIGSTOP)
    replaced(worker, "queue is silent", since)
    goes_on(notes)
    assert living(group) == []


def test_a_cluster_that_ends_is_started_again(worker, notes):
    goes_on(notes)
    since = len(worker.lines)
    queue_of(worker).terminate()
    replaced(worker, "queue ended by itself", since)
    goes_on(notes)


def test_two_workers_share_the_ticks(worker, notes, mortal, mortal_notes):
    goes_on(notes)
    goes_on(mortal_notes)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_cleanly(mortal, number):
    everyone = [mortal.pid, *descendants(mortal.pid)]
    os.kill(mortal.pid, number)
    assert mortal.process.wait(15) == 0
    assert living(everyone) == []


def test_nothing_outlives_a_killed_watchdog(mortal):
    everyone = descendants(mortal.pid)
    assert len(everyone) > 4
    os.kill(mortal.pid, signal.SIGKILL)
    wait_for(lambda: living(everyone) == [])
