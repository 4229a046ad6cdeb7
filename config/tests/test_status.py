import os
import signal
import time
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client

from config import database, status
from config.database import Cluster


@pytest.fixture
def server(request, monkeypatch) -> Iterator[Cluster]:
    """A server of this test's own, to be frozen and ended; the default connection's address points at it."""
    if os.environ.get("DATABASE_URL"):
        pytest.skip("the suite runs on an external PostgreSQL")
    cluster = request.getfixturevalue("cluster")
    database.join(cluster)
    monkeypatch.setitem(connection.settings_dict, "HOST", str(cluster.socket_folder))
    monkeypatch.setitem(connection.settings_dict, "NAME", database.DATABASE)
    yield cluster
    database.leave(cluster, wait=True)


@pytest.mark.parametrize("path", ["/status", "/status/"])
def test_it_says_ok_exactly_as_printed(client, server, path):
    answer = client.get(path)
    assert (answer.status_code, answer.content) == (200, b'["OK"]')
    assert answer["Content-Type"] == "application/json"


def test_a_frozen_database_is_down_within_the_timeout_and_up_again_when_it_thaws(client, server):
    postmaster = server.postmaster
    os.kill(postmaster, signal.SIGSTOP)
    started = time.monotonic()
    answer = client.get("/status")
    assert (answer.status_code, answer.content) == (503, b'["DOWN"]')
    assert time.monotonic() - started < status.TIMEOUT_SECONDS + 1
    os.kill(postmaster, signal.SIGCONT)
    assert client.get("/status").status_code == 200


def test_a_database_that_freezes_after_connecting_is_down_too(server, monkeypatch):
    connect = status.psycopg.connect

    def connect_and_freeze(**parameters):
        fresh = connect(**parameters)
        frozen.append(fresh.info.backend_pid)
        os.kill(fresh.info.backend_pid, signal.SIGSTOP)
        return fresh

    frozen: list[int] = []
    monkeypatch.setattr(status.psycopg, "connect", connect_and_freeze)
    started = time.monotonic()
    assert status.database_answers() is False
    assert time.monotonic() - started < status.TIMEOUT_SECONDS + 1
    os.kill(frozen[0], signal.SIGCONT)


def test_an_absent_database_is_down(client, server):
    database.leave(server, wait=True)
    assert client.get("/status").status_code == 503


def test_it_needs_no_key_and_takes_no_other_method(client, server):
    assert client.head("/status").status_code == 200
    refused = Client(enforce_csrf_checks=True).post("/status")
    assert (refused.status_code, refused.json()) == (405, {"message": "Method not allowed."})


def test_what_is_posted_to_a_page_is_refused_without_html_for_programs():
    client = Client(enforce_csrf_checks=True)
    for path in ("/api/docs", "/api/docs/reference", "/t/c", "/admin/login/"):
        refused = client.post(path)
        assert (refused.status_code, refused.headers["Content-Type"]) == (403, "application/json")
        assert refused.json()["error"] == "forbidden"
    page = client.post("/admin/login/", headers={"accept": "text/html"})
    assert (page.status_code, page.headers["Content-Type"]) == (403, "text/html; charset=utf-8")


def test_it_carries_no_password_into_the_log(server, monkeypatch, caplog):
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", "CANARY")
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nonexistent")
    assert status.database_answers() is False
    assert "CANARY" not in caplog.text
