"""Whatever is sent to SMSGig's endpoints is answered in its envelope, below 500, and tells nothing inside."""

import json
from typing import Any

import pytest

from tests.hostile import BODIES, HEADERS, KEYS, QUERIES, VALUES, sendings_of
from tests.live import Saldo
from tests.test_hostile import CLOSE, INSIDE
from tests.wire import Answer, Client

GIG = "/api/v1"
SENDING: dict[str, dict[str, Any]] = {
    f"{GIG}/s1/rent": {"service_code": "telegram", "area_code": "212", "carrier": "T-Mobile"},
    f"{GIG}/s1/rentals/status": {"activation_id": 1, "action": "finished"},
    f"{GIG}/s1/rentals/cancel": {"activation_id": 1},
}
READING = [f"{GIG}/balance", f"{GIG}/transactions", f"{GIG}/s1/services", f"{GIG}/s1/status"]


@pytest.fixture(scope="module")
def key(saldo: Saldo) -> str:
    return saldo.customers(gig_hostile="500")["gig_hostile"]


@pytest.fixture
def client(saldo: Saldo, key: str) -> Client:
    return saldo.client(token=key)


def complaints(answer: Answer, asked: str) -> list[str]:
    """What is wrong with an answer to a hostile request, in words."""
    found = []
    if answer.status >= 500:
        found.append("a server error")
    if answer.headers.get("Content-Type") != "application/json":
        found.append(f"sent as {answer.headers.get('Content-Type')}")
    elif answer.json["status"] != ("error" if answer.status >= 400 else "success"):
        found.append("another envelope")
    elif answer.status >= 400 and not set(answer.json) <= {"status", "message", "errors"}:
        found.append("another shape")
    if inside := INSIDE.search(answer.raw):
        found.append(f"tells {inside[0]!r}")
    return [f"{asked}: {', '.join(found)}: {answer}"] if found else []


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_hostile_body(client: Client, body: bytes) -> None:
    wrong = []
    for path, sent_as in sendings_of(body, SENDING, ("application/json", "application/x-www-form-urlencoded")):
        answer = client.post(path, data=body, headers=CLOSE | {"Content-Type": sent_as})
        wrong += complaints(answer, f"{path} as {sent_as}")
    assert wrong == []


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_hostile_value_in_every_field(client: Client, value: Any) -> None:
    wrong = []
    for path, valid in SENDING.items():
        for name in [*valid, "unknown"]:
            answer = client.post(path, json=valid | {name: value}, headers=CLOSE)
            wrong += complaints(answer, f"{path} {name}")
    assert wrong == []


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:30])
def test_a_hostile_query(client: Client, query: str) -> None:
    found = [complaint for path in READING for complaint in complaints(client.get(f"{path}?{query}"), path)]
    asked = f"{GIG}/s1/status?activation_{query}"
    assert found + complaints(client.get(asked), asked) == []


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_hostile_headers(client: Client, headers: dict[str, Any]) -> None:
    wrong = complaints(client.get(READING[0], headers=headers), READING[0])
    for path, valid in SENDING.items():
        wrong += complaints(client.post(path, data=json.dumps(valid), headers=headers), path)
    assert wrong == []


@pytest.mark.parametrize("bad", KEYS.values(), ids=KEYS)
def test_a_hostile_key_is_a_wrong_one(saldo: Saldo, bad: Any) -> None:
    stranger = saldo.client(address=f"127.0.0.{70 + list(KEYS.values()).index(bad)}")
    bearer = b"Bearer " + (bad if isinstance(bad, bytes) else bad.encode())
    for headers in ({"Authorization": bearer}, {"Authorization": bad}, {"X-API-Key": bad}):
        answer = stranger.get(READING[0], headers=headers)
        assert (complaints(answer, str(headers)), answer.status) == ([], 401)
        assert answer.json["message"] == "Invalid or missing API key"


@pytest.mark.parametrize("path", ["", "/", "/s1", "/s1/rent/x", "/s2/services", "/%ff", "/s1//rent"])
def test_a_path_that_is_not_there_is_told_in_the_envelope(client: Client, path: str) -> None:
    answer = client.get(f"{GIG}{path}", headers={"Accept": "text/html"})

    assert (complaints(answer, path), answer.status) == ([], 404)


def test_the_server_still_works_and_its_books_are_right(saldo: Saldo, client: Client) -> None:
    assert client.post(f"{GIG}/s1/rent", json={"service_code": "telegram"}).status == 200
    assert saldo.manage("audit_ledger", check=False).returncode == 0
