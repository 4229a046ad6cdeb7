"""kill −9 while money moves: whatever a client was told stays true, and nothing is taken twice.

Eight clients buy without pause, each repeating a purchase under its idempotency key until it has a final
answer, and write down what they were told. Meanwhile web processes, the worker and PostgreSQL are killed.
Numbers by the month are renewed by a worker that is killed between its batches.
"""

import itertools
import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
import requests

from tests.live import Saldo, kill, wait_for
from tests.wire import V1, Answer, Client

pytestmark = pytest.mark.xdist_group("crash")

CLIENTS = 8
KILLS = 20
PRICE = Decimal("0.15")
DEPOSIT = Decimal(5_000)
AGAIN = {202, 409, 429, 500, 502, 503}  # not an answer yet


@dataclass
class Told:
    """What a client was told about one of its purchases."""

    key: str
    slug: str  # of a refusal
    body: str
    id: int | None = None
    phone: str | None = None


@dataclass
class Buyers:
    """Eight clients that buy until they are stopped, and their own list of what they were told."""

    saldo: Saldo
    key: str
    told: list[Told] = field(default_factory=list)
    repeats: int = 0
    lost_connections: int = 0
    unfinished: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._buy_on, daemon=True) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    @property
    def acknowledged(self) -> list[Told]:
        """The purchases that are theirs, as far as they were told."""
        return [told for told in self.told if told.id is not None]

    def stop(self) -> None:
        """Everybody finishes what they began."""
        self._stop.set()
        for thread in self._threads:
            thread.join(40)
        assert not any(thread.is_alive() for thread in self._threads), "a client never got its answer"

    def figures(self, kills: int) -> str:
        told = f"{len(self.acknowledged)} acknowledged, {len(self.told) - len(self.acknowledged)} refused"
        return f"\n{kills} kills: {told}, {self.repeats} repeats, {self.lost_connections} connections cut"

    def wait_for_more(self, count: int) -> None:
        """The shop is open: so many more purchases were answered."""
        before = len(self.told)
        wait_for(lambda: len(self.told) >= before + count, f"{count} more purchases are answered", every=0.005)

    def _buy_on(self) -> None:
        client = self.saldo.client(self.key, strict=False)
        while not self._stop.is_set():
            self._buy_one(client, str(uuid.uuid4()))

    def _buy_one(self, client: Client, key: str) -> None:
        deadline = time.monotonic() + 30
        for attempt in itertools.count():
            self.repeats += attempt > 0
            answer = self._try(client, key)
            if answer is not None and answer.status not in AGAIN:
                self.told.append(_noted(key, answer))
                return
            if time.monotonic() > deadline:
                self.unfinished.append(f"{key}: {answer}")
                return
            time.sleep(0.05)  # a polite client

    def _try(self, client: Client, key: str) -> Answer | None:
        try:
            return client.buy(key=key)
        except requests.RequestException:
            self.lost_connections += 1
            return None


def _noted(key: str, answer: Answer) -> Told:
    data = answer.json.get("data", {})
    return Told(key, answer.json.get("error", ""), answer.text, data.get("id"), data.get("phone"))


def test_nothing_acknowledged_is_lost_and_nothing_charged_twice_when_web_and_worker_are_killed(fragile: Saldo) -> None:
    key = fragile.customers(killed=str(DEPOSIT))["killed"]
    buyers = Buyers(fragile, key)

    kills = 0
    while kills < KILLS:
        buyers.wait_for_more(CLIENTS)
        if kills % 7 == 6:
            fragile.kill_web()
            fragile.start_web()
        else:
            kill([random.choice(wait_for(fragile.web_workers, "the web server runs"))])
        kills += 1
        if kills in {5, 15}:
            kill([random.choice(wait_for(fragile.queue_processes, "the queue runs"))])
        if kills == 10:
            fragile.kill_worker()
            fragile.start_worker()
    buyers.wait_for_more(CLIENTS)
    buyers.stop()

    assert buyers.lost_connections > 0, "no purchase was hit: this proves nothing"
    prove_nothing_lost_or_taken_twice(fragile, buyers, kills)


def test_nothing_acknowledged_is_lost_when_the_database_crashes(fragile: Saldo) -> None:
    key = fragile.customers(crashed=str(DEPOSIT))["crashed"]
    buyers = Buyers(fragile, key)

    for _ in range(2):
        buyers.wait_for_more(CLIENTS)
        fragile.crash_database()
        wait_for(fragile.is_up, "PostgreSQL is back")
    buyers.wait_for_more(CLIENTS)
    buyers.stop()

    prove_nothing_lost_or_taken_twice(fragile, buyers, 2)


DUE = 3_000
# Numbers whose month ended yesterday, each with a wallet of its own, as the bench of renewals seeds them.
SEED = """
from datetime import timedelta
from django.utils import timezone
from bench.renewals import seed
from catalog.models import MonthlyNumberPlan
seed(MonthlyNumberPlan.objects.get(country__code="US"), {count}, timezone.now() - timedelta(days=32), "due")
"""
RENEWED = "SELECT count(*) FROM wallets_transaction WHERE kind = 'number_renewal'"


def test_every_due_number_is_renewed_once_however_often_the_worker_is_killed(fragile: Saldo) -> None:
    fragile.kill_worker()
    fragile.manage("shell", "--no-imports", "-c", SEED.format(count=DUE))
    renewed, kills_between = 0, 0
    for _ in range(3):
        fragile.start_worker()
        wait_for(lambda before=renewed: fragile.value(RENEWED) > before, "some numbers are renewed", 60, every=0.005)
        fragile.kill_worker()
        renewed = fragile.value(RENEWED)
        kills_between += renewed < DUE
        if renewed == DUE:
            break
    fragile.start_worker()

    wait_for(lambda: fragile.value(RENEWED) == DUE, "every number is renewed", 60)
    assert kills_between > 0, "no renewal was interrupted: this proves nothing"
    periods = (
        "SELECT count, count(*) FROM (SELECT count(*) FROM activations_subscriptionperiod GROUP BY subscription_id) p"
    )
    assert fragile.query(f"{periods} GROUP BY count") == [(2, DUE)]
    audited = fragile.manage("audit_ledger", check=False)
    assert audited.returncode == 0, audited.stdout


def prove_nothing_lost_or_taken_twice(saldo: Saldo, buyers: Buyers, kills: int) -> None:
    customer = saldo.value("SELECT customer_id FROM apikeys_apikey WHERE key_prefix = %s", buyers.key[:8])
    wait_until_settled(saldo, customer)
    print(buyers.figures(kills))  # noqa: T201  (shown with -s)

    assert buyers.unfinished == []
    # "Nothing was bought, nothing is charged" is an answer too: to an order that died before its provider was asked.
    assert {told.slug for told in buyers.told} <= {"", "provider_error"}
    prove_the_acknowledged_exist(saldo, customer, buyers)
    prove_each_was_paid_once(saldo, customer)
    prove_the_clients_answer_is_kept(saldo, buyers)
    audited = saldo.manage("audit_ledger", check=False)
    assert audited.returncode == 0, audited.stdout


def wait_until_settled(saldo: Saldo, customer: int) -> None:
    """Every order has come to its end: the sweeper has resolved what was left, the SMS have come."""
    unsettled = (
        "SELECT id, status, due_at, attempts FROM activations_activation"
        " WHERE customer_id = %s AND status NOT IN ('received', 'finished', 'failed')"
    )
    try:
        wait_for(lambda: not saldo.query(unsettled, customer), "every order is settled", 30, every=0.2)
    except AssertionError:
        pytest.fail(f"stuck: {saldo.query(unsettled, customer)[:5]}\n{saldo.logs()[-3000:]}")


def prove_the_acknowledged_exist(saldo: Saldo, customer: int, buyers: Buyers) -> None:
    found = {key: (order, phone) for key, order, phone, status in orders_of(saldo, customer) if status != "failed"}

    # Both ways: every order a client was told of is there, and none that nobody was told of.
    assert found == {f"native:{told.key}": (told.id, told.phone) for told in buyers.acknowledged}
    assert len({phone for _, phone in found.values()}) == len(found), "two orders share a number"


def prove_each_was_paid_once(saldo: Saldo, customer: int) -> None:
    """One capture for each order that got its SMS; all given back for one that a crash ended early."""
    orders = orders_of(saldo, customer)
    captures = """
        SELECT a.id, count(t.id), coalesce(sum(t.amount), 0) FROM activations_activation a
        LEFT JOIN wallets_transaction t ON t.hold_id = a.hold_id
        WHERE a.customer_id = %s GROUP BY a.id"""
    paid = {order: (count, amount) for order, count, amount in saldo.query(captures, customer)}
    assert paid == {order: (0, 0) if status == "failed" else (1, PRICE) for _, order, _, status in orders}

    earned = sum(status != "failed" for *_, status in orders)
    wallet = "SELECT balance, held, account_id FROM wallets_wallet WHERE customer_id = %s"
    [(balance, held, account)] = saldo.query(wallet, customer)
    assert (balance, held) == (DEPOSIT - earned * PRICE, 0)
    holds = "SELECT status, count(*) FROM wallets_hold WHERE wallet_id = %s GROUP BY status"
    wanted = {"captured": earned, "released": len(orders) - earned}
    assert dict(saldo.query(holds, account)) == {status: count for status, count in wanted.items() if count}


def orders_of(saldo: Saldo, customer: int) -> list[tuple[str, int, str, str]]:
    """idempotency key, id, phone and status of every order."""
    sql = "SELECT idempotency_key, id, phone, status FROM activations_activation WHERE customer_id = %s"
    return saldo.query(sql, customer)


def prove_the_clients_answer_is_kept(saldo: Saldo, buyers: Buyers) -> None:
    """Asked once more, the server says the same, and the code is there."""
    client = saldo.client(buyers.key, strict=False)
    for told in buyers.acknowledged[:: max(1, len(buyers.told) // 25)]:
        again = client.buy(key=told.key)
        assert (again.status, again.text, again.headers.get("Idempotency-Replay")) == (201, told.body, "true")
        assert client.get(f"{V1}/activations/{told.id}/check-sms").data["status"] == "completed"
