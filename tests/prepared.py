"""The tables as the migrations make them, made once: every database of the suite begins as a copy.

The migrations themselves are run here, by `make run` in its own tests, and wherever a test says so.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import psycopg

from config import database, env


def template() -> str:
    """The name of a database on the suite's server to copy; another one when any migration has changed."""
    cluster = database.embedded()
    name = f"template_{_migrations()}"
    lock = database.lock(cluster.home / "template", fcntl.LOCK_EX)
    try:
        with psycopg.connect(**_address(cluster, "postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                connection.execute("DROP DATABASE IF EXISTS template_unfinished")
                connection.execute("CREATE DATABASE template_unfinished")
                _migrate(f"{cluster.url.rpartition('/')[0]}/template_unfinished")
                connection.execute(f"ALTER DATABASE template_unfinished RENAME TO {name}")
    finally:
        os.close(lock)
    return name


def tables() -> str:
    """The same as SQL, for a server of its own."""
    cluster = database.embedded()
    dumped = cluster.run("pg_dump", "-h", str(cluster.socket_folder), "-U", database.ROLE, "--inserts", template())
    assert dumped.returncode == 0, dumped.stderr
    return "\n".join(line for line in dumped.stdout.splitlines() if not line.startswith("\\"))


def _migrations() -> str:
    found = sorted(env.BASE_DIR.glob("*/migrations/*"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in found if file.is_file())).hexdigest()[:12]


def _migrate(url: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0", "--skip-checks"],
        cwd=Path(env.BASE_DIR), env=os.environ | {"DATABASE_URL": url}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def _address(cluster: database.Cluster, name: str) -> dict[str, str]:
    return {"host": str(cluster.socket_folder), "user": database.ROLE, "dbname": name}
