"""The real web server with its workers, and clients that keep their connections: the speed of requests over HTTP."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bench.report import ROOT


@contextmanager
def web_server() -> Iterator[int]:
    """gunicorn as `make run` starts it, on the database of this bench; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi"],
        cwd=ROOT, env=os.environ | {"PORT": str(port)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_until_it_listens(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def requests_a_second(port: int, request: bytes, *, clients: int, seconds: float) -> tuple[float, float]:
    """How many answers `clients` get a second, each on a connection of its own, and how long the slowest 1 % take."""
    durations: list[float] = []
    start, stop = threading.Barrier(clients + 1), threading.Event()

    def work() -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _ask(connection, request)  # warms up
            start.wait()
            while not stop.is_set():
                began = time.perf_counter()
                _ask(connection, request)
                durations.append(time.perf_counter() - began)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - began
    return len(durations) / taken, sorted(durations)[int(0.99 * len(durations))]


def _ask(connection: socket.socket, request: bytes) -> None:
    """One request and its whole answer, which has to be a 200."""
    connection.sendall(request)
    answer = b""
    while (end := answer.find(b"\r\n\r\n")) < 0:
        answer += _more(connection)
    head = answer[:end].lower()
    assert head.startswith(b"http/1.1 200"), answer[:300]
    length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
    while len(answer) < end + 4 + length:
        answer += _more(connection)


def _more(connection: socket.socket) -> bytes:
    read = connection.recv(65536)
    assert read, "the server has closed the connection"
    return read


def _wait_until_it_listens(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            _ask(connection, b"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            return
        time.sleep(0.1)
    raise TimeoutError("the web server does not answer")
