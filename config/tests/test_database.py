"""The embedded PostgreSQL under real processes that join, leave and die."""

import os
import pwd
import signal
import subprocess
import sys
import time

import psutil
import psycopg
import pytest

from config import database
from config.database import Cluster
from config.tests.processes import ROOT, Running, living, wait_for

pytestmark = [
    pytest.mark.xdist_group("processes"),
    pytest.mark.skipif(bool(os.environ.get("DATABASE_URL")), reason="the suite runs on an external PostgreSQL"),
]

# Joins, says so, and stays until it is killed or its input would end.
USER = """
import sys, signal
from pathlib import Path
from config.database import Cluster, join
join(Cluster(Path(sys.argv[1]), durable=False))
print("joined", flush=True)
signal.pause()
"""


@pytest.fixture
def unmade(folder) -> Cluster:
    """One whose files are not there yet."""
    return Cluster(folder, durable=False)


def user_of(cluster: Cluster) -> Running:
    return Running("-c", USER, str(cluster.folder))


def guardian(cluster: Cluster) -> int:
    (found,) = [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if process.info["cmdline"]
        and "config.guardian" in process.info["cmdline"]
        and str(cluster.folder) in process.info["cmdline"]
    ]
    return found


def kill(running: Running) -> None:
    os.kill(running.pid, signal.SIGKILL)
    running.process.wait()


def is_gone(cluster: Cluster, pid: int) -> bool:
    return not living([pid]) and cluster.postmaster is None


def ask(cluster: Cluster) -> int:
    with psycopg.connect(host=str(cluster.socket_folder), user="saldo", dbname="saldo") as connection:
        return connection.execute("SELECT 42").fetchone()[0]


def test_two_processes_share_one_server_and_the_last_to_leave_ends_it(cluster):
    with user_of(cluster) as first, user_of(cluster) as second:
        first.printed("joined")
        second.printed("joined")
        server = cluster.postmaster
        first.process.terminate()
        first.process.wait()
        assert ask(cluster) == 42
        assert cluster.postmaster == server
        second.process.terminate()
        wait_for(lambda: is_gone(cluster, server))


def test_a_killed_user_has_left(cluster):
    with user_of(cluster) as user:
        user.printed("joined")
        server = cluster.postmaster
        kill(user)
        wait_for(lambda: is_gone(cluster, server))


def test_a_server_that_was_killed_is_started_again_for_those_who_use_it(cluster):
    with user_of(cluster) as user:
        user.printed("joined")
        server = cluster.postmaster
        os.kill(server, signal.SIGKILL)
        wait_for(lambda: cluster.postmaster not in {None, server} and cluster.is_running())
        assert ask(cluster) == 42


def test_after_a_killed_guardian_the_next_to_join_brings_one_that_ends_the_server(cluster):
    with user_of(cluster) as first:
        first.printed("joined")
        server = cluster.postmaster
        os.kill(guardian(cluster), signal.SIGKILL)
        with user_of(cluster) as second:
            second.printed("joined")
            assert cluster.postmaster == server
            kill(first)
            assert ask(cluster) == 42
            kill(second)
            wait_for(lambda: is_gone(cluster, server))


def test_after_guardian_and_server_were_killed_the_next_to_join_starts_both(cluster):
    with user_of(cluster) as first:
        first.printed("joined")
        os.kill(guardian(cluster), signal.SIGKILL)
        os.kill(cluster.postmaster, signal.SIGKILL)
        with user_of(cluster) as second:
            second.printed("joined")
            assert ask(cluster) == 42


def test_leaving_with_patience_returns_when_the_server_is_gone_even_if_its_guardian_was_killed(cluster):
    database.join(cluster)
    server = cluster.postmaster
    os.kill(guardian(cluster), signal.SIGKILL)
    database.leave(cluster, wait=True)
    assert is_gone(cluster, server)


def test_leaving_with_patience_does_not_wait_for_others(cluster):
    with user_of(cluster) as other:
        other.printed("joined")
        database.join(cluster)
        database.leave(cluster, wait=True)
        assert ask(cluster) == 42


def test_leaving_one_server_does_not_wait_for_another(cluster, folder):
    other = Cluster(folder / "other", durable=False)
    database.join(other)
    database.join(cluster)

    started = time.monotonic()
    database.leave(cluster, wait=True)
    waited = time.monotonic() - started
    database.leave(other, wait=True)

    assert waited < database.STOP_SECONDS / 2


def test_a_frozen_server_is_ended_too(cluster):
    database.join(cluster)
    server = cluster.postmaster
    os.kill(server, signal.SIGSTOP)
    database.leave(cluster, wait=True)
    assert is_gone(cluster, server)


def test_joining_while_the_server_is_being_stopped_waits_and_starts_it_anew(cluster):
    for _ in range(5):
        database.join(cluster)
        assert ask(cluster) == 42
        database.leave(cluster)
    with user_of(cluster) as user:
        user.printed("joined")
        assert ask(cluster) == 42


def test_joining_twice_is_free(cluster):
    assert database.join(cluster) == database.join(cluster)
    database.leave(cluster, wait=True)
    assert not cluster.is_running()


def test_many_who_come_at_once_get_one_server(cluster):
    users = [user_of(cluster) for _ in range(4)]
    try:
        for user in users:
            user.printed("joined")
        assert guardian(cluster)
    finally:
        for user in users:
            user.__exit__()


def test_ctrl_c_reaches_the_users_but_not_the_server(cluster):
    with user_of(cluster) as user, user_of(cluster) as other:
        user.printed("joined")
        other.printed("joined")
        server = cluster.postmaster
        os.killpg(user.pid, signal.SIGINT)
        user.process.wait()
        assert os.getsid(server) not in {os.getsid(0), user.pid, other.pid}
        assert ask(cluster) == 42


def test_a_half_done_initdb_is_thrown_away(unmade):
    database.make_private(unmade.home)
    draft = unmade.home / "data.new"
    draft.mkdir()
    (draft / "rubbish").write_text("half")
    database.join(unmade)
    assert ask(unmade) == 42
    assert not draft.exists()
    database.leave(unmade, wait=True)


@pytest.mark.parametrize("name", ["x" * 120, "a folder, with commas"])
def test_a_path_too_long_or_too_odd_for_a_socket_works(folder, name):
    cluster = Cluster(folder / name, durable=False)
    cluster.folder.mkdir()
    database.join(cluster)
    assert ask(cluster) == 42
    assert cluster.socket_folder.stat().st_mode & 0o077 == 0
    database.leave(cluster, wait=True)
    cluster.socket_folder.rmdir()


def test_a_link_in_place_of_the_folder_is_refused(unmade, folder):
    (folder / "elsewhere").mkdir()
    unmade.home.symlink_to(folder / "elsewhere")
    with pytest.raises(database.DatabaseError, match="belongs to another user"):
        database.join(unmade)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_refused(unmade):
    unmade.home.mkdir()
    os.chown(unmade.home, 54321, 54321)
    with pytest.raises(database.DatabaseError, match="belongs to another user"):
        database.join(unmade)


def test_a_server_that_cannot_start_says_why(unmade):
    database.make_private(unmade.home)
    unmade.pgdata.mkdir()
    (unmade.pgdata / "PG_VERSION").write_text("9.1\n")
    with pytest.raises(database.DatabaseError, match="did not start"):
        database.join(unmade)
    assert not unmade.is_running()


@pytest.mark.parametrize("version", [16, 18])
def test_both_versions_run_and_every_connection_has_its_timeouts(folder, version):
    cluster = Cluster(folder, version, durable=False)
    database.join(cluster)
    with psycopg.connect(host=str(cluster.socket_folder), user="saldo", dbname="saldo") as connection:
        shown = {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in database.ROLE_SETTINGS}
        assert connection.execute("SHOW server_version_num").fetchone()[0].startswith(str(version))
    assert shown["lock_timeout"] == "5s"
    assert shown["statement_timeout"] == "20s"
    assert shown["plan_cache_mode"] == "force_custom_plan"
    database.leave(cluster, wait=True)


def test_the_server_writes_neither_statements_nor_values_into_its_log(cluster):
    database.join(cluster)
    with psycopg.connect(host=str(cluster.socket_folder), user="saldo", dbname="saldo", autocommit=True) as connection:
        connection.execute("CREATE TABLE t (v text PRIMARY KEY)")
        for _ in range(2):
            try:
                connection.execute("INSERT INTO t VALUES ('CANARY')")
            except psycopg.errors.UniqueViolation:
                continue
    database.leave(cluster, wait=True)
    assert "duplicate key" in cluster.log.read_text()
    assert "CANARY" not in cluster.log.read_text()


def test_the_suite_and_a_run_never_share_a_server(folder):
    assert Cluster(folder, durable=True).home != Cluster(folder, durable=False).home


def test_database_url_keeps_its_options_and_reads_a_socket_folder():
    found = database.from_url("postgres://me:p%40ss@db.example/saldo?sslmode=require")
    assert (found["HOST"], found["PASSWORD"], found["OPTIONS"]) == ("db.example", "p@ss", {"sslmode": "require"})
    assert database.from_url("postgres://me@%2Frun%2Fpg/saldo")["HOST"] == "/run/pg"


def test_a_plain_user_runs_it_too(folder):
    if os.geteuid() != 0:
        pytest.skip("the whole suite already runs as a plain user")
    nobody = pwd.getpwnam("nobody")
    drop = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", "--bounding-set=-all"]
    python = [*drop, "--inh-caps=-all", sys.executable, "-c"]

    def as_nobody(script: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"SALDO_DATA": str(folder)}
        return subprocess.run([*python, script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    works = "import os, sys, psycopg, config.guardian as g; print(os.access(sys.executable, os.X_OK))"
    if as_nobody(works).stdout.strip() != "True":
        pytest.skip("this Python or this folder is not readable to other users")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    done = as_nobody("from config import database as d; c = d.embedded(); d.join(c); print(c.is_running())")
    assert done.stdout.strip() == "True", done.stderr
    assert (folder / "postgres-18-test").stat().st_uid == nobody.pw_uid
