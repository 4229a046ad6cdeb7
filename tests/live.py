"""The real product for end-to-end tests: PostgreSQL, tables, demo world, gunicorn and the worker, as processes.

Each `Saldo` lives in a data folder of its own and takes nothing from the suite's database. Nothing here
imports Django: a test sees what a client, an operator or the database sees.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg.abc import Query

from config import database, env, processes
from tests.prepared import tables
from tests.wire import Client

DEADLINE_SECONDS = 120
STOP_SECONDS = 15
# Ours to say, whatever the suite itself runs with.
NOT_INHERITED = {"DATABASE_URL", "Q_REDIS_URL", "PUBLIC_BASE_URL", "SALDO_HEARTBEAT_FD", "MAKELEVEL"}


def wait_for(found: Callable[[], Any], what: str, seconds: float = 30, every: float = 0.02) -> Any:
    """The first truthy answer of `found`, within a deadline."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(every)
    return answer


class Saldo:
    """One running product. `environment` overrides settings, e.g. `SANDBOX_DELAY_SECONDS="0.3"`."""

    def __init__(self, folder: Path, *, durable: bool = False, **environment: str) -> None:
        self.folder = folder
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.world: dict[str, Any] = {}
        self.web: subprocess.Popen[bytes] | None = None
        self.worker: subprocess.Popen[bytes] | None = None
        self.cluster = database.Cluster(folder.resolve(), int(os.environ.get("SALDO_PG_VERSION", "18")), durable)
        kept = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        self.environment = kept | env.generated_secrets() | {
            "SALDO_DATA": str(folder),
            # `test` lets the database forget at a crash, which is faster.
            "SALDO_ENV": "development" if durable else "test",
            "PORT": str(self.port),
            "ALLOWED_HOSTS": "127.0.0.1,localhost",
            "SANDBOX_DELAY_SECONDS": "0.3",
            "WEB_GRACEFUL_SECONDS": "3",
            "PYTHONUNBUFFERED": "1",
        } | environment  # fmt: skip

    # --- Starting and ending ---------------------------------------------------------------

    def start(self) -> None:
        """Everything, until the first purchase can be made."""
        database.join(self.cluster)
        with psycopg.connect(**self._database(), autocommit=True) as connection:
            connection.execute(tables())
        self.start_web()
        self.start_worker()
        self.demo()
        self.wait_until_up()

    def start_web(self) -> None:
        self.web = self._spawn("web", "-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi")

    def start_worker(self) -> None:
        self.worker = self._spawn("worker", "manage.py", "worker")

    def wait_until_up(self) -> None:
        wait_for(self.is_up, "GET /status says OK", DEADLINE_SECONDS)

    def stop(self) -> None:
        """End it all, and wait until it has ended."""
        for process in (self.web, self.worker):
            if process is not None and process.poll() is None:
                process.terminate()
        for process in (self.web, self.worker):
            if process is not None:
                _end(process)
        database.leave(self.cluster, wait=True)

    def _spawn(self, name: str, *arguments: str) -> "subprocess.Popen[bytes]":
        with self.log(name).open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=env.BASE_DIR,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Should the suite be killed, nothing of this is left running.
                preexec_fn=lambda: processes.die_with_parent(signal.SIGTERM),  # noqa: PLW1509
            )

    # --- Asking --------------------------------------------------------------------------

    def is_up(self) -> bool:
        for process in (self.web, self.worker):
            assert process is None or process.poll() is None, f"a process has ended:\n{self.logs()[-4000:]}"
        connection = HTTPConnection("127.0.0.1", self.port, timeout=3)
        try:
            connection.request("GET", "/status")
            return connection.getresponse().read() == b'["OK"]'
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def client(self, key: str | None = None, **options: Any) -> Client:
        """A client with an API key; `address` is where on the loopback network it calls from."""
        return Client(self.url, key, **options)

    def manage(self, *arguments: str, check: bool = True, **environment: str) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=env.BASE_DIR,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        assert not check or done.returncode == 0, f"manage.py {arguments[0]}: {done.stdout}\n{done.stderr}"
        return done

    def demo(self) -> dict[str, Any]:
        """`manage.py demo --json`: the world with new credentials. Its new passwords replace the old ones."""
        self.world = json.loads(self.manage("demo", "--json").stdout)
        return self.world

    def customers(self, **dollars: str) -> dict[str, str]:
        """A new customer for each name, with that much in a USD wallet; returns a live key for each."""
        script = NEW_CUSTOMERS.format(wanted=json.dumps(dollars))
        return json.loads(self.manage("shell", "--no-imports", "-c", script).stdout.splitlines()[-1])

    def query(self, sql: Query, *values: Any) -> list[tuple[Any, ...]]:
        """Rows from the product's database, as its own role; no product code in between."""
        with psycopg.connect(**self._database(), autocommit=True) as connection:
            return connection.execute(sql, values or None).fetchall()

    def value(self, sql: Query, *values: Any) -> Any:
        return self.query(sql, *values)[0][0]

    def _database(self) -> dict[str, str]:
        return {"host": str(self.cluster.socket_folder), "user": database.ROLE, "dbname": database.DATABASE}

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def logs(self) -> str:
        """Everything that web, worker and PostgreSQL have written."""
        files = (self.log("web"), self.log("worker"), self.cluster.log)
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    # --- Breaking ------------------------------------------------------------------------

    def web_workers(self) -> list[psutil.Process]:
        """The processes that answer requests."""
        assert self.web
        return _children(self.web.pid)

    def queue_processes(self) -> list[psutil.Process]:
        """The processes of the queue, below the watchdog."""
        assert self.worker
        return _children(self.worker.pid)

    def kill_web(self) -> None:
        """kill −9 of the web server: the master and all its workers."""
        assert self.web
        victims = self.web_workers()
        self.web.kill()
        self.web.wait()
        kill(victims)

    def kill_worker(self) -> None:
        """kill −9 of `manage.py worker`; its queue dies with it."""
        assert self.worker
        below = self.queue_processes()
        self.worker.kill()
        self.worker.wait()
        _, alive = psutil.wait_procs(below, timeout=5)
        assert not alive, f"the queue outlived its watchdog: {alive}"

    def crash_database(self) -> None:
        """PostgreSQL stops without writing anything more; its guardian starts it again."""
        crashed = self._postmaster()
        stopped = self.cluster.run("pg_ctl", "-D", str(self.cluster.pgdata), "-m", "immediate", "-W", "stop")
        assert stopped.returncode == 0, stopped.stderr
        wait_for(lambda: self._postmaster() not in {"", crashed}, "the guardian starts PostgreSQL again")

    def _postmaster(self) -> str:
        file = self.cluster.pgdata / "postmaster.pid"
        return file.read_text().split("\n", 1)[0] if file.exists() else ""


NEW_CUSTOMERS = """
import json
from decimal import Decimal
from apikeys.services.keys import issue_key
from wallets.services import deposit, open_customer

keys = {{}}
for name, dollars in json.loads('{wanted}').items():
    email = name + "@e2e.example"
    customer = open_customer(name=name, email=email, currency="USD")
    wallet = customer.wallets.get()
    if Decimal(dollars):
        deposit(wallet=wallet, amount=Decimal(dollars), reference="e2e:" + name, actor="task:e2e")
    keys[name] = issue_key(customer=customer, name=name, actor="task:e2e")[1]
print(json.dumps(keys))
"""


@contextmanager
def running(folder: Path, *, durable: bool = False, **environment: str) -> Iterator[Saldo]:
    """A product that runs until the block ends."""
    saldo = Saldo(folder, durable=durable, **environment)
    try:
        saldo.start()
        yield saldo
    finally:
        saldo.stop()


def kill(victims: Sequence[psutil.Process]) -> None:
    """kill −9, and wait until they are gone."""
    for victim in victims:
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(victims, timeout=5)


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _end(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        kill(_children(process.pid))
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
