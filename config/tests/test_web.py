"""gunicorn as config/gunicorn.py sets it up, over raw sockets."""

import os
import signal
import socket

import psutil
import pytest

from config.gunicorn import QuietLogger
from config.tests.processes import Running, database_url, living, wait_for

pytestmark = pytest.mark.xdist_group("processes")


@pytest.fixture(scope="module")
def web(django_db_setup, django_db_blocker):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Running(
        "-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi", PORT=str(port), DATABASE_URL=database_url()
    ) as running:
        running.port = port
        wait_for(lambda: can_connect(port))
        yield running


def can_connect(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(web: Running, line: str, *headers: str, method: str = "GET") -> tuple[int, str]:
    """Send the line as it stands, as curl does."""
    with socket.create_connection(("127.0.0.1", web.port), timeout=15) as wire:
        head = "\r\n".join([f"{method} {line} HTTP/1.1", "Host: localhost", "Connection: close", *headers])
        wire.sendall(head.encode() + b"\r\n\r\n")
        answer = b"".join(iter(lambda: wire.recv(65536), b"")).decode()
    return int(answer.split(" ", 2)[1]), answer.partition("\r\n\r\n")[2]


def workers(web: Running) -> list[int]:
    return living([child.pid for child in psutil.Process(web.pid).children()])


def test_the_printed_curl_with_raw_quotes_in_its_query_reaches_django(web):
    assert ask(web, '/status?{"mcc":"742","mnc":"02","country_id":"","country":""}') == (200, '["OK"]')


def test_a_query_string_of_a_whole_message_passes(web):
    assert ask(web, "/status?text=" + "x" * 8000)[0] == 200
    assert ask(web, "/status?text=" + "x" * 9000)[0] == 414


def test_nothing_of_the_query_is_printed(web):
    assert ask(web, "/nowhere?api_key=CANARY", "X-API-Key: CANARY")[0] == 404
    web.printed("path=/nowhere")
    assert "CANARY" not in web.output


def test_a_word_of_a_proxy_that_nobody_announced_does_not_count(web):
    status, _ = ask(web, "/status", "X-Forwarded-Proto: https", "X-Forwarded-Ssl: off")
    assert status == 200


def test_a_killed_worker_is_respawned(web):
    before = workers(web)
    os.kill(before[0], signal.SIGKILL)
    wait_for(lambda: len(set(workers(web)) - set(before)) == 1)
    assert ask(web, "/status") == (200, '["OK"]')


def test_a_failed_request_is_logged_without_its_query():
    from gunicorn.config import Config

    logger = QuietLogger(Config())
    with_query: list[tuple] = []
    logger.error_log.exception = lambda message, *arguments, **_: with_query.append(arguments)
    logger.exception("Error handling request %s %s", "GET", "/sms?api_key=CANARY")
    assert with_query == [("GET", "/sms")]


def test_a_request_that_cannot_be_read_is_logged_without_its_content():
    from gunicorn.config import Config

    logger = QuietLogger(Config())
    written: list[str] = []
    logger.error_log.warning = lambda message, *_, **__: written.append(message)
    for error in (
        "Invalid HTTP request line: 'GET /?api_key=CANARY\xff'",
        "Invalid HTTP Header: \"X-API-Key'CANARY'\"",
    ):
        logger.warning(f"Invalid request from ip=10.0.0.1: {error}")
    assert written == [
        "Invalid request from ip=10.0.0.1: Invalid HTTP request line: …",
        "Invalid request from ip=10.0.0.1: Invalid HTTP Header: …",
    ]


def test_production_settings_that_are_unsafe_do_not_serve():
    with Running(
        "-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi",
        SALDO_ENV="production", SANDBOX="1", PORT="1", DATABASE_URL="postgres://x@127.0.0.1:1/x",
    ) as running:  # fmt: skip
        assert running.process.wait(30) != 0
        wait_for(lambda: "saldo.E002" in running.output)


def test_sigterm_ends_it_at_once(web):
    everyone = [web.pid, *workers(web)]
    os.kill(web.pid, signal.SIGTERM)
    assert web.process.wait(15) == 0
    assert living(everyone) == []
