"""kill −9 while a sending goes out: every recipient is handed over once, or visibly unknown, and the books agree.

The database is durable here: what is proven is what production promises.
"""

import contextlib
import random
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.client import HTTPException

import pytest

from tests.live import Saldo, kill, running, wait_for
from tests.wire import V1, Client

pytestmark = pytest.mark.xdist_group("crash")

KILLS = 10
RECIPIENTS = 1_100  # of each sending: more than one chunk, and more than one batch
MANY = 12_000
LATER = "2099-01-01T00:00:00Z"
DEPOSIT = Decimal(5_000)


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saldo]:
    """A product of its own, on a durable database, that soon gives up on a dead worker's call."""
    folder = tmp_path_factory.mktemp("crash-sendings")
    with running(folder, durable=True, PROVIDER_DEADLINE_SECONDS="1", QUEUE_STALE_SECONDS="3") as product:
        yield product


def test_every_recipient_is_handed_over_once_when_the_worker_is_killed_while_it_dispatches(fragile: Saldo) -> None:
    client = fragile.client(fragile.customers(sender=str(DEPOSIT))["sender"], strict=False)

    in_flight = 0
    for number in range(KILLS):
        recipients = [f"+4520{number}{index:04}9" for index in range(RECIPIENTS)]
        made = client.post(f"{V1}/sendings", json={"recipients": recipients, "text": "Hello"})
        assert made.status == 201, made.text
        wait_for(lambda: calling(fragile), "messages are being handed over", every=0.001)
        if number in {3, 7}:
            fragile.kill_worker()
            in_flight += calling(fragile)
            fragile.start_worker()
        else:
            # Its parent goes on, and starts others.
            kill([random.choice(wait_for(fragile.queue_processes, "the queue runs")), *fragile.queue_processes()])
            in_flight += calling(fragile)
    wait_until_settled(fragile)

    print(f"\n{KILLS} kills, {in_flight} messages were in flight at one")  # noqa: T201  (shown with -s)
    assert in_flight > 0, "no kill hit a call: this proves nothing"
    prove_each_was_handed_over_once(fragile)
    prove_the_money(fragile)


def test_a_sending_is_canceled_to_its_end_though_the_web_server_is_killed_half_way(fragile: Saldo) -> None:
    client = fragile.client(fragile.customers(canceler=str(DEPOSIT))["canceler"])
    recipients = [f"+4521{index:06}" for index in range(MANY)]
    made = client.post(f"{V1}/sendings", json={"recipients": recipients, "text": "Hi", "scheduled_at": LATER})
    assert made.status == 201, made.text
    sending = made.data["id"]
    canceled = "SELECT count(*) FROM notifications_message WHERE state = 'canceled'"

    request = threading.Thread(target=try_to_cancel, args=(client, sending), daemon=True)
    request.start()
    wait_for(lambda: fragile.value(canceled), "some of it is canceled", every=0.001)
    fragile.kill_web()
    assert fragile.value(canceled) < MANY, "the kill came too late: this proves nothing"
    fragile.start_web()

    ended = "SELECT status = 'canceled' AND canceling_since IS NULL FROM notifications_sending WHERE id = %s"
    wait_for(lambda: fragile.value(ended, sending), "a tick has canceled the rest", 60)
    assert fragile.value(canceled) == MANY
    assert fragile.value("SELECT sum(amount - released) FROM wallets_hold WHERE released > 0") == 0
    audited = fragile.manage("audit_ledger", check=False)
    assert audited.returncode == 0, audited.stdout


def try_to_cancel(client: Client, sending: int) -> None:
    with contextlib.suppress(OSError, HTTPException):  # its server dies
        client.post(f"{V1}/sendings/{sending}/cancel")


def calling(saldo: Saldo) -> int:
    """How many messages a worker is handing over, or was when it died."""
    return saldo.value("SELECT count(*) FROM notifications_message WHERE dispatch = 'calling'")


def wait_until_settled(saldo: Saldo) -> None:
    """Every message has ended, and so has its money."""
    unsettled = """
        SELECT (SELECT count(*) FROM notifications_message WHERE closed_at IS NULL),
               (SELECT count(*) FROM notifications_chunk WHERE settle_at IS NOT NULL)"""
    try:
        wait_for(lambda: saldo.query(unsettled) == [(0, 0)], "every message is settled", 180, every=0.5)
    except AssertionError:
        stuck = "SELECT state, dispatch, count(*) FROM notifications_message GROUP BY 1, 2"
        pytest.fail(f"stuck: {saldo.query(stuck)}\n{saldo.logs()[-3000:]}")


def prove_each_was_handed_over_once(saldo: Saldo) -> None:
    asked = "SELECT asked, count(*) FROM notifications_sandboxmessage GROUP BY asked"
    assert saldo.query(asked) == [(1, KILLS * RECIPIENTS)]
    ended = "SELECT state, count(*) FROM notifications_message GROUP BY state"
    assert saldo.query(ended) == [("delivered", KILLS * RECIPIENTS)]
    assert saldo.query("SELECT status, count(*) FROM notifications_sending GROUP BY status") == [("completed", KILLS)]


def prove_the_money(saldo: Saldo) -> None:
    """What was held is what was captured, to the last digit, and no recipient is a movement of its own."""
    held, captured, released = saldo.query("SELECT sum(amount), sum(captured), sum(released) FROM wallets_hold")[0]
    quoted = saldo.value("SELECT sum(price) FROM notifications_sending")
    balance, still_held = saldo.query("SELECT balance, held FROM wallets_wallet WHERE last_seq > 1 ORDER BY held")[-1]
    assert (held, captured, released) == (quoted, quoted, 0)
    assert (balance, still_held) == (DEPOSIT - quoted, 0)
    audited = saldo.manage("audit_ledger", check=False)
    assert audited.returncode == 0, audited.stdout
