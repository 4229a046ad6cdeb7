"""The guardian: the detached process that starts the embedded PostgreSQL and ends it when nobody is left.

`config.database.join` starts it; see there how the locks work.
"""

import fcntl
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config import processes
from config.database import (
    DATABASE,
    ROLE,
    ROLE_SETTINGS,
    START_SECONDS,
    STOP_SECONDS,
    Cluster,
    DatabaseError,
    is_zombie,
    lock,
    make_private,
    try_lock,
)

if TYPE_CHECKING:
    import psycopg

POLL_SECONDS = 0.2


def guard(cluster: Cluster) -> None:
    """The guardian's life: start, say so on stdout, keep the server up until nobody is left, stop it."""
    guardian = lock(cluster.home / "guardian", fcntl.LOCK_EX)
    # pg_ctl leaves the server to us, not to init: a dead one is reaped even in a container.
    processes.become_subreaper()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _start(cluster)
        print("ready", flush=True)  # noqa: T201
        _be_silent()
        users = _serve_until_unused(cluster)
    finally:
        _stop(cluster)
        # Before `users`: whoever joins next must not take this guardian for a living one.
        os.close(guardian)
    os.close(users)


def _serve_until_unused(cluster: Cluster) -> int:
    """Restart the server whenever it died; return the exclusive lock on `users` once nobody is left."""
    while (users := try_lock(cluster.home / "users", fcntl.LOCK_EX)) is None:
        time.sleep(POLL_SECONDS)
        _reap()
        if cluster.postmaster is None:
            _restart(cluster)
    return users


def _restart(cluster: Cluster) -> None:
    try:
        _start(cluster)
    except DatabaseError as error:
        # The dead server's children may still be going; the next round tries again.
        with cluster.log.open("a") as log:
            log.write(f"guardian: {error}\n")


def _be_silent() -> None:
    """Whoever started the guardian may be gone: nothing reads its pipes any more."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def _forget_zombie(cluster: Cluster) -> None:
    """Remove the lock files of a killed server that nobody reaps (a container without an init).

    PostgreSQL would take the zombie for a living server. Its children, which share its memory, must be gone.
    """
    lock_file = cluster.pgdata / "postmaster.pid"
    if not lock_file.exists() or not is_zombie(int(lock_file.read_text().split("\n", 1)[0] or 0)):
        return
    deadline = time.monotonic() + STOP_SECONDS
    while any(_works_in(process, cluster.pgdata) for process in Path("/proc").glob("[0-9]*")):
        if time.monotonic() > deadline:
            raise DatabaseError("PostgreSQL was killed, but processes of it are left.")
        time.sleep(0.05)
    lock_file.unlink()
    for socket_lock in cluster.socket_folder.glob(".s.PGSQL.*.lock"):
        socket_lock.unlink()


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink() == folder
    except OSError:
        return False


def _start(cluster: Cluster) -> None:
    make_private(cluster.home)
    make_private(cluster.socket_folder)
    if not (cluster.pgdata / "PG_VERSION").exists():
        _create(cluster)
    _forget_zombie(cluster)
    options = [f"-c {name}={value}" for name, value in _server_settings(cluster).items()]
    started = cluster.run(
        "pg_ctl", "-D", str(cluster.pgdata), "-l", str(cluster.log), "-w", "-t", str(START_SECONDS),
        "-o", " ".join(options), "start",
    )  # fmt: skip
    if started.returncode != 0 and not cluster.is_running():
        tail = cluster.log.read_text(errors="replace").splitlines()[-15:] if cluster.log.exists() else []
        raise DatabaseError("\n".join([started.stdout.strip(), started.stderr.strip(), *tail]))
    _ensure_database(cluster)


def _stop(cluster: Cluster) -> None:
    pid = cluster.postmaster
    if pid is None:
        return
    os.kill(pid, signal.SIGCONT)  # a stopped process would not hear the rest
    data = ["-D", str(cluster.pgdata)]
    if cluster.run("pg_ctl", *data, "-m", "fast", "-w", "-t", str(STOP_SECONDS), "stop").returncode != 0:
        cluster.run("pg_ctl", *data, "-m", "immediate", "-w", "-t", "5", "stop")


def _create(cluster: Cluster) -> None:
    # Made beside its final place and renamed: a killed initdb leaves nothing half done.
    draft = cluster.home / "data.new"
    if draft.exists():
        shutil.rmtree(draft)
    made = cluster.run(
        "initdb", "-D", str(draft), "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
        "--auth-local=trust", "--auth-host=reject", "--no-instructions",
    )  # fmt: skip
    if made.returncode != 0:
        raise DatabaseError(f"{made.stdout}\n{made.stderr}")
    draft.rename(cluster.pgdata)


def _server_settings(cluster: Cluster) -> dict[str, str]:
    settings = {
        # The socket's folder is private to the user: its permissions are the password.
        "listen_addresses": "''",
        "unix_socket_directories": f"'{cluster.socket_folder}'",
        "max_connections": "200",
        "shared_buffers": "256MB",
        "max_wal_size": "4GB",
        "wal_compression": "on",
        "log_min_duration_statement": "-1",
        "log_statement": "none",
        "log_parameter_max_length_on_error": "0",
        # Values are bound in the client: a failing statement's text and details hold them.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }
    if not cluster.durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return settings


def _ensure_database(cluster: Cluster) -> None:
    import psycopg

    try:
        with psycopg.connect(
            host=str(cluster.socket_folder), user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            _ensure_role(connection)
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
    except psycopg.Error as error:
        raise DatabaseError(str(error)) from error


def _ensure_role(connection: "psycopg.Connection[Any]") -> None:
    from psycopg import sql

    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
        connection.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB")
    for name, value in ROLE_SETTINGS.items():
        connection.execute(sql.SQL(f"ALTER ROLE {ROLE} SET {name} = {{}}").format(sql.Literal(value)))


if __name__ == "__main__":
    try:
        guard(Cluster(Path(sys.argv[1]), int(sys.argv[2]), bool(int(sys.argv[3]))))
        os._exit(0)  # whoever waits for the lock counts the processes that are left
    except DatabaseError as error:
        sys.exit(str(error))
