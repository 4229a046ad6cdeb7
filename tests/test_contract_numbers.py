"""Monthly numbers, as the native reference prints them: every printed request, over HTTP."""

import re
from typing import Any

import pytest

from tests.live import Saldo, wait_for
from tests.test_contract_native import assert_as_printed
from tests.wire import V1, Client, assert_refused, exact

NUMBERS = f"{V1}/monthly-numbers"
MOMENT = re.compile(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")

# What the reference prints, as it prints it.
INVENTORY = '[{"country": "US", "price": 6.0}, {"country": "GB", "price": 5.0}]'
PURCHASED = '{"id": 7001, "country": "US", "status": "active"}'
UPDATED = '{"message": "Auto renew updated successfully"}'
SENT = '{"message": "Message sent successfully"}'
INCOMING = '{"from": "+1234567890", "message": "Your code is 123456"}'


@pytest.fixture(scope="module")
def client(saldo: Saldo, keys: dict[str, str]) -> Client:
    return saldo.client(keys["numbers"])


@pytest.fixture(scope="module")
def bought(client: Client) -> Any:
    answer = client.post(f"{NUMBERS}/purchase", json={"country": "US"})
    assert answer.status == 201
    assert list(answer.json) == ["data"]
    return answer.data


def test_the_inventory_is_as_printed_and_larger(client: Client) -> None:
    rows = client.get(f"{NUMBERS}/inventory").data

    assert [{"country": row["country"], "price": row["price"]} for row in rows[:2]] == exact(INVENTORY)
    assert len(rows) >= 14


def test_a_purchase_answers_as_printed_and_charges_the_price_shown(client: Client, bought: Any) -> None:
    assert_as_printed(PURCHASED, bought)
    assert (bought["country"], bought["status"], bought["auto_renew"]) == ("US", "active", False)
    (row,) = [row for row in client.get(f"{V1}/transactions").data if row["type"] == "number_purchase"][-1:]
    assert row["amount"] == 6


def test_the_list_and_the_detail_are_as_printed(client: Client, bought: Any) -> None:
    listed = client.get(f"{NUMBERS}/subscriptions").data
    shown = client.get(f"{NUMBERS}/subscriptions/{bought['id']}").data

    assert bought["id"] in {row["id"] for row in listed}
    assert_as_printed(PURCHASED, listed[-1])
    assert_as_printed(PURCHASED, shown)
    assert MOMENT.match(shown["expires_at"])
    assert {"phone", "auto_renew", "next_renewal_at", "grace_until"} <= set(shown)


def test_auto_renew_is_updated_as_printed_and_shows_in_the_outlook(client: Client, bought: Any) -> None:
    path = f"{NUMBERS}/subscriptions/{bought['id']}"

    answer = client.call("PATCH", f"{path}/auto-renew", json={"auto_renew": True})

    assert (answer.status, answer.json) == (200, exact(UPDATED))
    shown = client.get(path).data
    assert shown["next_renewal_at"] == shown["expires_at"]
    outlook = client.get(f"{NUMBERS}/outlook").json
    assert set(outlook["meta"]) >= {"total", "available", "shortfall", "currency"}


def test_an_sms_to_the_number_is_listed_as_printed(saldo: Saldo, client: Client, bought: Any) -> None:
    sent = exact(INCOMING)
    told = saldo.manage("sandbox_inbound", "--to", bought["phone"], "--text", sent["message"], "--from", sent["from"])
    assert f"subscription {bought['id']}" in told.stdout

    (row,) = client.get(f"{NUMBERS}/subscriptions/{bought['id']}/messages").data

    assert_as_printed(INCOMING, row)
    assert {name: row[name] for name in sent} == sent


def test_an_sms_from_the_number_is_sent_as_printed_and_charged_by_its_segments(client: Client, bought: Any) -> None:
    path = f"{NUMBERS}/subscriptions/{bought['id']}/messages"

    answer = client.post(path, json={"to": "+1234567890", "message": "Hello from SMSGang"})

    assert (answer.status, answer.json) == (201, exact(SENT))
    kinds = f"{V1}/transactions?kind=number_sms"
    (row,) = wait_for(lambda: client.get(kinds).data, "it is charged as the carrier takes it")
    rate = client.post(f"{V1}/messages/preview", json={"text": "Hello from SMSGang", "recipients": ["+1234567890"]})
    assert row["amount"] == rate.data["cost"]["total"]


@pytest.mark.parametrize("body", [{}, {"country": "ZZ"}, {"country": 5}])
def test_an_invalid_country_is_422(client: Client, body: Any) -> None:
    assert_refused(client.post(f"{NUMBERS}/purchase", json=body), 422, "validation_failed")


def test_without_money_nothing_is_bought(saldo: Saldo) -> None:
    poor = saldo.client(saldo.world["poor"]["api_key"])

    assert_refused(poor.post(f"{NUMBERS}/purchase", json={"country": "US"}), 422, "insufficient_balance")


def test_somebody_elses_number_is_not_there(saldo: Saldo, bought: Any) -> None:
    stranger = saldo.client(saldo.world["stranger"]["api_key"])

    assert_refused(stranger.get(f"{NUMBERS}/subscriptions/{bought['id']}"), 404, "not_found")


def test_a_canceled_number_is_given_back_by_the_worker(saldo: Saldo, client: Client) -> None:
    bought = client.post(f"{NUMBERS}/purchase", json={"country": "GB", "auto_renew": True}).data
    path = f"{NUMBERS}/subscriptions/{bought['id']}"

    canceled = client.post(f"{path}/cancel", json={"now": True})

    assert (canceled.status, canceled.data["status"]) == (200, "canceled")
    refused = client.call("PATCH", f"{path}/auto-renew", json={"auto_renew": True})
    assert_refused(refused, 422, "subscription_inactive")
    returned = "SELECT returned_at IS NOT NULL FROM activations_subscription WHERE id = %s"
    wait_for(lambda: saldo.value(returned, bought["id"]), "the worker gives the number back")


def test_the_books_are_clean_afterwards(saldo: Saldo) -> None:
    assert saldo.manage("audit_ledger").returncode == 0
