"""A panel of API v2 as a real HTTP server on the loopback address: it checks what it is sent as panels document it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

KEY = "panel-key-0123456789"
SERVICES: list[dict[str, Any]] = [
    {"service": 1, "name": "Followers", "type": "Default", "category": "First Category", "rate": "0.90",
     "min": "50", "max": "10000", "refill": True, "cancel": True},
    {"service": 2, "name": "Comments", "type": "Custom Comments", "category": "Second Category", "rate": "8",
     "min": "10", "max": "1500", "refill": False, "cancel": True},
    {"service": "3", "name": "Views", "category": "First Category", "rate": 0.0125, "min": 100, "max": 1000000},
]  # fmt: skip


class Panel:
    """What the panel knows and has been asked. `answers[action]` replaces its answer: a value, bytes, or a function."""

    def __init__(self) -> None:
        self.url = ""
        self.services = [dict(row) for row in SERVICES]
        self.orders: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, str]] = []
        self.answers: dict[str, Any] = {}
        self.status = 200
        self.hang_seconds = 0.0
        self.drips = False
        self.headers: dict[str, str] = {}
        self.released = threading.Event()

    def actions(self) -> list[str]:
        return [sent["action"] for sent in self.asked]

    def answer(self, sent: dict[str, str]) -> Any:
        self.asked.append(sent)
        if sent.get("key") != KEY:
            return {"error": "Invalid API key"}
        action = sent.get("action", "")
        if action in self.answers:
            replaced = self.answers[action]
            return replaced(sent) if callable(replaced) else replaced
        known: dict[str, Callable[[dict[str, str]], Any]] = {
            "services": lambda _: self.services, "add": self._add, "status": self._status, "cancel": self._cancel,
            "refill": self._refill, "balance": lambda _: {"balance": "100.84292", "currency": "USD"},
        }  # fmt: skip
        return known[action](sent) if action in known else {"error": "Incorrect request"}

    def _add(self, sent: dict[str, str]) -> Any:
        if sent["service"] not in {str(row["service"]) for row in self.services}:
            return {"error": "Incorrect service ID"}
        order_id = 23501 + len(self.orders)
        self.orders[str(order_id)] = {
            "charge": "0.27819", "start_count": "3572", "status": "Pending", "remains": sent["quantity"],
            "currency": "USD",
        }  # fmt: skip
        return {"order": order_id}

    def _status(self, sent: dict[str, str]) -> Any:
        ids = sent["orders"].split(",")
        assert len(ids) <= 100
        return {each: self.orders.get(each, {"error": "Incorrect order ID"}) for each in ids}

    def _cancel(self, sent: dict[str, str]) -> Any:
        return [
            {"order": int(each), "cancel": 1 if each in self.orders else {"error": "Incorrect order ID"}}
            for each in sent["orders"].split(",")
        ]

    def _refill(self, sent: dict[str, str]) -> Any:
        return {"refill": "1"} if sent["order"] in self.orders else {"error": "Incorrect order ID"}


def _handler(panel: Panel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
            sent = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
            answer = panel.answer(sent)
            if panel.hang_seconds:
                panel.released.wait(panel.hang_seconds)
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(panel.status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in panel.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self._write(body)

        def _write(self, body: bytes) -> None:
            """At once, or a byte at a time, each in time for any read timeout."""
            try:
                if not panel.drips:
                    self.wfile.write(body)
                    return
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    if panel.released.wait(0.1):
                        return
            except OSError:
                pass  # nobody listens any more

        def log_message(self, *args: Any) -> None:
            pass

    return Handler


@contextmanager
def running_panel() -> Iterator[Panel]:
    """The panel, until the block ends."""
    panel = Panel()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(panel))
    server.daemon_threads = True
    panel.url = f"http://127.0.0.1:{server.server_address[1]}/api/v2"
    threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True).start()
    try:
        yield panel
    finally:
        panel.released.set()
        server.shutdown()
        server.server_close()
