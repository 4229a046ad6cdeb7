"""Spend caps and low-balance alerts on the living product."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from tests.live import Saldo, wait_for
from tests.test_contract_smsgig import Receiver, receiver
from tests.wire import V1, Client, exact

__all__ = ["receiver"]
KEYS = "/api/developer/api-keys"


@pytest.fixture(scope="module")
def dashboard(saldo: Saldo) -> Client:
    sent = {name: saldo.world["customer"][name] for name in ("email", "password")}
    return saldo.client(token=saldo.client().post("/api/developer/auth/token", json=sent).data["token"])


def test_requests_at_once_do_not_exceed_the_cap_together(saldo: Saldo, dashboard: Client) -> None:
    made = dashboard.post(KEYS, json={"name": "Capped", "daily_spend_cap": "0.30"}).data
    client = saldo.client(made["plain_key"])
    price = next(row["price"] for row in client.get(f"{V1}/services").data if row["slug"] == "sandbox-silent")
    affordable = int(Decimal("0.30") / price)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.buy("sandbox-silent"), range(8)))

    assert sorted(answer.status for answer in answers) == [201] * affordable + [422] * (8 - affordable)
    refused = next(answer.json for answer in answers if answer.status == 422)
    assert (refused["error"], refused["cap"], refused["currency"]) == ("spend_cap_reached", Decimal("0.3"), "USD")
    bought = [answer.data["id"] for answer in answers if answer.status == 201]
    client.cancel(bought[0])
    assert client.buy("sandbox-silent").status == 201
    gig = saldo.client(token=made["plain_key"]).post("/api/v1/s1/rent", json={"service_code": "sandbox-silent"})
    assert (gig.status, gig.json["status"]) == (422, "error")
    assert "It resets at" in gig.json["message"]
    assert saldo.manage("audit_ledger", check=False).returncode == 0


def test_a_wallet_that_runs_low_is_told_once_for_each_level(saldo: Saldo, receiver: Receiver) -> None:
    client = saldo.client(saldo.customers(runs_low="1")["runs_low"])
    hook = {"url": receiver.url, "events": ["wallet.low_balance"]}
    endpoint = client.post(f"{V1}/webhook-endpoints", json=hook).data["id"]
    assert client.put(f"{V1}/wallet/alerts", json={"levels": ["0.95", "0.90", "0.1"]}).status == 200

    client.buy("sandbox-multi")
    wait_for(lambda: receiver.letters, "the first level is told", 40)
    client.buy("sandbox-multi")
    wait_for(lambda: len(receiver.letters) > 1, "the second level is told", 40)
    client.delete(f"{V1}/webhook-endpoints/{endpoint}")

    told = [exact(body)["data"] for _, body in receiver.letters]
    assert [(each["level"], each["available"]) for each in told] == [
        (Decimal("0.95"), Decimal("0.9")),
        (Decimal("0.9"), Decimal("0.8")),
    ]
    mails = "SELECT count(*) FROM wallets_lowbalancealert WHERE level IN (0.95, 0.9)"
    assert saldo.value(mails) == 2
