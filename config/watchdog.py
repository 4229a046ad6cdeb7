"""What `manage.py worker` is: a ticker, a queue, and the watchdog that replaces a queue gone silent.

A django-q2 cluster can wedge without a word: a worker killed while idle takes the lock of the
shared task pipe with it. So every tick that was run sends a byte up a pipe; where ticks were asked
for and no byte came for `QUEUE_STALE_SECONDS`, the whole process group is killed and started anew.

The watchdog itself never talks to the database, so nothing that happens there can stop it.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType

import structlog
from django.db import close_old_connections, connection

from config import ticks

POLL_SECONDS = 0.25
RETRY_SECONDS = 1.0
STOP_SECONDS = 10.0
FRESH_SECONDS = 5.0
# A queue that has not run anything yet may still be starting, on a busy machine for longer than it may be silent.
START_SECONDS = 60.0
ROOT = Path(__file__).resolve().parent.parent

log = structlog.get_logger(__name__)


class Queue:
    """One django-q2 cluster: a process group of its own, and the pipe its heartbeats come up."""

    def __init__(self) -> None:
        self.heartbeats, beat = os.pipe()
        os.set_blocking(self.heartbeats, False)
        os.set_blocking(beat, False)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "config.queue", str(os.getpid())],
            cwd=ROOT,
            env=os.environ | {ticks.HEARTBEAT_VARIABLE: str(beat)},
            pass_fds=(beat,),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.has_beaten = False
        os.close(beat)  # now the pipe ends with the last process of the group
        log.info("queue started", pid=self.process.pid)

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

    def stop(self) -> None:
        """End it: running tasks may finish within `STOP_SECONDS`, whatever is left is killed."""
        if not self.has_ended():
            self.process.terminate()  # the cluster tells its own children
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


class Ticker(threading.Thread):
    """Asks for due ticks until stopped; an outage of the database is logged once and survived."""

    def __init__(self) -> None:
        super().__init__(name="ticker", daemon=True)
        self.stopping = threading.Event()
        self._unanswered = False
        self._looked_at = time.monotonic()
        self._is_down = False

    @property
    def is_waiting(self) -> bool:
        """Whether a tick that was asked for has not answered; False while the database is away or frozen."""
        return self._unanswered and time.monotonic() - self._looked_at < FRESH_SECONDS

    def run(self) -> None:
        while not self.stopping.wait(POLL_SECONDS):
            try:
                self._look()
            except Exception as error:  # whatever it is, the next round may succeed
                self._note_outage(error)
                self.stopping.wait(RETRY_SECONDS)
        connection.close()

    def _look(self) -> None:
        close_old_connections()
        ticks.add_missing()
        ticks.enqueue_due()
        self._unanswered = bool(ticks.unanswered())
        self._looked_at = time.monotonic()
        if self._is_down:
            log.info("ticker works again")
            self._is_down = False

    def _note_outage(self, error: Exception) -> None:
        self._unanswered = False
        connection.close()
        if not self._is_down:
            log.error("ticker cannot reach the queue", error=type(error).__name__)
            self._is_down = True


class Watchdog:
    """Keeps one queue and one ticker alive until SIGTERM or SIGINT."""

    def __init__(self, *, stale_seconds: float) -> None:
        self.stale_seconds = stale_seconds
        self.stopping = False
        self.ticker = Ticker()
        self.silent_since = time.monotonic()

    def run(self) -> None:
        """Work until told to stop; then nothing that was started here is left."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        queue = Queue()
        try:
            self.ticker.start()
            while not self.stopping:
                queue = self._watch(queue)
        finally:
            self.ticker.stopping.set()
            queue.stop()

    def _watch(self, queue: Queue) -> Queue:
        """One round: the same queue, or the one that replaces it."""
        if queue.beat_within(POLL_SECONDS) or not self.ticker.is_waiting:
            self.silent_since = time.monotonic()
        if self.stopping:
            return queue
        if queue.has_ended():
            return self._replace(queue, "queue ended by itself")
        if time.monotonic() - self.silent_since > self._patience_with(queue):
            return self._replace(queue, "queue is silent")
        return queue

    def _patience_with(self, queue: Queue) -> float:
        return self.stale_seconds if queue.has_beaten else max(self.stale_seconds, START_SECONDS)

    def _replace(self, queue: Queue, reason: str) -> Queue:
        log.error("replacing the queue", reason=reason, pid=queue.process.pid)
        queue.kill()
        time.sleep(RETRY_SECONDS)  # one that cannot start is not started in a tight loop
        self.silent_since = time.monotonic()
        return Queue()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True
