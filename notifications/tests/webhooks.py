"""A receiver of webhooks that we play ourselves, and endpoints that call it."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from notifications.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from notifications.services.webhooks import Dispatcher, create_endpoint
from wallets.models import Event
from wallets.services import emit

API_KEY = "sgk_" + "k" * 40
CODE = {
    "activation_id": 10561661,
    "message_id": "a1b2c3d4-1111-2222-3333-444455556666",
    "service": "whatsapp",
    "phone": "+15181234567",
    "code": "123456",
    "text": "Your WhatsApp code is 123456",
    "received_at": "2026-05-18T14:02:11+00:00",
}


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Answer:
    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    before: Callable[[], Any] = lambda: None


class Receiver:
    """A customer's server. Its answers are taken in turn, the last one for ever."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.received: list[Received] = []
        self.answers: list[Answer] = [Answer()]
        self.connections = 0

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def take(self, one: Received) -> Answer:
        self.received.append(one)
        answer = self.answers[0]
        if len(self.answers) > 1:
            self.answers.pop(0)
        answer.before()
        return answer

    @property
    def ids(self) -> list[str]:
        return [one.id for one in self.received]


@contextmanager
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            playing.connections += 1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = playing.take(Received(self.path, headers, body))
            self.send_response(answer.status)
            for name, value in ({"Content-Length": str(len(answer.body))} | answer.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: Any) -> None:
            pass

        def handle(self) -> None:
            with suppress(ConnectionError):  # the caller had waited long enough
                super().handle()

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

    server = Server(("127.0.0.1", 0), Handler)
    playing = Receiver(server.server_address[1])
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield playing
    finally:
        server.shutdown()
        server.server_close()


def make_endpoint(customer_id: int, url: str, **facts: Any) -> WebhookEndpoint:
    if facts.get("format") == "smsgig":
        facts = {"signing_key": API_KEY} | facts
    return create_endpoint(customer_id=customer_id, url=url, **facts)[0]


def tell(
    customer_id: int, kind: str = "wallet.deposited", payload: Any = None, object_id: int = 1, **facts: Any
) -> Event:
    """An event as any service writes one."""
    with transaction.atomic():
        return emit(
            customer_id=customer_id,
            kind=kind,
            object_type=kind.partition(".")[0],
            object_id=object_id,
            payload={"amount": "12.50"} if payload is None else payload,
            **facts,
        )


def deliver() -> None:
    """Deliver until nothing is due."""
    asyncio.run(Dispatcher().run(until_idle=True))


def make_due() -> None:
    """Let every wait be over."""
    WebhookDelivery.objects.filter(status="pending").update(next_attempt_at=timezone.now())


def attempts(delivery: WebhookDelivery | None = None) -> list[WebhookAttempt]:
    found = WebhookAttempt.objects.order_by("delivery", "number")
    return list(found if delivery is None else found.filter(delivery=delivery))


def rows(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()
