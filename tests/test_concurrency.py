"""Many clients at once, over HTTP: the same wallet, the same idempotency key, the same activation."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from tests.live import Saldo, wait_for
from tests.wire import Answer, Client

PRICE = Decimal("0.15")


def at_once(clients: list[Client], do: Callable[[Client], Answer]) -> list[Answer]:
    """Everybody does it in the same moment, each on a connection that is already open."""
    ready = threading.Barrier(len(clients))

    def run(client: Client) -> Answer:
        client.get("/status")
        ready.wait(10)
        return do(client)

    with ThreadPoolExecutor(len(clients)) as pool:
        return list(pool.map(run, clients))


@pytest.fixture
def racers(saldo: Saldo, keys: dict[str, str]) -> list[Client]:
    return [saldo.client(keys["races"]) for _ in range(8)]


def test_sixteen_clients_cannot_spend_more_than_their_wallet_holds(saldo: Saldo, keys: dict[str, str]) -> None:
    clients = [saldo.client(keys["five"]) for _ in range(16)]  # the wallet pays for exactly five

    answers = at_once(clients, lambda client: client.buy())

    assert Counter(answer.status for answer in answers) == {201: 5, 422: 11}
    refused = [answer.json for answer in answers if answer.status == 422]
    assert {(no["error"], no["required"]) for no in refused} == {("insufficient_balance", PRICE)}
    assert {no["available"] for no in refused} == {0}, "a refusal while there was money"
    wait_for(lambda: clients[0].wallet()["hold"] == 0, "the codes arrive")
    assert clients[0].wallet()["balance"] == 0
    assert [row["balance_after"] for row in clients[0].statement()] == [n * PRICE for n in range(6)]


def test_one_idempotency_key_makes_one_order_however_many_send_it(saldo: Saldo, racers: list[Client]) -> None:
    answers = at_once(racers, lambda client: client.buy(key="race-1"))

    assert {answer.status for answer in answers} <= {201, 409}
    assert all("Retry-After" in answer.headers for answer in answers if answer.status == 409)
    final = [wait_for(lambda c=client: (a := c.buy(key="race-1")).status == 201 and a, "replay") for client in racers]
    assert {answer.text for answer in final} == {answer.text for answer in answers if answer.status == 201}
    assert saldo.value("SELECT count(*) FROM activations_activation WHERE idempotency_key = 'native:race-1'") == 1


def test_one_key_with_eight_different_bodies_makes_one_order(saldo: Saldo, racers: list[Client]) -> None:
    services = iter(["telegram", "whatsapp", "google", "instagram"] * 2)
    wanted = {client: next(services) for client in racers}

    answers = at_once(racers, lambda client: client.buy(wanted[client], key="race-2"))

    made = {answer.data["id"] for answer in answers if answer.status == 201}
    assert len(made) == 1
    assert {answer.status for answer in answers} <= {201, 409, 422}
    assert saldo.value("SELECT count(*) FROM activations_activation WHERE idempotency_key = 'native:race-2'") == 1


def test_eight_who_cancel_at_once_get_the_money_back_once(saldo: Saldo, racers: list[Client]) -> None:
    bought = racers[0].buy("sandbox-silent").data

    answers = at_once(racers, lambda client: client.cancel(bought["id"]))

    assert {answer.status for answer in answers} <= {200, 202}
    wait_for(lambda: racers[0].cancel(bought["id"]).status == 200, "it is canceled")
    releases = """
        SELECT count(*), sum(r.amount) FROM wallets_release r JOIN wallets_hold h ON h.id = r.hold_id
        WHERE h.reference = %s"""
    assert saldo.query(releases, f"activation:{bought['id']}") == [(1, bought["price"])]


def test_a_cancel_and_an_sms_never_both_win(saldo: Saldo, racers: list[Client]) -> None:
    """Each client looks a little longer than the one before it, then cancels: the SMS comes somewhere in between."""
    looks = {client: 12 * index for index, client in enumerate(racers)}
    bought: dict[Client, int] = {}

    def buy_look_and_cancel(client: Client) -> Answer:
        activation = bought[client] = client.buy().data["id"]
        for _ in range(looks[client]):
            client.check_sms(activation)
        if client is racers[-1]:
            wait_for(lambda: client.check_sms(activation).data["code"], "the code arrives")
        return client.cancel(activation)

    at_once(racers, buy_look_and_cancel)

    outcomes = {activation: settled_as(client, activation) for client, activation in bought.items()}
    assert outcomes[bought[racers[-1]]] == 409  # that one had its code; who wins the others, nobody knows
    for activation, outcome in outcomes.items():
        assert money_of(saldo, activation) == {200: ("canceled", 0), 409: ("received", 1)}[outcome], activation
    assert saldo.manage("audit_ledger", check=False).returncode == 0


def settled_as(client: Client, activation: int) -> int:
    return wait_for(lambda: (status := client.cancel(activation).status) in {200, 409} and status, "it is settled")


def money_of(saldo: Saldo, activation: int) -> tuple[str, int]:
    """How it ended, and how often it was paid."""
    ended = """
        SELECT a.status, (SELECT count(*) FROM wallets_transaction t WHERE t.hold_id = a.hold_id)
        FROM activations_activation a WHERE a.id = %s"""
    return saldo.query(ended, activation)[0]
