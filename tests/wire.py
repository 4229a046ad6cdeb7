"""How end-to-end tests speak HTTP, and how they read exact numbers out of it."""

import json
import socket
import threading
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from http.client import HTTPResponse
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from tests.openapi import DOCUMENTED, Document

V1 = "/api/developer/v1"
TIMEOUT_SECONDS = 40
_READING = threading.Lock()


class Answer:
    """A response whose numbers are read exactly: `0.15` is Decimal("0.15")."""

    def __init__(self, response: requests.Response) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.text = response.content.decode()
        self.raw = response.content

    @property
    def json(self) -> Any:
        return exact(self.text)

    @property
    def data(self) -> Any:
        return self.json["data"]

    def __repr__(self) -> str:
        return f"{self.status} {self.text[:300]}"


def assert_refused(answer: Answer, status: int, slug: str, message: str | None = None) -> None:
    assert (answer.status, answer.json["error"]) == (status, slug)
    assert list(answer.json)[:2] == ["message", "error"]
    assert isinstance(answer.json["message"], str)
    assert message is None or answer.json["message"] == message
    assert answer.headers["Content-Type"] == "application/json"


def exact(text: str | bytes) -> Any:
    return json.loads(text, parse_float=Decimal)


@cache
def _read_document(url: str) -> Document:
    return Document(url)


def _document(url: str) -> Document:
    with _READING:  # many threads begin at once: one reads, and the others wait
        return _read_document(url)


class _From(HTTPAdapter):
    """Connections that come from a given address of the loopback network."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(pool_maxsize=32, max_retries=Retry(0, read=False))

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, source_address=(self.address, 0), **options)


class Client:
    """A customer's program. `address` keeps the failures of one test from counting against another.

    Whatever it is answered must be as the OpenAPI document says, where it is `strict`.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        token: str | None = None,
        address: str = "127.0.0.1",
        strict: bool = True,
    ) -> None:
        self.url = url
        self.strict = strict
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.mount("http://", _From(address))
        if key is not None:
            self.session.headers["X-API-Key"] = key
        if token is not None:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, **options: Any) -> Answer:
        options = {"timeout": TIMEOUT_SECONDS, "allow_redirects": False} | options
        response = self.session.request(method, self.url + path, **options)
        if self.strict and path.startswith(DOCUMENTED):
            _document(self.url).check(method, path, response)
        return Answer(response)

    def get(self, path: str, **options: Any) -> Answer:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> Answer:
        return self.call("POST", path, **options)

    def put(self, path: str, **options: Any) -> Answer:
        return self.call("PUT", path, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        return self.call("DELETE", path, **options)

    # --- The native contract ----------------------------------------------------------------

    def buy(self, service: str = "telegram", country: str = "US", key: str | None = None) -> Answer:
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.post(f"{V1}/activations/buy", json={"service": service, "country": country}, headers=headers)

    def check_sms(self, activation_id: int) -> Answer:
        return self.get(f"{V1}/activations/{activation_id}/check-sms")

    def cancel(self, activation_id: int) -> Answer:
        return self.post(f"{V1}/activations/{activation_id}/cancel")

    def wallet(self) -> Any:
        return self.get(f"{V1}/wallet/balance").data

    def statement(self, **query: Any) -> Any:
        return self.get(f"{V1}/wallet/transactions", params=query).data


@dataclass(frozen=True)
class RawAnswer:
    status: int
    content_type: str
    body: bytes


def send_raw(port: int, request: bytes) -> RawAnswer:
    """Send bytes as they are, which no HTTP library would."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS) as connection:
        connection.sendall(request)
        response = HTTPResponse(connection)
        response.begin()
        return RawAnswer(response.status, response.headers.get("Content-Type", ""), response.read())
