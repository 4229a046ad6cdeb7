"""Two at once, on two connections. Each race has a control that shows what happens without its guard."""

import threading
from contextlib import suppress
from decimal import Decimal

import pytest
from django.db import transaction

from activations.errors import OrderDecided, RequestInProgress
from activations.models import SmmOrder
from activations.models.smm import SmmOrderQuerySet
from activations.providers.smm import OrderReport, OutcomeUnknown
from activations.services import smm
from activations.services.smm import orders, polling
from activations.tests.factories import FUNDS, differences, make_buyer, purse, together
from activations.tests.smm import PRICE, Status, let_pass, make_smm_service, ordered, wish
from catalog.models import SmmService
from catalog.services import smm as catalog_smm
from catalog.services.smm import ListedService, take_over
from wallets.models import Transaction

pytestmark = pytest.mark.django_db(transaction=True)


def meeting(parties=2, seconds=0.5):
    """A place where threads wait for each other; whoever finds nobody goes on after a moment."""
    barrier = threading.Barrier(parties)

    def wait(*args, **kwargs):
        with suppress(threading.BrokenBarrierError):
            barrier.wait(seconds)

    return wait


# --- The same order twice -------------------------------------------------------------------------------


def same_key_twice(booster):
    service, buyer = make_smm_service(), make_buyer()
    booster.before["place"] = meeting()
    return buyer, together(*[lambda: smm.place(buyer=buyer, wish=wish(service), idempotency_key="k")] * 2)


def test_the_same_key_twice_at_once_is_one_order(booster):
    buyer, results = same_key_twice(booster)
    assert (SmmOrder.objects.count(), booster.calls, purse(buyer)[0]) == (1, ["place"], FUNDS - PRICE)
    assert sorted(type(result).__name__ for result in results) == ["RequestInProgress", "SmmOrder"]
    assert isinstance(next(each for each in results if not isinstance(each, SmmOrder)), RequestInProgress)


def test_without_the_right_to_call_one_order_is_placed_twice(booster, monkeypatch):
    """The control: the key alone makes one order, but two callers."""
    monkeypatch.setattr(orders, "start_calling", lambda order: True)
    same_key_twice(booster)
    assert booster.calls == ["place", "place"]


def test_money_for_one_order_buys_one(booster):
    service, buyer = make_smm_service(), make_buyer(funds=PRICE)
    results = together(*[lambda: ordered(buyer, service)] * 4)
    assert sum(isinstance(result, SmmOrder) for result in results) == 1
    assert (purse(buyer)[0], len(booster.requests), differences()) == (Decimal(0), 1, [])


# --- Two ticks --------------------------------------------------------------------------------------------


def two_polls(booster, count=4):
    service, buyer = make_smm_service(), make_buyer()
    for _ in range(count):
        order = ordered(buyer, service)
        booster.says[order.provider_order_id] = OrderReport(Status.PARTIAL, remains=500)
        let_pass(order, minutes=1)
    booster.before["reports"] = meeting()
    return buyer, together(smm.poll_due, smm.poll_due)


def test_two_ticks_at_once_ask_about_each_order_once_and_refund_once(booster):
    buyer, asked = two_polls(booster)
    assert sum(asked) == 4
    assert sorted(each for ids in booster.questions for each in ids) == ["p1", "p2", "p3", "p4"]
    assert (purse(buyer)[0], differences()) == (FUNDS - 4 * PRICE / 2, [])


def test_without_the_claim_two_ticks_ask_twice_and_still_refund_once(booster, monkeypatch):
    """The control for the claim; the row's lock and the reference keep the money."""
    batches = {}

    def look_only():
        mine = batches.setdefault(threading.get_ident(), [list(SmmOrder.objects.order_by("pk"))])
        return mine.pop() if mine else []

    monkeypatch.setattr(polling, "_claim_batch", look_only)
    buyer, asked = two_polls(booster)
    assert (sum(asked), len(booster.questions)) == (8, 2)
    assert Transaction.objects.filter(kind="smm_refund").count() == 4
    assert (purse(buyer)[0], differences()) == (FUNDS - 4 * PRICE / 2, [])


def two_ends(booster):
    order = ordered(make_buyer(), make_smm_service())
    reports = [OrderReport(Status.COMPLETED), OrderReport(Status.CANCELED, remains=1000)]
    return order, together(*[lambda each=each: orders.take_report(order.pk, each) for each in reports])


def test_two_contradicting_ends_at_once_are_one(booster):
    for _ in range(15):
        order, _ = two_ends(booster)
        order.refresh_from_db()
        kept = FUNDS if order.status == Status.CANCELED else FUNDS - PRICE
        assert purse_of(order) == kept
        assert order.contradiction != ""
    assert differences() == []


def purse_of(order):
    order.wallet.refresh_from_db()
    return order.wallet.balance


def test_without_the_lock_an_order_ends_in_two_ways(booster, monkeypatch):
    """The control: both look before either writes, and the last one to write says completed over a refund."""
    monkeypatch.setattr(SmmOrderQuerySet, "locked", lambda rows: rows.select_related("service", "charge"))
    wait = meeting(seconds=2)
    advance = orders._advance
    monkeypatch.setattr(orders, "_advance", lambda *args: (wait(), advance(*args)))
    _, results = two_ends(booster)
    order = SmmOrder.objects.get()
    # Neither saw the other: no contradiction was noticed, though both ended it (the event's sequence may refuse one).
    assert order.contradiction == ""
    assert len(results) == 2


# --- Staff and the provider ---------------------------------------------------------------------------------


def test_staff_who_decide_differently_at_once_decide_once(booster):
    service = make_smm_service()
    booster.remembers_references = False
    booster.before["place"] = OutcomeUnknown()
    for number in range(10):
        buyer = make_buyer(name=str(number))
        order = ordered(buyer, service)
        results = together(
            lambda: smm.declare_placed(order=order, provider_order_id=f"x{order.pk}"),  # noqa: B023
            lambda: smm.declare_not_placed(order=order, actor="staff:ann"),  # noqa: B023
        )
        order.refresh_from_db()
        assert order.status in {Status.PENDING, Status.FAILED}
        assert purse(buyer)[0] == (FUNDS if order.status == Status.FAILED else FUNDS - PRICE)
        assert sum(isinstance(result, OrderDecided) for result in results) <= 1
    assert differences() == []


def test_a_locked_order_is_passed_over_not_waited_for(booster):
    service, buyer = make_smm_service(), make_buyer()
    first, second = ordered(buyer, service), ordered(buyer, service)
    for order in (first, second):
        booster.says[order.provider_order_id] = OrderReport(Status.COMPLETED)
        let_pass(order, minutes=1)
    held, done = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            SmmOrder.objects.locked().get(pk=first.pk)
            held.set()
            done.wait(20)

    def tick():
        held.wait(20)
        try:
            return smm.poll_due()
        finally:
            done.set()

    assert together(hold, tick)[1] == 1
    assert [SmmOrder.objects.get(pk=order.pk).status for order in (first, second)] == ["pending", "completed"]


# --- Two lists ------------------------------------------------------------------------------------------------


def two_lists():
    listed = [ListedService(str(number), f"Service {number}", "", Decimal(1), 1, 100) for number in range(20)]
    return together(*[lambda: take_over(provider="panel", cost_currency="USD", listed=listed)] * 2)


def test_two_lists_at_once_add_each_service_once(db):
    results = two_lists()
    assert sorted(each.added for each in results) == [0, 20]
    assert SmmService.objects.count() == 20


def test_without_waiting_one_of_two_lists_fails(db, monkeypatch):
    """The control: the constraint alone keeps the second out, as an error."""
    monkeypatch.setattr(catalog_smm, "_wait_for_others", lambda provider: None)
    wait, locked = meeting(seconds=2), catalog_smm._locked

    def look_and_wait(provider):
        found = list(locked(provider))
        wait()
        return found

    monkeypatch.setattr(catalog_smm, "_locked", look_and_wait)
    assert sum(isinstance(result, Exception) for result in two_lists()) == 1
