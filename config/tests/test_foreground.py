"""All or none: the processes of `make run` end together, whatever ends first."""

import os
import signal

import pytest

from config.tests.processes import Running, descendants, living, wait_for

pytestmark = pytest.mark.xdist_group("processes")

# Two programs under one Foreground, as config/server.py does it.
MANAGER = """
import sys
from config.foreground import Foreground
foreground = Foreground()
for name, program in zip(("first", "second"), sys.argv[1:]):
    foreground.add_process(name, f"exec {sys.executable} -uc '{program}'")
foreground.loop()
print("asked" if foreground.was_asked_to_end else f"by itself: {foreground.first_to_end}", flush=True)
"""
PATIENT = 'import signal; print("up", flush=True); signal.pause()'
STUBBORN = (
    "import signal; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]; "
    'print("up", flush=True); [signal.pause() for _ in iter(int, 1)]'
)
WITH_CHILD = (
    "import subprocess, sys, signal; "
    'subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]); print("up", flush=True); signal.pause()'
)


def manager(*programs: str) -> Running:
    return Running("-c", MANAGER, *programs)


def up(running: Running, times: int = 2) -> list[int]:
    """Everybody below the manager, once its programs say they are up."""
    wait_for(lambda: running.output.count("| up") == times)
    return descendants(running.pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all(number):
    with manager(PATIENT, WITH_CHILD) as running:
        everyone = up(running)
        os.kill(running.pid, number)
        running.printed("asked")
        running.process.wait(10)
        assert living(everyone) == []


def test_the_end_of_one_is_the_end_of_all_and_says_who_it_was():
    with manager(PATIENT, 'print("up", flush=True); raise SystemExit(7)') as running:
        running.printed("by itself: second (code 7)")
        running.process.wait(10)
        assert descendants(running.pid) == []


def test_a_killed_process_is_named_too():
    with manager(PATIENT, PATIENT) as running:
        up(running)
        line = running.printed("first started (pid=")
        os.kill(int(line.split("pid=")[1].rstrip(")\n")), signal.SIGKILL)
        running.printed("by itself: first (code -9)")


def test_nothing_outlives_a_killed_manager():
    with manager(PATIENT, PATIENT) as running:
        everyone = up(running)
        os.kill(running.pid, signal.SIGKILL)
        wait_for(lambda: living(everyone) == [])


def test_the_same_signal_twice_at_once_is_one_wish_and_a_later_one_kills_the_stubborn():
    with manager(STUBBORN, STUBBORN) as running:
        everyone = up(running)
        os.kill(running.pid, signal.SIGTERM)
        os.kill(running.pid, signal.SIGTERM)
        running.printed("sending SIGTERM to second")
        assert "SIGKILL" not in running.output
        wait_for(lambda: not living([running.pid]) or os.kill(running.pid, signal.SIGINT), every=0.3)
        assert living(everyone) == []


def test_a_signal_before_everything_is_up_is_heeded():
    with manager(PATIENT, PATIENT) as running:
        running.printed("started")
        os.kill(running.pid, signal.SIGTERM)
        running.process.wait(10)
        assert descendants(running.pid) == []
