"""SMM orders of the native contract: every printed request of the reference, over HTTP, with the sandbox behind it."""

import json
import re
import shutil
from decimal import Decimal
from typing import Any

import pytest

from tests.live import Saldo, wait_for
from tests.test_contract_native import assert_as_printed
from tests.test_printed_javascript import output, printed, start
from tests.wire import V1, Answer, Client, assert_refused, exact

# What the reference prints, as it prints it.
SERVICE_LISTED = '{"id": 101, "name": "Instagram Followers", "rate": 0.5}'
SERVICE_SHOWN = '{"id": 101, "name": "Instagram Followers", "min": 100, "max": 10000, "rate": 0.5}'
ORDER_MADE = '{"id": 9001, "status": "pending", "quantity": 1000}'
ORDER_LISTED = '{"id": 9001, "status": "pending"}'
ORDER_SHOWN = '{"id": 9001, "status": "pending", "progress": 42}'
LINK = "https://instagram.com/example"
RATE = Decimal("0.5")


@pytest.fixture(scope="module")
def client(saldo: Saldo) -> Client:
    return saldo.client(saldo.customers(smm="100")["smm"])


@pytest.fixture(scope="module")
def service(client: Client) -> dict[str, Any]:
    return next(row for row in client.get(f"{V1}/smm/services").data if row["name"] == "Instagram Followers")


def order(client: Client, service: dict[str, Any], key: str | None = None, **facts: Any) -> Answer:
    body = {"smm_service_id": service["id"], "link": LINK, "quantity": 1000} | facts
    return client.post(f"{V1}/smm/orders", json=body, headers={} if key is None else {"Idempotency-Key": key})


def ended(client: Client, order_id: int) -> dict[str, Any]:
    """The order once the tick has seen its end."""

    def look() -> Any:
        found = client.get(f"{V1}/smm/orders/{order_id}").data
        return found if found["status"] not in {"pending", "in_progress"} else None

    return wait_for(look, "the order ends")


def test_services_are_listed_as_printed(client: Client) -> None:
    answer = client.get(f"{V1}/smm/services")
    by_name = {row["name"]: row for row in answer.data}

    assert (answer.status, len(by_name) >= 20) == (200, True)
    assert_as_printed(SERVICE_LISTED, by_name["Instagram Followers"])
    assert (by_name["Instagram Followers"]["rate"], by_name["TikTok Views"]["rate"]) == (RATE, Decimal("0.2"))
    assert re.search(r'"rate": ?0\.5[,}]', answer.text)


def test_a_service_is_shown_as_printed(client: Client, service: dict[str, Any]) -> None:
    shown = client.get(f"{V1}/smm/services/{service['id']}").data

    assert_as_printed(SERVICE_SHOWN, shown)
    assert {**exact(SERVICE_SHOWN), "id": service["id"]}.items() <= shown.items()
    assert_refused(client.get(f"{V1}/smm/services/999999999"), 404, "not_found")


def test_an_order_is_made_charged_delivered_and_shown_as_printed(client: Client, service: dict[str, Any]) -> None:
    before = client.wallet()["balance"]
    made = order(client, service)

    assert (made.status, client.wallet()["balance"]) == (201, before - RATE)
    assert_as_printed(ORDER_MADE, made.data)
    assert (made.data["status"], made.data["quantity"]) == ("pending", 1000)
    done = ended(client, made.data["id"])
    assert_as_printed(ORDER_SHOWN, done)
    assert (done["status"], done["progress"]) == ("completed", 100)
    assert client.wallet()["balance"] == before - RATE


def test_orders_are_listed_as_printed_newest_first(client: Client, service: dict[str, Any]) -> None:
    made = [order(client, service).data["id"] for _ in range(2)]
    rows = client.get(f"{V1}/smm/orders").data

    assert_as_printed(ORDER_LISTED, rows[0])
    assert [row["id"] for row in rows[:2]] == made[::-1]


@pytest.mark.parametrize(("word", "kept"), [("partial", "0.35"), ("canceled", "0"), ("failed", "0")])
def test_what_is_not_delivered_is_refunded(client: Client, service: dict[str, Any], word: str, kept: str) -> None:
    made = order(client, service, link=f"{LINK}/sandbox-{word}").data
    assert ended(client, made["id"])["status"] == word

    rows = [row for row in client.statement() if row["reference"].startswith(f"smm:{made['id']}:")]
    assert sum(row["amount"] * (1 if row["type"] == "debit" else -1) for row in rows) == Decimal(kept)
    assert [row["kind"] for row in rows] == ["smm_refund", "smm_order"]


def test_an_unknown_outcome_is_202_until_the_tick_has_asked(client: Client, service: dict[str, Any]) -> None:
    made = order(client, service, link=f"{LINK}/sandbox-unknown", key="smm-unknown")

    assert (made.status, made.data["status"]) == (202, "pending")
    assert ended(client, made.data["id"])["status"] == "completed"
    assert order(client, service, link=f"{LINK}/sandbox-unknown", key="smm-unknown").data["id"] == made.data["id"]


def test_the_same_idempotency_key_orders_once(client: Client, service: dict[str, Any]) -> None:
    first, again = order(client, service, key="smm-1"), order(client, service, key="smm-1")

    assert (first.status, again.text, again.headers["Idempotency-Replay"]) == (201, first.text, "true")


@pytest.mark.parametrize("facts", [
    {"smm_service_id": 999_999_999}, {"smm_service_id": None}, {"quantity": 99}, {"quantity": 10_001},
    {"quantity": "many"}, {"link": "instagram.com/example"}, {"link": LINK + "/" + "x" * 500},
])  # fmt: skip
def test_what_breaks_a_rule_is_422(client: Client, service: dict[str, Any], facts: dict[str, Any]) -> None:
    answer = order(client, service, **facts)

    assert_refused(answer, 422, "validation_failed")
    assert list(answer.json["errors"]) == list(facts)


def test_an_empty_wallet_orders_nothing(saldo: Saldo, service: dict[str, Any]) -> None:
    poor = saldo.client(saldo.world["poor"]["api_key"])

    assert_refused(order(poor, service), 422, "insufficient_balance", "Insufficient balance")
    assert poor.get(f"{V1}/smm/orders").data == []


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("name", ["smm-services", "smm-service", "smm-order-create", "smm-orders", "smm-order"])
def test_the_printed_javascript_runs(saldo: Saldo, client: Client, service: dict[str, Any], name: str) -> None:
    known = order(client, service).data
    source = printed(name).replace("await response.json()", "JSON.stringify(await response.json())")
    source = source.replace("101", str(service["id"])).replace("9001", str(known["id"]))

    answered = json.loads(output(start(saldo, source, client.session.headers["X-API-Key"])))

    assert next(iter(answered)) == "data"
    first = answered["data"][0] if isinstance(answered["data"], list) else answered["data"]
    assert first["id"] >= min(known["id"], service["id"])


def test_the_books_are_clean_afterwards(saldo: Saldo) -> None:
    assert saldo.manage("audit_ledger", check=False).returncode == 0
