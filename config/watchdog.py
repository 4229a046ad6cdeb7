"""What `manage.py worker` is: a ticker, a queue, and the watchdog that replaces a queue gone silent.

A django-q2 cluster can wedge without a word: a worker killed while idle takes the lock of the
shared task pipe with it. So every tick that was run sends a byte up a pipe; where ticks were asked
for and no byte came for `QUEUE_STALE_SECONDS`, the whole process group is killed and started anew.

The watchdog itself never talks to the database, so nothing that happens there can stop it.
"""

import os
import signal
import threading
import time
from collections.abc import Sequence
from types import FrameType

import structlog
from django.db import close_old_connections, connection

from config import ticks
from config.supervised import RETRY_SECONDS, Companion, Supervised

POLL_SECONDS = 0.25
FRESH_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Queue(Supervised):
    """One django-q2 cluster."""

    def __init__(self) -> None:
        super().__init__("-m", "config.queue", str(os.getpid()))
        log.info("queue started", pid=self.process.pid)


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
    """Keeps one queue, one ticker and the companions alive until SIGTERM or SIGINT."""

    def __init__(self, *, stale_seconds: float, companions: Sequence[str] = ()) -> None:
        self.stale_seconds = stale_seconds
        self.companions = [Companion(command, stale_seconds=stale_seconds) for command in companions]
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
                for companion in self.companions:
                    companion.look_after()
        finally:
            self._end(queue)

    def _end(self, queue: Queue) -> None:
        """Everybody is asked at once, so that they end together."""
        self.ticker.stopping.set()
        for companion in self.companions:
            companion.terminate()
        queue.stop()
        for companion in self.companions:
            companion.stop()

    def _watch(self, queue: Queue) -> Queue:
        """One round: the same queue, or the one that replaces it."""
        if queue.beat_within(POLL_SECONDS) or not self.ticker.is_waiting:
            self.silent_since = time.monotonic()
        if self.stopping:
            return queue
        if queue.has_ended():
            return self._replace(queue, "queue ended by itself")
        if time.monotonic() - self.silent_since > queue.patience(self.stale_seconds):
            return self._replace(queue, "queue is silent")
        return queue

    def _replace(self, queue: Queue, reason: str) -> Queue:
        log.error("replacing the queue", reason=reason, pid=queue.process.pid)
        queue.kill()
        time.sleep(RETRY_SECONDS)  # one that cannot start is not started in a tight loop
        self.silent_since = time.monotonic()
        return Queue()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True
