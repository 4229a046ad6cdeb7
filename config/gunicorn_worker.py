"""gunicorn's threaded worker with the four things it lacks: a deadline for requests, one for slow
clients, fairness between workers, and a refusal that programs can read.

Stock gthread never ends a request that hangs: its timeout watches the main loop alone. And its
keep-alive connections stay where they were accepted, so a burst of clients can end up on one
worker while the others idle (measured: half the throughput).
"""

import contextlib
import json
import os
import socket
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from typing import Any

from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

# A client has this long to send its request; the application this long to answer.
READ_SECONDS = float(os.environ.get("WEB_READ_SECONDS") or 10)
REQUEST_SECONDS = float(os.environ.get("REQUEST_DEADLINE_SECONDS") or 30)
GRACE_SECONDS = 2.0  # for a thread whose client is gone to notice and end
DRAIN_SECONDS = 3  # for the others, before a worker with a stuck thread is replaced
# A worker that holds connections waits this much for each before it accepts one more.
STEP_ASIDE_SECONDS, STEP_ASIDE_MOST = 0.0005, 8

REFUSALS = {
    400: ("malformed", "The request could not be understood."),
    414: ("address_too_long", "The address is too long. Send a form or JSON in the body instead."),
    431: ("headers_too_large", "The headers are too large."),
}


def write_refusal(connection: Any, status: int, reason: str, _: str) -> None:
    """Refuse what could not be read. Its path is not known, so this is what every contract understands of a no.

    gunicorn's own page is HTML, and repeats what was sent.
    """
    code, message = REFUSALS.get(status, (reason.lower().replace(" ", "_"), f"{reason}."))
    body = json.dumps({"status": "error", "message": message, "error": code, "data": None})
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
    util.write_nonblock(connection, f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())


util.write_error = write_refusal


@dataclass(frozen=True)
class Work:
    """What a thread is at, since when, and how long it may take."""

    connection: Any
    started: float
    limit: float
    in_application: bool


class Worker(ThreadWorker):
    """A request that outlives its deadline loses its client; if it does not end then, its worker is replaced."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.at_work: dict[int, Work] = {}
        self.is_stuck = False

    def accept(self, listener: Any) -> None:
        if self.nr_conns:
            time.sleep(min(self.nr_conns, STEP_ASIDE_MOST) * STEP_ASIDE_SECONDS)
        super().accept(listener)

    def handle(self, conn: Any) -> Any:
        thread = threading.get_ident()
        self.at_work[thread] = Work(conn, time.monotonic(), READ_SECONDS, in_application=False)
        try:
            return super().handle(conn)
        finally:
            self.at_work.pop(thread, None)

    def handle_request(self, req: Any, conn: Any) -> Any:
        self.at_work[threading.get_ident()] = Work(conn, time.monotonic(), REQUEST_SECONDS, in_application=True)
        return super().handle_request(req, conn)

    def murder_pending(self) -> None:
        """gunicorn's main loop comes here about once a second."""
        super().murder_pending()
        now = time.monotonic()
        for thread, work in list(self.at_work.items()):
            late = now - work.started - work.limit
            if late > 0:
                with contextlib.suppress(OSError):
                    work.connection.sock.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for its client
            if late > GRACE_SECONDS and work.in_application and not self.is_stuck:
                self._retire(thread)

    def _retire(self, thread: int) -> None:
        frame = sys._current_frames().get(thread)
        where = "".join(traceback.format_stack(frame)) if frame else "(it has just ended)"
        self.log.critical("a request hangs; its worker is replaced. It is at:\n%s", where)
        self.is_stuck = True
        self.alive = False
        self.cfg.set("graceful_timeout", DRAIN_SECONDS)

    def run(self) -> None:
        super().run()
        if self.is_stuck:
            os._exit(1)  # a normal end would wait for the stuck thread for ever
