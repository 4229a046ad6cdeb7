"""`make run`'s program for real: it comes up, sells, and leaves nothing behind."""

import json
import os
import re
import signal
import socket
import tempfile
import urllib.request
from pathlib import Path

import psutil
import pytest

from config.database import Cluster
from config.tests.processes import Running, descendants, living, wait_for

pytestmark = pytest.mark.xdist_group("processes")


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory(prefix="saldo-run-", ignore_cleanup_errors=True) as path:
        yield Path(path)


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def start(folder: Path, port: int) -> Running:
    """As from a newcomer's shell: none of the suite's settings."""
    nothing = {
        "SALDO_PG_VERSION": "18",
        "SALDO_ENV": "",
        "SECRET_KEY": "",
        "KEY_PEPPERS": "",
        "ENCRYPTION_KEYS": "",
        "DATABASE_URL": "",
    }
    return Running("-m", "config.server", SALDO_DATA=str(folder), PORT=str(port), DJANGO_SETTINGS_MODULE="", **nothing)


def processes_of(folder: Path) -> list[int]:
    """Everything that names the folder, the guardian and PostgreSQL included."""
    running = ((process.pid, process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
    return living([pid for pid, words in running if any(str(folder) in word for word in words)])


def get(url: str) -> tuple[int, object]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.status, json.loads(answer.read())


def test_it_comes_up_greets_and_ends_without_a_trace(folder, port):
    with start(folder, port) as running:
        running.printed("Ctrl-C ends everything", seconds=90)
        assert get(f"http://127.0.0.1:{port}/status") == (200, ["OK"])
        assert re.search(r"Admin +http://127\.0\.0\.1:\d+/admin/ +\S+@\S+ +\S+", running.output)
        assert re.search(r"API key +sgk_\w+", running.output)
        assert (folder / "env").stat().st_mode & 0o077 == 0
        refused_where_one_runs(folder, port)
        everyone = [*descendants(running.pid), *processes_of(folder)]
        os.killpg(running.pid, signal.SIGINT)
        assert running.process.wait(30) == 0
        assert living(everyone) == []
        assert processes_of(folder) == []


def refused_where_one_runs(folder: Path, port: int) -> None:
    with start(folder, port + 1) as second:
        second.printed("already runs on the folder")
        assert second.process.wait(10) == 1
    with tempfile.TemporaryDirectory() as other, start(Path(other), port) as third:
        third.printed("Address already in use")
        assert third.process.wait(10) == 1


def test_killed_it_leaves_nothing_and_starts_again(folder, port):
    with start(folder, port) as running:
        running.printed("Ctrl-C ends everything", seconds=90)
        os.kill(running.pid, signal.SIGKILL)
        wait_for(lambda: processes_of(folder) == [])
    with start(folder, port) as again:
        again.printed("Ctrl-C ends everything", seconds=90)
        workers = psutil.Process(web_of(again)).children()
        workers[0].kill()
        wait_for(
            lambda: len({child.pid for child in psutil.Process(web_of(again)).children()} - {w.pid for w in workers})
        )
        assert get(f"http://127.0.0.1:{port}/status") == (200, ["OK"])
        os.kill(web_of(again), signal.SIGKILL)
        again.printed("web (code -9) ended by itself")
        assert again.process.wait(30) == 1
        assert processes_of(folder) == []
        assert not Cluster(folder).is_running()


def web_of(running: Running) -> int:
    return int(running.printed("web started (pid=").split("pid=")[1].rstrip(")\n"))


def test_a_signal_while_it_prepares_ends_it_too(folder, port):
    with start(folder, port) as running:
        running.printed("updating the tables")
        os.killpg(running.pid, signal.SIGINT)
        assert running.process.wait(30) == 130
        assert processes_of(folder) == []
