"""Whatever is sent to SMSGist's endpoints is answered in its envelope, below 500, and tells nothing inside."""

import json
import re
from typing import Any

import pytest

from tests.hostile import BODIES, HEADERS, QUERIES, VALUES, sendings_of
from tests.live import Saldo
from tests.smsgist import Gist, programs
from tests.test_hostile import CLOSE, INSIDE
from tests.wire import Answer, Client

SOME_ID = "7f3a2b9d-1e4c-4b2a-9d1e-4c7f3a2b9d1e"
SENDING: dict[str, dict[str, Any]] = {
    "/api/sms/send": {"recipients": ["+233245972246"], "message": "Hello", "route": "regular"},
    "/api/email/send": {
        "recipients": ["user@example.com"], "subject": "Hello", "body": "Hello", "from_name": "Me",
        "reply_to": "me@example.com", "no_tracking": True, "route": "otp",
    },
    f"/api/message/{SOME_ID}/retry": {},
}  # fmt: skip
READING = ["/api/credits/balance", f"/api/message/{SOME_ID}/status"]
# One of them might be a header that only looks like ours.
TOKENS: dict[str, bytes] = {
    "nothing": b"",
    "a word": b"x",
    "zero bytes": b"A" * 43 + b"=",
    "the longest": b"A" * 7_000,
    "one block": b"A" * 22 + b"==",
    "Latin-1": b"\xe9\xff" * 20,
    "UTF-8": "１２３٣".encode() * 5,
    "padding alone": b"=" * 64,
    "quotes": b"' OR '1'='1",
    "two words": b"AAAA BBBB",
    "a JSON web token": b"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
}


@pytest.fixture(scope="module")
def client(saldo: Saldo) -> Gist:
    """A dry run: whatever gets through is played."""
    return programs(saldo, "gist-hostile", "0")["dryrun"]


def complaints(answer: Answer, asked: str) -> list[str]:
    """What is wrong with an answer to a hostile request, in words."""
    found = []
    if answer.status >= 500:
        found.append("a server error")
    if answer.headers.get("Content-Type") != "application/json":
        found.append(f"sent as {answer.headers.get('Content-Type')}")
    elif list(answer.json) != ["status", "message", "data"]:
        found.append("another envelope")
    elif answer.status >= 400 and (answer.json["status"], answer.json["data"]) != ("error", None):
        found.append("an error that looks like a success")
    if inside := INSIDE.search(answer.raw):
        found.append(f"tells {inside[0]!r}")
    return [f"{asked}: {', '.join(found)}: {answer}"] if found else []


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_hostile_body(client: Gist, body: bytes) -> None:
    wrong = []
    for path, sent_as in sendings_of(body, SENDING, ("application/json", "application/x-www-form-urlencoded")):
        answer = client.post(path, data=body, headers=CLOSE | {"Content-Type": sent_as})
        wrong += complaints(answer, f"{path} as {sent_as}")
    assert wrong == []


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_hostile_value_in_every_field(client: Gist, value: Any) -> None:
    wrong = []
    for path, valid in SENDING.items():
        for name in [*valid, "unknown"]:
            answer = client.post(path, json=valid | {name: value}, headers=CLOSE)
            wrong += complaints(answer, f"{path} {name}")
        if "recipients" in valid:
            wrong += complaints(client.post(path, json=valid | {"recipients": [value]}, headers=CLOSE), path)
    assert wrong == []


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:30])
def test_a_hostile_query(client: Gist, query: str) -> None:
    assert [complaint for path in READING for complaint in complaints(client.get(f"{path}?{query}"), path)] == []


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_hostile_headers(client: Gist, headers: dict[str, Any]) -> None:
    wrong = complaints(client.get(READING[0], headers=headers), READING[0])
    for path, valid in SENDING.items():
        wrong += complaints(client.post(path, data=json.dumps(valid), headers=headers), path)
    assert wrong == []


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
def test_a_hostile_token_is_a_wrong_one(saldo: Saldo, client: Gist, token: bytes) -> None:
    number = 50 + list(TOKENS.values()).index(token)  # an address of its own, below the limit of failures
    stranger = Client(saldo.url, address=f"127.0.0.{number}")
    for who in (client.credential["client_id"].encode(), b"\xe9\xff", b"x" * 7_000, b""):
        for path in READING:
            headers = {"X-Client-Id": who, "Authorization": b"Bearer " + token}
            answer = stranger.get(path, headers=headers)
            assert complaints(answer, path) == []
            assert (answer.status, answer.json["message"]) == (
                401,
                "Authentication failed — check your X-Client-Id and token",
            )


@pytest.mark.parametrize("message_id", ["0", "-1", "x", "%00", "%ff", "１", "9" * 400, "1%2F..", SOME_ID + "%0a", "{}"])
def test_a_hostile_id_is_not_found(client: Gist, message_id: str) -> None:
    for answer in (client.get(f"/api/message/{message_id}/status"), client.post(f"/api/message/{message_id}/retry")):
        assert complaints(answer, message_id) == []
        assert answer.status in {400, 404}


@pytest.mark.parametrize("path", ["/api/sms", "/api/sms/send/x", "/api/email/", "/api/message", "/api/credits/%ff"])
def test_a_path_that_is_not_there_is_told_in_the_envelope(saldo: Saldo, path: str) -> None:
    answer = saldo.client().get(path, headers={"Accept": "text/html"})

    assert (complaints(answer, path), answer.status) == ([], 404)


def test_the_server_still_works_and_its_books_are_right(saldo: Saldo, client: Gist) -> None:
    assert client.sms("+233245972246").status == 201
    assert not re.search(r"smsgist.*server_error|server_error.*smsgist", saldo.logs())
    assert saldo.manage("audit_ledger", check=False).returncode == 0
