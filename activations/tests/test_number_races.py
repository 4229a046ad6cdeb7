"""Subscriptions under two workers and under crashes. Each race has a control that shows it without its guard."""

import threading
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from activations.models import Subscription
from activations.services import receive_text, subscriptions
from activations.services.subscriptions import money, numbers, renewing
from activations.tests.factories import Crash, differences, make_buyer, purse, together
from activations.tests.number_factories import PRICE, charges, events, make_plan, subscribe
from wallets.models import Event, Transaction

START = datetime(2038, 1, 31, 9, 30, tzinfo=UTC)
END = datetime(2038, 2, 28, 9, 30, tzinfo=UTC)
RICH = Decimal(100)
Status = Subscription.Status


@pytest.fixture
def subscription(transactional_db, provider):
    make_plan()
    return subscribe(make_buyer(RICH), started=START)


def renewals(subscription) -> int:
    return len(charges(subscription)) - 1


def meet(monkeypatch) -> None:
    """Let two workers stand side by side once they have chosen their rows; whoever is alone goes on."""
    barrier = threading.Barrier(2)
    run = renewing._Round.run

    def stop(round_):
        with suppress(threading.BrokenBarrierError):
            barrier.wait(2)
        run(round_)

    monkeypatch.setattr(renewing._Round, "run", stop)


def forget_locks(monkeypatch) -> None:
    def unlocked(now):
        return Subscription.objects.filter(due_at__lte=now, status__in=Subscription.LISTENING)

    monkeypatch.setattr(renewing, "_due", unlocked)


def forget_references(monkeypatch) -> None:
    monkeypatch.setattr(Subscription, "reference", lambda row, period: f"subscription:{row.pk}:period:{uuid.uuid4()}")


def two_workers():
    return together(*[lambda: subscriptions.renew_due(now=END)] * 2)


# --- Two workers ------------------------------------------------------------------------------


def test_two_workers_renew_the_same_row_once(subscription, monkeypatch):
    meet(monkeypatch)
    two_workers()
    subscription.refresh_from_db()
    assert (renewals(subscription), subscription.period, events(subscription)) == (1, 2, ["activated", "renewed"])
    assert differences() == []


def test_the_row_lock_alone_stops_the_second_charge(subscription, monkeypatch):
    meet(monkeypatch)
    forget_references(monkeypatch)
    two_workers()
    assert Transaction.objects.filter(kind="number_renewal").count() == 1


def test_the_unique_reference_alone_stops_the_second_charge(subscription, monkeypatch):
    meet(monkeypatch)
    forget_locks(monkeypatch)
    two_workers()
    subscription.refresh_from_db()
    assert (renewals(subscription), subscription.period) == (1, 2)


def test_control_without_both_it_is_charged_twice(subscription, monkeypatch):
    meet(monkeypatch)
    forget_locks(monkeypatch)
    forget_references(monkeypatch)
    monkeypatch.setattr(money, "record_periods", lambda begun, *, now: None)  # its rows are unique as well
    monkeypatch.setattr(renewing, "emit_many", lambda news, *, object_type: None)  # and so are these
    two_workers()
    assert Transaction.objects.filter(kind="number_renewal").count() == 2


def test_two_workers_share_many_rows_between_them(transactional_db, provider):
    make_plan()
    buyers = [make_buyer(RICH, name=str(number)) for number in range(4)]
    rows = [subscribe(buyers[number % 4], started=START) for number in range(24)]
    looked = together(*[lambda: subscriptions.renew_due(now=END, batch=5)] * 2)
    assert sum(looked) == 24
    assert {renewals(row) for row in rows} == {1}
    assert {purse(buyer)[0] for buyer in buyers} == {RICH - 12 * PRICE}
    assert differences() == []


def test_renewal_and_another_purchase_never_spend_the_same_money(transactional_db, provider):
    make_plan()
    buyer = make_buyer(2 * PRICE)
    row = subscribe(buyer, started=START)
    together(
        lambda: subscriptions.renew_due(now=END),
        lambda: subscriptions.purchase(buyer=buyer, country="US"),
    )
    row.refresh_from_db()
    bought = Transaction.objects.filter(kind="number_purchase").count()
    refused = Subscription.objects.count() == 1
    assert purse(buyer)[0] == 0
    assert (row.status, bought) == (("active", 1) if refused else ("grace", 2))
    assert differences() == []


def test_canceling_and_renewing_at_once_end_in_one_of_both(subscription):
    together(
        lambda: subscriptions.renew_due(now=END),
        lambda: subscriptions.cancel(subscription=subscription, at_once=True, now=END),
    )
    subscription.refresh_from_db()
    assert subscription.status == Status.CANCELED
    assert subscription.period == 1 + renewals(subscription)
    assert differences() == []


def test_two_repeats_of_one_text_are_told_once(subscription):
    def send():
        return receive_text(provider="fake", provider_message_id="sms-1", to=subscription.phone, text="hello")

    first, second = together(send, send)
    assert first == second
    assert Event.objects.filter(kind="subscription.message_received").count() == 1


def test_one_key_at_once_buys_one_number(transactional_db, provider):
    make_plan()
    buyer = make_buyer(RICH)
    together(*[lambda: _try(buyer)] * 3)
    assert Subscription.objects.count() == 1
    assert purse(buyer)[0] == RICH - PRICE


def _try(buyer):
    with suppress(Exception):
        return subscriptions.purchase(buyer=buyer, country="US", idempotency_key="k")


def test_the_request_and_the_tick_settle_one_order_once(transactional_db, provider):
    make_plan()
    buyer = make_buyer(RICH)
    provider.after["order"] = Crash()
    with pytest.raises(Crash):
        subscriptions.purchase(buyer=buyer, country="US")
    Subscription.objects.update(call_deadline_at=None)
    order = Subscription.objects.get()
    together(lambda: numbers.resolve(order), lambda: numbers.resolve(order))
    assert (Subscription.objects.get().status, events(order)) == (Status.ACTIVE, ["activated"])
    assert purse(buyer)[0] == RICH - PRICE


# --- Crashes between the steps ----------------------------------------------------------------


@pytest.mark.parametrize(("module", "step"), [
    (renewing, "quote_renewals"), (renewing, "post_many"), (money, "record_periods"), (renewing, "_write"),
    (renewing, "emit_many"),
])  # fmt: skip
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_step_leaves_nothing_done_and_the_next_does_it(subscription, monkeypatch, module, step, when):
    go_on = getattr(module, step)

    def crash(*args, **kwargs):
        if when == "after":
            go_on(*args, **kwargs)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(module, step, crash)
        with pytest.raises(Crash):
            subscriptions.renew_due(now=END)
    subscription.refresh_from_db()
    assert (subscription.period, renewals(subscription), events(subscription)) == (1, 0, ["activated"])
    assert subscriptions.renew_due(now=END + timedelta(hours=1)) == 1
    subscription.refresh_from_db()
    assert (subscription.period, renewals(subscription), events(subscription)) == (2, 1, ["activated", "renewed"])
    assert differences() == []
