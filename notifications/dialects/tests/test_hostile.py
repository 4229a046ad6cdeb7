"""Whatever is sent to plainsms and SMSGIC is answered in their shape, below 500."""

import json
from typing import Any

import pytest
from django.test import Client

from apikeys.services import guessing, keys, passwords
from notifications.dialects.plainsms import base
from tests.hostile import BODIES, HEADERS, KEYS, QUERIES, VALUES, sendings_of
from wallets.services import open_customer

pytestmark = pytest.mark.django_db
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
SMS = {"numbers": "0701234567", "message_body": "Hello"}
SENDING = {
    "/v1/sms/send": SMS,
    "/api/v2/sms/send": SMS,
    "/api/generate-key": {"expiry_days": 3},
    "/api/regenerate-key": {"expiry_days": 9},
    "/sendings/calculate": {"message": "message", "recipients": ["4520123456"]},
    "/sendings": {
        "message": "message", "recipients": ["4520123456"], "sender": "INFO", "type": "default",
        "scheduled_at": "2023-08-22 09:03:42",
    },
}  # fmt: skip
READING = ["/api/v2/sms/send", "/api/v2/account/balance", "/balance", "/senders", "/rates", "/sendings", "/sendings/1"]
MORE = ["api_key", "username", "password", "unknown"]
SHAPES = {frozenset({"error"}), frozenset({"error", "help"}), frozenset({"message"}), frozenset({"message", "errors"})}


@pytest.fixture(autouse=True)
def room_to_try(monkeypatch) -> None:
    guessing._flood.__init__()
    monkeypatch.setattr(base, "LIMIT", 1_000_000)


@pytest.fixture
def api() -> Client:
    customer = open_customer(name="Acme", currency="USD", default_region="KE")
    _, key = keys.issue_key(customer=customer, name="Hostile", actor="test")
    _, password = passwords.issue_password(customer=customer, username="hostile", actor="test")
    headers = {"X-API-Key": key, "Authorization": f"Bearer {key}"}
    client = Client(raise_request_exception=False, headers=headers)
    client.login_fields = {"username": "hostile", "password": password}
    return client


def complaints(answer: Any, asked: str) -> list[str]:
    """What is wrong with an answer to a hostile request, in words."""
    if answer.status_code >= 500:
        return [f"{asked}: a server error"]
    if answer["Content-Type"] != JSON:
        return [f"{asked}: sent as {answer['Content-Type']}"]
    if answer.status_code >= 400 and frozenset(answer.json()) not in SHAPES:
        return [f"{asked}: another shape: {answer.text[:200]}"]
    return []


def body_for(api: Client, path: str, sent: dict[str, Any]) -> dict[str, Any]:
    return api.login_fields | sent if path == "/v1/sms/send" else sent


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_hostile_body(api, body):
    wrong = []
    for path, sent_as in sendings_of(body, SENDING, (JSON, FORM, "multipart/form-data; boundary=x", "text/plain")):
        wrong += complaints(api.post(path, body, sent_as), f"{path} as {sent_as}")
    assert wrong == []


MOMENTS = {f"the moment {text}": text for text in ("9999-12-31 23:59:59", "0001-01-01 00:00:00", "2023-02-30 24:00:00")}


@pytest.mark.parametrize("value", [*VALUES.values(), *MOMENTS.values()], ids=[*VALUES, *MOMENTS])
def test_a_hostile_value_in_every_field(api, value):
    wrong = []
    for path, valid in SENDING.items():
        for name in [*valid, *MORE]:
            body = json.dumps(body_for(api, path, valid) | {name: value})
            wrong += complaints(api.post(path, body, JSON), f"{path} {name}")
    assert wrong == []


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_hostile_filter_in_a_body_of_json(api, value):
    wrong = []
    for name in ("mcc", "mnc", "country", "country_id"):
        body = json.dumps({"mcc": "247"} | {name: value})
        wrong += complaints(api.generic("GET", "/rates", body, JSON), name)
    assert wrong == []


@pytest.mark.parametrize(
    "query", [*QUERIES, '{"mcc":', '{"mcc":"247","mcc":"248"}', "{%00}", "{" * 2_000, '{"mcc":NaN}']
)
def test_a_hostile_query(api, query):
    wrong = []
    for path in READING:
        wrong += complaints(api.get(f"{path}?{query}"), path)
    for path in SENDING:
        wrong += complaints(api.post(f"{path}?{query}", "{}", JSON), path)
    assert wrong == []


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_hostile_headers(api, headers):
    text = {name: value.decode("latin-1") if isinstance(value, bytes) else value for name, value in headers.items()}
    sent_as = text.pop("Content-Type", JSON)
    wrong = []
    for path, valid in SENDING.items():
        body = json.dumps(body_for(api, path, valid))
        wrong += complaints(api.generic("POST", path, body, sent_as, headers=text), path)
    for path in READING:
        wrong += complaints(api.get(path, headers=text), path)
    assert wrong == []


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_hostile_key(api, key):
    text = key.decode("latin-1") if isinstance(key, bytes) else key
    stranger = Client(raise_request_exception=False)
    for headers in ({"X-API-Key": text}, {"Authorization": f"Bearer {text}"}, {"Authorization": f"Basic {text}"}):
        for path in READING:
            answer = stranger.get(path, headers=headers)
            assert complaints(answer, path) == []
            assert answer.status_code == 401
