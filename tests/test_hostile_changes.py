"""The same hostile bodies and values, to what PUT and PATCH change."""

from typing import Any

import pytest

from tests.hostile import BODIES, VALUES, sendings_of
from tests.live import Saldo
from tests.test_hostile import CLOSE, complaints, token_of
from tests.wire import V1, Client

Change = tuple[str, dict[str, Any]]
JSON, FORM = "application/json", "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def owner(saldo: Saldo, keys: dict[str, str]) -> Client:
    return saldo.client(keys["hostile"], token=token_of(saldo), address="127.9.9.9")


@pytest.fixture(scope="module")
def changes(owner: Client) -> dict[str, Change]:
    """Every path that changes what is there, on things of this module's own; with a method and a valid body."""
    key = owner.post("/api/developer/api-keys", json={"name": "to be changed"}).data["id"]
    endpoint = owner.post(f"{V1}/webhook-endpoints", json={"url": "https://example.com/", "events": ["message.sent"]})
    number = owner.post(f"{V1}/monthly-numbers/purchase", json={"country": "US"})
    return {
        f"/api/developer/api-keys/{key}": ("PATCH", {"daily_spend_cap": 5, "monthly_spend_cap": 50}),
        f"/api/developer/api-keys/{key}/signing-copy": ("PUT", {"key": "sgk_x"}),
        f"{V1}/webhook-endpoints/{endpoint.data['id']}": (
            "PATCH", {"url": "https://example.com/", "events": ["message.sent"], "description": "x", "enabled": True},
        ),
        f"{V1}/monthly-numbers/subscriptions/{number.data['id']}/auto-renew": ("PATCH", {"auto_renew": False}),
        f"{V1}/wallet/alerts": ("PUT", {"levels": [1]}),
    }  # fmt: skip


def test_their_valid_bodies_are_taken(owner: Client, changes: dict[str, Change]) -> None:
    answers = {path: owner.call(method, path, json=valid).status for path, (method, valid) in changes.items()}
    assert answers == {path: 422 if path.endswith("/signing-copy") else 200 for path in changes}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_hostile_body(owner: Client, changes: dict[str, Change], body: bytes) -> None:
    wrong = []
    for path, sent_as in sendings_of(body, changes, (JSON, JSON, FORM, None)):
        method, _ = changes[path]
        answer = owner.call(method, path, data=body, headers=CLOSE | {"Content-Type": sent_as})
        wrong += complaints(answer, f"{method} {path} as {sent_as}")
    assert wrong == []


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_hostile_value_in_every_field(owner: Client, changes: dict[str, Change], value: Any) -> None:
    wrong = []
    for path, (method, valid) in changes.items():
        for name in (*valid, "unknown"):
            answer = owner.call(method, path, json=valid | {name: value}, headers=CLOSE)
            wrong += complaints(answer, f"{method} {path} {name}")
    assert wrong == []
