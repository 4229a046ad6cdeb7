"""Real processes for tests: what they print is waited for, never slept for."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import psutil
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


def database_url() -> str:
    """The address of the running test's own database."""
    values = connection.settings_dict
    host = quote(values["HOST"], safe="")
    password = f":{quote(values['PASSWORD'], safe='')}" if values["PASSWORD"] else ""
    port = f":{values['PORT']}" if values["PORT"] else ""
    return f"postgres://{values['USER']}{password}@{host}{port}/{values['NAME']}"


def wait_for(found: Callable[[], Any], seconds: float = 60, every: float = 0.02) -> Any:
    """The first truthy answer of `found`, within a deadline."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(every)
    return answer


def living(pids: list[int]) -> list[int]:
    """Those of `pids` that still run; a zombie does not."""
    alive = []
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                alive.append(pid)
        except psutil.NoSuchProcess:
            continue
    return alive


def descendants(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


class Running:
    """A Python process of the project; everything below it is killed when the test ends."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={name: value for name, value in (os.environ | environment).items() if value},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def printed(self, text: str, seconds: float = 60) -> str:
        """The first line that holds `text`, waited for."""
        return wait_for(lambda: next((line for line in list(self.lines) if text in line), None), seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        print(self.output)  # noqa: T201  (pytest shows it where the test failed)
        below = descendants(self.pid)
        for pid in [self.pid, *below]:
            if living([pid]):
                os.kill(pid, 9)
        self.process.wait()
        wait_for(lambda: not living(below))
