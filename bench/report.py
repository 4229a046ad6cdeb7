"""What every bench needs: a durable database of its own, callers, medians, and a table to print."""

import multiprocessing
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Line:
    """One line of the table: a figure, what it is measured against, and what it has to reach."""

    name: str
    figure: str
    against: str = ""
    ratio: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def verdict(self) -> str:
        if self.ratio is None:
            return ""
        if self.at_least is not None:
            return f"{'ok' if self.ratio >= self.at_least else 'MISSED'} (≥ {self.at_least:g})"
        if self.at_most is not None:
            return f"{'ok' if self.ratio <= self.at_most else 'MISSED'} (≤ {self.at_most:g})"
        return ""


def say(line: Line) -> None:
    ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
    print(f"{line.name:<44} {line.figure:>11}   {line.against:<36} {ratio:>6}  {line.verdict}".rstrip(), flush=True)


def say_rate(name: str, ours: list[float], limit: list[float], limit_name: str, at_least: float | None = None) -> None:
    """A rate beside a limit or a peer that was measured in the same rounds: the median of the rounds' ratios."""
    ratio = statistics.median(one / other for one, other in zip(ours, limit, strict=True))
    against = f"{limit_name} {statistics.median(limit):,.0f}/s"
    say(Line(name, f"{statistics.median(ours):,.0f}/s", against, ratio, at_least))


def say_machine() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), current_setting('fsync')")
        version, fsync = cursor.fetchone()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load average {load()}; PostgreSQL {version}, fsync {fsync};"
        f" Python {platform.python_version()}"
    )


def load() -> str:
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


@contextmanager
def durable_database(folder: Path | None) -> Iterator["object"]:
    """A migrated embedded PostgreSQL with fsync in `folder`, or in a temporary one that is removed again."""
    sys.path.insert(0, str(ROOT))
    from config import database, env

    where = folder or Path(tempfile.mkdtemp(prefix="saldo-bench-"))
    os.environ |= {"SALDO_DATA": str(where), "SALDO_ENV": "development", "DJANGO_SETTINGS_MODULE": "config.settings"}
    os.environ |= {name: value for name, value in env.generated_secrets().items() if name not in os.environ}
    os.environ.pop("DATABASE_URL", None)
    cluster = database.embedded(durable=True)
    database.join(cluster)
    try:
        _migrate()
        yield cluster
    finally:
        _disconnect()
        database.leave(cluster, wait=True)
        if folder is None:
            shutil.rmtree(where, ignore_errors=True)


def _migrate() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def _disconnect() -> None:
    from django.db import connections

    connections.close_all()


def callers(count: int, seconds: float, call: Callable[[int, int], object]) -> float:
    """How often a second `count` callers get through call(caller, number), each as fast as it can.

    Each is a process with a connection of its own, as the workers of a web server are.
    """
    _disconnect()
    context = multiprocessing.get_context("fork")
    start, counts = context.Barrier(count), context.SimpleQueue()

    def work(caller: int) -> None:
        call(caller, -1)  # connects and warms up before the clock starts
        start.wait()
        began = time.perf_counter()
        number = 0
        while time.perf_counter() - began < seconds:
            call(caller, number)
            number += 1
        counts.put(number / (time.perf_counter() - began))

    workers = [context.Process(target=work, args=(caller,)) for caller in range(count)]
    for worker in workers:
        worker.start()
    total = sum(counts.get() for _ in workers)
    for worker in workers:
        worker.join()
    return total


def pgbench(cluster: "object", clients: int, seconds: float, script: str) -> float:
    """Transactions a second of PostgreSQL's own client, in its fastest mode: prepared."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        answer = subprocess.run(
            [
                cluster.binaries / "pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, 2)),
                "-T", str(max(1, round(seconds))), "-f", file.name, "-h", cluster.socket_folder, "-U", "saldo", "saldo",
            ],
            stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
    return float(answer.stdout.split("tps = ")[1].split()[0])


def timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def medians_ms(repeat: int, *calls: Callable[[], object]) -> list[float]:
    """The median duration of each call; they take turns."""
    durations = [[timed(call) for call in calls] for _ in range(repeat)]
    return [statistics.median(one) * 1000 for one in zip(*durations, strict=True)]
