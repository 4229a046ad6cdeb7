"""`manage.py worker` as real processes, on a stale time of four seconds."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from config.tests.processes import Running, database_url, descendants, living, wait_for
from wallets.models import Tick

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("processes")]

NOTE = "config.tests.ticks_for_tests.note"
FAIL = "config.tests.ticks_for_tests.fail"


@pytest.fixture
def notes(tmp_path) -> Path:
    file = tmp_path / "notes"
    file.touch()
    return file


@pytest.fixture
def worker(notes):
    with start_worker(notes) as running:
        wait_for(lambda: count(notes, "note") > 1 or running.process.poll() is not None)
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


def test_ticks_run_and_a_failing_one_does_not_stop_the_others(worker, notes):
    wait_for(lambda: count(notes, "fail") > 2 and count(notes, "note") > 5)
    wait_for(lambda: Tick.objects.filter(name=FAIL, error="ValueError").exists())
    assert Tick.objects.get(name=NOTE).error == ""
    assert "SECRET" not in Tick.objects.get(name=FAIL).error


def test_a_cluster_wedged_by_killing_its_idle_workers_is_replaced(worker, notes):
    wedged = queue_of(worker)
    group = [wedged.pid, *descendants(wedged.pid)]
    for pid in queue_workers(worker):
        os.kill(pid, signal.SIGKILL)
    worker.printed("replacing the queue")
    wait_for(lambda: living(group) == [])
    before = count(notes, "note")
    wait_for(lambda: count(notes, "note") > before + 2)


def test_a_frozen_cluster_is_replaced(worker, notes):
    frozen = queue_of(worker)
    group = [frozen.pid, *descendants(frozen.pid)]
    for pid in group:
        os.kill(pid, signal.SIGSTOP)
    worker.printed("queue is silent")
    before = count(notes, "note")
    wait_for(lambda: count(notes, "note") > before + 2)
    assert living(group) == []


def test_a_cluster_that_ends_is_started_again(worker, notes):
    queue_of(worker).terminate()
    worker.printed("queue ended by itself")
    before = count(notes, "note")
    wait_for(lambda: count(notes, "note") > before + 2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_cleanly(worker, number):
    everyone = [worker.pid, *descendants(worker.pid)]
    os.kill(worker.pid, number)
    assert worker.process.wait(15) == 0
    assert living(everyone) == []


def test_nothing_outlives_a_killed_watchdog(worker):
    everyone = descendants(worker.pid)
    assert len(everyone) > 4
    os.kill(worker.pid, signal.SIGKILL)
    wait_for(lambda: living(everyone) == [])


def test_two_workers_share_the_ticks(worker, notes):
    with start_worker(notes) as second:
        second.printed("queue started")
        wait_for(lambda: any(is_child(second, pid) for pid in pids(notes)))
        wait_for(lambda: count(notes, "note") > 10)


def is_child(worker: Running, pid: int) -> bool:
    return pid in descendants(worker.pid)


def pids(notes: Path) -> set[int]:
    return {int(line.split()[1]) for line in notes.read_text().splitlines()}
