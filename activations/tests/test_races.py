"""Two at once, on two connections. Each race has a control that shows what happens without its guard."""

import threading
from collections import Counter
from contextlib import suppress

import pytest
from django.db import transaction

from activations.errors import ActivationCompleted, RequestInProgress
from activations.models import Activation, InboundMessage
from activations.models.activation import ActivationQuerySet
from activations.services import (
    buy,
    cancel,
    closing,
    expire,
    inbound,
    look_at_due,
    number_texts,
    numbers,
    receive_text,
    resolve,
    resolving,
    settlement,
)
from activations.services.sandbox import deliver_due_texts
from activations.tests.factories import (
    FUNDS,
    PRICE,
    differences,
    let_pass,
    make_buyer,
    make_fake_offer,
    purse,
    together,
    wish,
)
from wallets.models import Event, Hold, Transaction

pytestmark = pytest.mark.django_db(transaction=True)
Status = Activation.Status
EARNED, GIVEN_BACK = (FUNDS - PRICE, 0), (FUNDS, 0)


def sms(order, message_id="sms-1", text="Your code is 482913", **facts):
    facts = {"to": order.phone, **facts}
    return receive_text(provider="fake", provider_message_id=message_id, text=text, **facts)


# --- The SMS against the end ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "paid", "rounds"),
    [("cancel", "upfront", 200), ("cancel", "on_delivery", 30), ("expire", "upfront", 30)],
)
def test_an_sms_and_an_end_at_once_are_never_both_and_never_neither(provider, ending, paid, rounds):
    make_fake_offer()
    outcomes = Counter()
    for number in range(rounds):
        buyer = make_buyer(name=str(number))
        order = buy(buyer=buyer, wish=wish(settlement=paid))
        if ending == "expire":
            let_pass(order, hours=1)
        end = (lambda: cancel(activation=order)) if ending == "cancel" else (lambda: expire(order))  # noqa: B023
        ended, received = together(end, lambda: sms(order, f"sms-{order.pk}"))  # noqa: B023
        order.refresh_from_db()
        has_code, has_money = order.code == "482913", purse(buyer) == GIVEN_BACK
        assert has_code != has_money, (order.status, purse(buyer), ended, received)
        assert purse(buyer) == (EARNED if has_code else GIVEN_BACK)
        assert received.state == ("matched" if has_code else "late")
        outcomes[order.status] += 1
    assert differences() == []
    assert sum(outcomes.values()) == rounds


def meet(monkeypatch, *places):
    """Let two threads stand at these places at the same time; whoever finds nobody goes on after a moment."""
    barrier = threading.Barrier(2)

    def stop_at(module, name):
        go_on = getattr(module, name)

        def stop(*args, **kwargs):
            with suppress(threading.BrokenBarrierError):
                barrier.wait(3)
            return go_on(*args, **kwargs)

        monkeypatch.setattr(module, name, stop)

    for module, name in places:
        stop_at(module, name)


def sms_meets_the_last_step(provider, monkeypatch):
    make_fake_offer()
    buyer = make_buyer()
    order = buy(buyer=buyer, wish=wish(settlement="upfront"))
    meet(monkeypatch, (settlement, "give_back"), (settlement, "earn"))
    together(lambda: cancel(activation=order), lambda: sms(order))
    message = InboundMessage.objects.get()
    return message.state == "matched", purse(buyer) == GIVEN_BACK


def test_at_the_last_step_the_lock_decides(provider, monkeypatch):
    got_the_code, got_the_money = sms_meets_the_last_step(provider, monkeypatch)
    assert got_the_code != got_the_money


def test_without_the_lock_a_customer_gets_the_code_and_the_money(provider, monkeypatch):
    """The control."""
    monkeypatch.setattr(ActivationQuerySet, "locked", lambda rows: rows)
    assert sms_meets_the_last_step(provider, monkeypatch) == (True, True)


def test_two_cancels_at_once_give_back_once(provider):
    make_fake_offer()
    for number, way in enumerate(["on_delivery", "upfront"] * 5):
        buyer = make_buyer(name=str(number))
        order = buy(buyer=buyer, wish=wish(settlement=way))
        results = together(*[lambda: cancel(activation=order)] * 2)  # noqa: B023
        assert {result.status for result in results} <= {Status.CANCELED, Status.CLOSING}
        assert purse(buyer) == GIVEN_BACK
        assert Event.objects.filter(kind="activation.canceled", object_id=order.pk).count() == 1
    assert differences() == []


# --- The same SMS twice -----------------------------------------------------------------------------------


@pytest.mark.parametrize("listening", [True, False])
def test_two_copies_of_an_sms_at_once_are_one(provider, listening):
    make_fake_offer(multiple_sms=True)
    order = buy(buyer=make_buyer(), wish=wish())
    to = order.phone if listening else "+12025559999"
    for number in range(20):
        copies = together(*[lambda: sms(order, f"sms-{number}", to=to)] * 3)  # noqa: B023
        assert len({copy.pk for copy in copies}) == 1, copies
    assert InboundMessage.objects.count() == 20
    assert Event.objects.filter(kind="activation.code_received").count() == (20 if listening else 0)
    assert Transaction.objects.filter(kind="sms_purchase").count() == int(listening)


def test_without_the_constraint_copies_would_be_two(provider, monkeypatch):
    """The control: the look before the insert is not enough for an SMS that no order can lock."""
    monkeypatch.setattr(number_texts, "wait_for_others_at", lambda phone: None)
    meet(monkeypatch, (InboundMessage, "save"))
    seen = []
    file = inbound._file
    monkeypatch.setattr(inbound, "_file", lambda *args: seen.append(1) or file(*args))
    order = Activation(phone="+12025559999")
    first, second = together(*[lambda: sms(order)] * 2)
    assert (first.pk, len(seen)) == (second.pk, 2)
    # Both had looked and found nothing; the database alone kept the second out.
    assert InboundMessage.objects.count() == 1


def test_several_sms_at_once_are_numbered_without_gaps(provider):
    make_fake_offer(multiple_sms=True)
    buyer = make_buyer()
    order = buy(buyer=buyer, wish=wish())
    together(*[lambda number=number: sms(order, f"sms-{number}") for number in range(6)])
    events = Event.objects.filter(kind="activation.code_received")
    assert sorted(events.values_list("sequence", flat=True)) == [1, 2, 3, 4, 5, 6]
    assert purse(buyer) == EARNED
    assert differences() == []


def buy_while_an_sms_comes(provider):
    """The SMS is sent as soon as the provider has given the number, before we have written it down."""
    make_fake_offer()
    buyer, given = make_buyer(), threading.Event()
    provider.after["order"] = given.set

    def deliver():
        given.wait(20)
        return sms(Activation(phone="+12025551000"))

    together(lambda: buy(buyer=buyer, wish=wish()), deliver)
    return Activation.objects.get().status, InboundMessage.objects.get().state


def test_an_sms_and_its_number_at_once_find_each_other(provider, monkeypatch):
    # The SMS has found nobody, and before it is written the number is.
    meet(monkeypatch, (inbound, "_earlier"), (numbers, "_start"))
    assert buy_while_an_sms_comes(provider) == (Status.RECEIVED, "matched")


def test_without_waiting_for_each_other_the_sms_is_nobodys(provider, monkeypatch):
    """The control."""
    adopt, look = inbound.adopt_early_texts, inbound._earlier
    looked, adopted = threading.Event(), threading.Event()

    def adopt_then_tell(activation):
        looked.wait(20)
        adopt(activation)
        adopted.set()

    def look_then_wait(message):
        found = look(message)
        looked.set()
        adopted.wait(20)
        return found

    monkeypatch.setattr(number_texts, "wait_for_others_at", lambda phone: None)
    monkeypatch.setattr(inbound, "adopt_early_texts", adopt_then_tell)
    monkeypatch.setattr(inbound, "_earlier", look_then_wait)
    assert buy_while_an_sms_comes(provider) == (Status.WAITING, "unmatched")


# --- The same order twice --------------------------------------------------------------------------------------


def same_key_twice(provider):
    """The first call ends only when the other request has its answer, or calls too."""
    make_fake_offer()
    buyer, met = make_buyer(), threading.Event()

    def linger():
        if provider.calls.count("order") == 2:
            met.set()
        met.wait(20)

    def ask():
        try:
            return buy(buyer=buyer, wish=wish(), idempotency_key="k")
        finally:
            met.set()

    provider.before["order"] = linger
    return buyer, together(ask, ask)


def test_the_same_key_twice_at_once_is_one_order(provider):
    buyer, results = same_key_twice(provider)
    assert (Activation.objects.count(), provider.calls) == (1, ["order"])
    assert purse(buyer) == (FUNDS, PRICE)
    assert [type(result) for result in results].count(RequestInProgress) == 1
    assert [result.status for result in results if isinstance(result, Activation)] == [Status.WAITING]


def test_without_the_right_to_call_one_order_is_called_twice(provider, monkeypatch):
    """The control: the key alone makes one order, but two callers."""
    monkeypatch.setattr(numbers, "start_calling", lambda activation: True)
    same_key_twice(provider)
    assert provider.calls == ["order", "order"]


def test_money_for_one_number_buys_one(provider):
    make_fake_offer()
    buyer = make_buyer(funds=PRICE)
    results = together(*[lambda: buy(buyer=buyer, wish=wish())] * 4)
    assert sum(isinstance(result, Activation) for result in results) == 1
    assert (purse(buyer), differences()) == ((PRICE, PRICE), [])


def test_two_find_out_about_one_order_at_once(provider):
    make_fake_offer()
    for given in (True, False) * 5:
        buyer = make_buyer()
        provider.after["order"] = resolving.OutcomeUnknown()
        order = buy(buyer=buyer, wish=wish())
        if not given:
            provider.given.pop(str(order.uuid))
        together(*[lambda: resolve(order)] * 3)  # noqa: B023
        order.refresh_from_db()
        assert order.status == (Status.WAITING if given else Status.FAILED)
        assert purse(buyer) == ((FUNDS, PRICE) if given else GIVEN_BACK)
    assert (differences(), provider.returned) == ([], [])


# --- Two ticks ----------------------------------------------------------------------------------------------------


def two_ticks(provider, count=6):
    make_fake_offer()
    for number in range(count):
        order = buy(buyer=make_buyer(name=str(number)), wish=wish())
        let_pass(order, hours=1)
    asked = Counter()
    meeting = threading.Barrier(2)
    texts = provider.texts

    def ask(number_id, *, deadline_seconds):
        # Both ticks stand in the middle of an order at once, as long as there are two.
        if not asked[number_id]:
            with suppress(threading.BrokenBarrierError):
                meeting.wait(20)
        asked[number_id] += 1
        return texts(number_id, deadline_seconds=deadline_seconds)

    provider.texts = ask
    return together(look_at_due, look_at_due), asked


def test_two_ticks_at_once_look_at_each_order_once(provider):
    looked, asked = two_ticks(provider)
    assert (sum(looked), min(looked) > 0) == (6, True)
    assert set(asked.values()) == {2}  # before and after it was given back
    assert sorted(provider.returned) == [f"n{number}" for number in range(1, 7)]
    assert set(Activation.objects.values_list("status", flat=True)) == {Status.EXPIRED}
    assert not Hold.objects.filter(status="active").exists()


def test_without_the_claim_two_ticks_look_at_the_same_order(provider, monkeypatch):
    """The control."""
    left = {}

    def look_only():
        mine = left.setdefault(threading.get_ident(), list(Activation.objects.order_by("pk")))
        return mine.pop(0) if mine else None

    monkeypatch.setattr(resolving, "_claim", look_only)
    looked, asked = two_ticks(provider, count=2)
    assert sum(looked) == 4
    assert max(asked.values()) > 2


def test_a_locked_order_is_passed_over_not_waited_for(provider):
    make_fake_offer()
    orders = [let_pass(buy(buyer=make_buyer(name=name), wish=wish()), hours=1) for name in "ab"]
    held, done = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            Activation.objects.locked().get(pk=orders[0].pk)
            held.set()
            done.wait(20)

    def tick():
        held.wait(20)
        try:
            return look_at_due()
        finally:
            done.set()

    assert together(hold, tick)[1] == 1
    assert [Activation.objects.get(pk=order.pk).status for order in orders] == [Status.WAITING, Status.EXPIRED]


def test_two_sandbox_ticks_deliver_each_sms_once(settings):
    settings.SANDBOX_DELAY_SECONDS = 0
    make_fake_offer(provider="sandbox")
    buyer = make_buyer()
    order = buy(buyer=buyer, wish=wish())
    together(deliver_due_texts, deliver_due_texts, deliver_due_texts)
    assert InboundMessage.objects.filter(activation=order).count() == 1
    assert purse(buyer) == EARNED


def test_completed_is_told_however_the_race_ends(provider):
    make_fake_offer()
    order = buy(buyer=make_buyer(), wish=wish())
    sms(order)
    results = together(*[lambda: cancel(activation=order)] * 2, lambda: closing.expire(order))
    assert [type(result) for result in results[:2]] == [ActivationCompleted] * 2
