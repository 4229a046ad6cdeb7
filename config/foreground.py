"""Several processes in the foreground, all or none: honcho's manager, with the gaps closed that leave orphans."""

import functools
import os
import signal
import sys
import time
from types import FrameType
from typing import Any

import honcho.manager
import honcho.process
from honcho.printer import Printer

from config import processes

# How long after the first process has ended the others may take, before they are killed.
honcho.manager.KILL_WAIT = 15
PATIENCE_SECONDS = 1.0
ENDING = (signal.SIGINT, signal.SIGTERM)


class _Process(honcho.process.Process):
    """A process that does not outlive the manager, even one that is killed."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._manager = os.getpid()
        self._child_ctor = functools.partial(honcho.process.Popen, preexec_fn=_begin)

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        processes.die_with_parent(signal.SIGKILL, parent=self._manager)
        super().run(events, ignore_signals)


def _begin() -> None:
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    processes.die_with_parent(signal.SIGTERM)


class Foreground(honcho.manager.Manager):
    """Ends all when one ends. Ctrl-C or SIGTERM asks them to end, a second one kills them."""

    def __init__(self) -> None:
        super().__init__(Printer(sys.stdout))
        self._process_ctor = _Process
        self.was_asked_to_end = False
        self._asked_at = 0.0
        self.first_to_end = ""

    def loop(self) -> None:
        try:
            super().loop()
        finally:
            self.kill()  # whatever is left after an error of our own

    def terminate(self) -> None:
        ended = [f"{name} (code {row['returncode']})" for name, row in self._processes.items() if "returncode" in row]
        self.first_to_end = self.first_to_end or " and ".join(ended)
        super().terminate()

    def _start(self) -> None:
        # A signal between fork and "started" would find a process whose id is not known yet.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        super()._start()
        self._wait_until_started()
        for number in ENDING:
            signal.signal(number, self._end)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)

    def _wait_until_started(self) -> None:
        early = []
        while not self._all_started():
            message = self.events.get()
            early.append(message)
            if message.type == "start":
                self._processes[message.name]["pid"] = message.data["pid"]
        for message in early:
            self.events.put(message)

    def _end(self, number: int, frame: FrameType | None) -> None:
        # make and timeout pass on a signal that the whole group already got: that is no second wish.
        if self.was_asked_to_end and time.monotonic() - self._asked_at > PATIENCE_SECONDS:
            self.kill()
        elif not self.was_asked_to_end:
            self.was_asked_to_end, self._asked_at = True, time.monotonic()
            self.terminate()

    def _system_print(self, data: str) -> None:
        # Called from the signal handler too, where a buffered print may already be under way.
        os.write(1, f"Saldo: {data}".encode())
