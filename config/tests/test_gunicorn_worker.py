"""A real gunicorn with our worker, in front of an application that hangs when asked to."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPLICATION = """
    import os, threading

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/hang":
            threading.Event().wait()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]
"""


@pytest.fixture
def server(tmp_path):
    """Address of a gunicorn of one worker with deadlines of one second."""
    (tmp_path / "hanging.py").write_text(textwrap.dedent(APPLICATION))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        environment = os.environ | {
            "WEB_READ_SECONDS": "1", "REQUEST_DEADLINE_SECONDS": "1", "PYTHONPATH": f"{tmp_path}:{ROOT}",
        }  # fmt: skip
        process = subprocess.Popen(
            [
                sys.executable, "-m", "gunicorn", "--worker-class", "config.gunicorn_worker.Worker", "--threads", "4",
                "--bind", f"fd://{listener.fileno()}", "--no-control-socket", "--graceful-timeout", "1",
                "hanging:application",
            ],
            cwd=tmp_path, env=environment, pass_fds=[listener.fileno()], stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield listener.getsockname()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def ask(address, path, timeout=20):
    """The body of an answer; the listener is ours, so a client waits in its backlog until somebody accepts."""
    client = http.client.HTTPConnection(*address, timeout=timeout)
    try:
        client.request("GET", path)
        return client.getresponse().read().decode()
    finally:
        client.close()


def test_a_request_that_hangs_loses_its_client_and_its_worker_is_replaced(server):
    first = ask(server, "/")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        ask(server, "/hang")
    answers = {ask(server, "/")}
    while answers == {first}:
        answers.add(ask(server, "/"))
    assert len(answers) == 2


def test_others_are_served_while_a_request_hangs(server):
    hanging = http.client.HTTPConnection(*server, timeout=20)
    hanging.request("GET", "/hang")
    assert ask(server, "/").isdigit()
    hanging.close()


def test_a_client_that_never_finishes_its_request_is_let_go(server):
    with socket.create_connection(server, timeout=20) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        assert slow.recv(1000) == b""


@pytest.mark.parametrize(
    ("request_line", "status", "code"),
    [
        (b'GET /rates?{"country":"C\xc3\xb4te"} HTTP/1.1', 400, "malformed"),
        (b"GET / HTTP/1.1\r\nCANARY here: 1", 400, "malformed"),
        (b"GET /" + b"x" * 9_000 + b" HTTP/1.1", 414, "address_too_long"),
    ],
)
def test_what_cannot_be_read_is_refused_in_json_and_not_repeated(server, request_line, status, code):
    with socket.create_connection(server, timeout=20) as wire:
        wire.sendall(request_line + b"\r\nHost: x\r\n\r\n")
        head, _, body = b"".join(iter(lambda: wire.recv(65536), b"")).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Content-Type: application/json" in head
    assert json.loads(body)["error"] == code
    assert b"CANARY" not in body
