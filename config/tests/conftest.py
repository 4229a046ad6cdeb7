"""Servers of a test's own, without the second that making one takes."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import database
from config.database import Cluster


@pytest.fixture(scope="session")
def made() -> Iterator[Cluster]:
    """A server that was made, started and ended: others begin as copies of its files."""
    with tempfile.TemporaryDirectory(prefix="saldo-made-") as folder:
        first = Cluster(Path(folder), durable=False)
        database.join(first)
        database.leave(first, wait=True)
        yield first


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not tmp_path: only the short ones may hold a socket, and another user must be able to get there.
    path = Path(tempfile.mkdtemp(prefix="saldo-test-"))
    path.chmod(0o755)
    yield path
    for pid in filter(None, (Cluster(path, version, durable=False).postmaster for version in (16, 18))):
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def cluster(folder: Path, made: Cluster) -> Cluster:
    """One to start, freeze and kill."""
    copy = Cluster(folder, durable=False)
    database.make_private(copy.home)
    subprocess.run(["cp", "-a", str(made.pgdata), str(copy.pgdata)], check=True)
    return copy
