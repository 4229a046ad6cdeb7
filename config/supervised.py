"""A process of ours that is watched: a group of its own, and a pipe up which it sends a byte while it works."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import structlog

from config import processes, ticks

STOP_SECONDS = 10.0
RETRY_SECONDS = 1.0
# One that has not done anything yet may still be starting, on a busy machine for longer than it may be silent.
START_SECONDS = 60.0
PARENT_VARIABLE = "SALDO_PARENT"
ROOT = Path(__file__).resolve().parent.parent

log = structlog.get_logger(__name__)


class Supervised:
    """`python <arguments>`, as the leader of a process group of its own."""

    def __init__(self, *arguments: str) -> None:
        self.heartbeats, beat = os.pipe()
        os.set_blocking(self.heartbeats, False)
        os.set_blocking(beat, False)
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=os.environ | {ticks.HEARTBEAT_VARIABLE: str(beat), PARENT_VARIABLE: str(os.getpid())},
            pass_fds=(beat,),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.has_beaten = False
        os.close(beat)  # now the pipe ends with the last process of the group

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def beat_within(self, seconds: float) -> bool:
        """Wait up to `seconds` for a heartbeat."""
        readable, _, _ = select.select([self.heartbeats], [], [], seconds)
        if not readable:
            return False
        alive = bool(os.read(self.heartbeats, 65536))
        if not alive:
            time.sleep(seconds)  # the pipe has ended: every process is gone or going
        self.has_beaten = self.has_beaten or alive
        return alive

    def patience(self, stale_seconds: float) -> float:
        """How long it may be silent."""
        return stale_seconds if self.has_beaten else max(stale_seconds, START_SECONDS)

    def terminate(self) -> None:
        """Ask it to end; it tells its own children."""
        if not self.has_ended():
            self.process.terminate()

    def stop(self) -> None:
        """End it: what runs may finish within `STOP_SECONDS`, whatever is left is killed."""
        if not self.has_ended():
            self.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Kill the whole group and wait until the last of it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and select.select([self.heartbeats], [], [], STOP_SECONDS)[0]:
            if not os.read(self.heartbeats, 65536):
                break
        os.close(self.heartbeats)


class Companion:
    """A management command that runs as long as the worker does: started anew when it ends or falls silent."""

    def __init__(self, command: str, *, stale_seconds: float) -> None:
        self.command = command
        self.stale_seconds = stale_seconds
        self.running: Supervised | None = None
        self.begins_at = self.beaten_at = 0.0

    def look_after(self) -> None:
        """One round. Never waits for long."""
        now = time.monotonic()
        if self.running is None:
            if now >= self.begins_at:
                self._start(now)
        elif self.running.has_ended():
            self._give_up(self.running, "it ended by itself")
        elif self.running.beat_within(0):
            self.beaten_at = now
        elif now - self.beaten_at > self.running.patience(self.stale_seconds):
            self._give_up(self.running, "it is silent")

    def terminate(self) -> None:
        if self.running is not None:
            self.running.terminate()

    def stop(self) -> None:
        if self.running is not None:
            self.running.stop()
            self.running = None

    def _start(self, now: float) -> None:
        self.running = Supervised("manage.py", self.command)
        self.beaten_at = now
        log.info("companion started", command=self.command, pid=self.running.process.pid)

    def _give_up(self, running: Supervised, reason: str) -> None:
        log.error("replacing a companion", command=self.command, reason=reason, pid=running.process.pid)
        running.kill()
        self.running = None
        self.begins_at = time.monotonic() + RETRY_SECONDS  # one that cannot start is not started in a tight loop


def follow_parent() -> None:
    """In a companion: die with the worker that started it. Started by hand, it follows nobody."""
    parent = os.environ.get(PARENT_VARIABLE)
    if parent is not None:
        processes.die_with_parent(signal.SIGKILL, parent=int(parent))
