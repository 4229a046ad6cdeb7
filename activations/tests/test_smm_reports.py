"""What a provider reports of a running order, and what staff decide where it does not. Money settles once."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from activations.errors import (
    OrderDecided,
    OrderNotCancelable,
    OrderNotRefillable,
    ProviderOrderTaken,
    ProviderSilent,
    RequestInProgress,
)
from activations.models import SmmOrder
from activations.providers.smm import OrderReport, OutcomeUnknown, ProviderError
from activations.services import smm
from activations.services.smm import money, orders, polling
from activations.tests.factories import FUNDS, crash_at, differences, make_buyer, purse
from activations.tests.smm import PRICE, Status, make_smm_service, ordered, report, tick
from wallets.models import Event, Transaction
from wallets.services import refund

pytestmark = pytest.mark.django_db
WHOLE, PAID = FUNDS, FUNDS - PRICE


@pytest.fixture
def order(booster, buyer, followers) -> SmmOrder:
    return ordered(buyer, followers)


def balance(buyer) -> Decimal:
    return purse(buyer)[0]


def refunds() -> list[Decimal]:
    return list(Transaction.objects.filter(kind="smm_refund").values_list("amount", flat=True))


def told() -> list[tuple[str, int]]:
    events = Event.objects.filter(kind="smm_order.updated").order_by("sequence")
    return [(event.payload["status"], event.payload["progress"]) for event in events]


# --- The way to the end ------------------------------------------------------------------------------


def test_an_order_is_delivered_and_its_price_kept(booster, buyer, order):
    report(booster, order, "in_progress", remains=580, start_count=3572)
    assert (order.status, order.progress, order.start_count) == (Status.IN_PROGRESS, 42, 3572)
    report(booster, order, "completed", remains=0)
    assert (order.status, order.progress, order.due_at, balance(buyer)) == (Status.COMPLETED, 100, None, PAID)
    assert (told(), differences()) == ([("in_progress", 42), ("completed", 100)], [])


@pytest.mark.parametrize(("remains", "percent"), [(1000, 0), (999, 0), (991, 0), (990, 1), (1, 99), (0, 100)])
def test_progress_is_whole_percent_rounded_down(booster, order, remains, percent):
    assert report(booster, order, "in_progress", remains=remains).progress == percent


def test_a_completed_order_has_nothing_left_whatever_the_provider_counts(booster, order):
    assert report(booster, order, "completed", remains=157).progress == 100


@pytest.mark.parametrize(("remains", "kept"), [(1000, 0), (5000, 0), (0, 1000), (-3, 1000), (157, 843)])
def test_of_a_partial_order_what_remains_is_refunded(booster, buyer, order, remains, kept):
    report(booster, order, "partial", remains=remains)
    assert balance(buyer) == FUNDS - PRICE * kept / 1000
    assert (order.status, order.remains, differences()) == (Status.PARTIAL, 1000 - kept, [])


@pytest.mark.parametrize(
    ("rate", "quantity", "remains", "given_back"),
    [("0.5", 300, 100, "0.05"), ("1", 300, 100, "0.1"), ("0.1", 700, 300, "0.03"), ("0.00101", 200, 75, "0.000076"),
     ("7.77", 333, 111, "0.86247")],
)  # fmt: skip
def test_a_partial_refund_is_rounded_once_half_up(booster, buyer, rate, quantity, remains, given_back):
    order = ordered(buyer, make_smm_service(rate=rate), quantity=quantity)
    report(booster, order, "partial", remains=remains)
    assert (refunds(), differences()) == ([Decimal(given_back)], [])


@pytest.mark.parametrize("remains", [None, 0, 157, 1000])
@pytest.mark.parametrize("status", ["canceled", "failed"])
def test_canceled_and_failed_give_all_back_whatever_remains(booster, buyer, order, status, remains):
    report(booster, order, status, remains=remains)
    assert (order.status, balance(buyer), refunds(), differences()) == (status, WHOLE, [PRICE], [])
    assert Transaction.objects.get(kind="smm_refund").reference == f"smm:{order.pk}:refund"


def test_a_partial_order_of_which_nobody_says_what_remains_is_not_settled(booster, buyer, order):
    report(booster, order, "partial")
    assert (order.status, balance(buyer), order.due_at is not None) == (Status.PENDING, PAID, True)


def test_what_it_really_cost_is_kept(booster, order):
    report(booster, order, "in_progress", remains=10, cost=Decimal("0.27819"), cost_currency="EUR")
    assert (order.cost, order.cost_currency) == (Decimal("0.27819"), "EUR")


def test_pending_after_in_progress_is_only_late(booster, order):
    report(booster, order, "in_progress", remains=900)
    report(booster, order, "pending", remains=1000)
    assert order.status == Status.IN_PROGRESS


def test_a_test_order_ends_without_moving_money(booster, followers):
    poor = make_buyer(funds=Decimal(0), mode="test")
    order = ordered(poor, followers)
    orders.take_report(order.pk, OrderReport(Status.CANCELED, remains=1000))
    assert (Transaction.objects.count(), differences()) == (0, [])


# --- After the end ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["partial", "completed", "canceled", "failed"])
@pytest.mark.parametrize("later", ["pending", "in_progress", "partial", "completed", "canceled", "failed"])
def test_a_later_report_never_moves_money(booster, buyer, order, first, later):
    report(booster, order, first, remains=500)
    before = (order.status, balance(buyer), refunds(), told())
    booster.says[order.provider_order_id] = OrderReport(Status(later), remains=900)
    now = smm.ask_again(order)
    assert (now.status, balance(buyer), refunds(), told()) == before
    assert bool(now.contradiction) == (first != later or first == "partial")
    assert differences() == []


def test_the_same_end_again_contradicts_nothing(booster, order):
    report(booster, order, "partial", remains=500)
    assert smm.ask_again(order).contradiction == ""


def test_what_staff_gave_back_before_is_not_given_back_again(booster, buyer, order):
    refund(original=order.charge, amount=Decimal("0.4"), reference="staff:1")
    report(booster, order, "canceled")
    assert (balance(buyer), order.status, differences()) == (WHOLE, Status.CANCELED, [])
    assert sorted(Transaction.objects.filter(reverses=order.charge).values_list("amount", flat=True)) == [
        Decimal("0.1"), Decimal("0.4"),
    ]  # fmt: skip


def test_where_staff_gave_all_back_the_end_gives_nothing(booster, buyer, order):
    refund(original=order.charge, reference="staff:1")
    report(booster, order, "partial", remains=100)
    assert (balance(buyer), order.status, refunds(), differences()) == (WHOLE, Status.PARTIAL, [], [])


# --- Polling ------------------------------------------------------------------------------------------------


def test_orders_are_asked_about_a_hundred_at_a_time(booster, buyer):
    views = make_smm_service("TikTok Views", rate="0.2")
    for _ in range(101):
        ordered(buyer, views, quantity=100)
    with time_machine.travel(timezone.now() + timedelta(minutes=5), tick=False):
        assert smm.poll_due() == 101
    assert [len(ids) for ids in booster.questions] == [100, 1]
    assert len({each for ids in booster.questions for each in ids}) == 101


def test_what_is_not_due_is_not_asked_about(booster, order):
    assert (smm.poll_due(), booster.questions) == (0, [])


def test_an_old_order_is_asked_about_less_often(booster, order):
    waits = []
    for hours in (0, 1, 5, 24):
        booster.says["p1"] = OrderReport(Status.PENDING, remains=1000)
        tick(order, hours=hours)
        waits.append(round((order.due_at - timezone.now()).total_seconds()))
    assert waits == [30, 180, 1080, 1800]


@pytest.mark.parametrize("silence", [ProviderError(), OutcomeUnknown(), ZeroDivisionError()])
def test_a_provider_that_does_not_report_is_asked_later_and_staff_told_after_a_day(booster, buyer, order, silence):
    booster.before["reports"] = silence
    tick(order, hours=1)
    assert (order.status, order.needs_staff, order.attempts) == (Status.PENDING, False, 1)
    tick(order, hours=24)
    assert (order.status, order.needs_staff, balance(buyer)) == (Status.PENDING, True, PAID)
    booster.before.clear()
    report(booster, order, "in_progress", remains=10)
    assert (order.needs_staff, order.attempts) == (False, 0)


def test_one_that_its_provider_does_not_know_does_not_stop_the_others(booster, buyer, followers):
    lost, found = ordered(buyer, followers), ordered(buyer, followers)
    booster.says[found.provider_order_id] = OrderReport(Status.COMPLETED)
    tick(lost, found)
    assert (lost.status, lost.attempts, found.status) == (Status.PENDING, 1, Status.COMPLETED)


def test_one_that_cannot_be_settled_does_not_stop_the_others(booster, buyer, followers, monkeypatch):
    bad, good = ordered(buyer, followers), ordered(buyer, followers)
    booster.says |= {each.provider_order_id: OrderReport(Status.CANCELED) for each in (bad, good)}
    give_back = money.give_back_all
    monkeypatch.setattr(
        money, "give_back_all", lambda row, actor: 1 / 0 if row.pk == bad.pk else give_back(row, actor=actor)
    )
    tick(bad, good)
    assert (bad.status, good.status) == (Status.PENDING, Status.CANCELED)


@pytest.mark.parametrize("point", ["reports", "give_back_rest", "take_report", "emit"])
def test_a_crash_while_polling_leaves_the_order_to_a_later_tick(booster, buyer, order, point):
    booster.says["p1"] = OrderReport(Status.PARTIAL, remains=250)
    where = {"reports": booster.after, "give_back_rest": money, "take_report": orders, "emit": orders}[point]
    with crash_at(where, point):
        tick(order)
    assert smm.poll_due() == 0  # claimed: whoever died is given time
    tick(order)
    assert (order.status, refunds(), differences()) == (Status.PARTIAL, [PRICE / 4], [])


def test_repeating_the_tick_changes_nothing(booster, buyer, followers):
    ends = {"partial": 250, "completed": 0, "canceled": 1000, "failed": None}
    running = {end: ordered(buyer, followers) for end in ends}
    for end, order in running.items():
        booster.says[order.provider_order_id] = OrderReport(Status(end), remains=ends[end])
    tick()
    settled = (balance(buyer), sorted(refunds()), told())
    SmmOrder.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert (smm.poll_due(), (balance(buyer), sorted(refunds()), told())) == (0, settled)
    assert differences() == []


def test_a_batch_is_of_one_provider(booster, buyer, followers):
    ordered(buyer, followers)
    SmmOrder.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    SmmOrder.objects.create(
        customer_id=buyer.customer_id, wallet_id=buyer.wallet_id, service=followers, link="https://a.example",
        quantity=1, provider="gone", provider_order_id="x", price=1, rate_per_thousand=1, currency="USD", mode="test",
        status=Status.PENDING, due_at=timezone.now(),
    )  # fmt: skip
    assert [len(polling._claim_batch()) for _ in range(3)] == [1, 1, 0]


# --- What customers ask for -------------------------------------------------------------------------------


@pytest.fixture
def stoppable(booster, buyer):
    return ordered(buyer, make_smm_service(can_cancel=True, can_refill=True))


def test_a_running_order_is_stopped_and_its_rest_refunded(booster, buyer, stoppable):
    asked = smm.request_cancel(order=stoppable)
    assert (asked.status, asked.cancel_asked_at is not None, balance(buyer)) == (Status.PENDING, True, PAID)
    assert smm.request_cancel(order=stoppable).cancel_asked_at == asked.cancel_asked_at
    assert booster.calls == ["place", "cancel"]
    report(booster, stoppable, "partial", remains=600)
    assert balance(buyer) == FUNDS - PRICE * 4 / 10


def test_a_canceled_order_is_canceled_again_without_a_word(booster, stoppable):
    report(booster, stoppable, "canceled")
    assert smm.request_cancel(order=stoppable).status == Status.CANCELED
    assert "cancel" not in booster.calls


@pytest.mark.parametrize("status", ["completed", "partial", "failed"])
def test_what_is_over_cannot_be_canceled(booster, stoppable, status):
    report(booster, stoppable, status, remains=1)
    with pytest.raises(OrderNotCancelable):
        smm.request_cancel(order=stoppable)


def test_a_service_without_cancel_cannot_be_canceled(booster, order):
    with pytest.raises(OrderNotCancelable):
        smm.request_cancel(order=order)
    assert "cancel" not in booster.calls


def test_what_is_still_being_placed_cannot_be_canceled_yet(booster, buyer):
    booster.before["place"] = OutcomeUnknown()
    with pytest.raises(RequestInProgress):
        smm.request_cancel(order=ordered(buyer, make_smm_service(can_cancel=True)))


@pytest.mark.parametrize(
    ("answer", "refusal"), [(ProviderError(), OrderNotCancelable), (OutcomeUnknown(), ProviderSilent)]
)
def test_a_cancel_that_the_provider_does_not_take_changes_nothing(booster, buyer, stoppable, answer, refusal):
    booster.before["cancel"] = answer
    with pytest.raises(refusal):
        smm.request_cancel(order=stoppable)
    stoppable.refresh_from_db()
    assert (stoppable.cancel_asked_at, stoppable.status, balance(buyer)) == (None, Status.PENDING, PAID)


def test_what_dropped_off_is_asked_for_once_a_day(booster, buyer, stoppable):
    report(booster, stoppable, "completed")
    for _ in range(2):
        assert smm.request_refill(order=stoppable).refill_id == "refill-p1"
    assert booster.calls.count("refill") == 1
    SmmOrder.objects.update(refill_asked_at=timezone.now() - timedelta(hours=25))
    smm.request_refill(order=stoppable)
    assert (booster.calls.count("refill"), balance(buyer)) == (2, PAID)


@pytest.mark.parametrize("status", ["pending", "canceled", "failed"])
def test_what_was_not_delivered_is_not_refilled(booster, stoppable, status):
    report(booster, stoppable, status)
    with pytest.raises(OrderNotRefillable):
        smm.request_refill(order=stoppable)


def test_a_service_without_refill_is_not_refilled(booster, order):
    report(booster, order, "completed")
    with pytest.raises(OrderNotRefillable):
        smm.request_refill(order=order)


# --- What staff decide -----------------------------------------------------------------------------------------


@pytest.fixture
def lost(booster, buyer, followers) -> SmmOrder:
    """An order of a provider that knows no references, whose call nobody answered."""
    booster.remembers_references = False
    booster.before["place"] = OutcomeUnknown()
    order = ordered(buyer, followers)
    booster.before.clear()
    return order


def test_it_was_placed_after_all_and_goes_on(booster, buyer, lost):
    for _ in range(2):
        placed = smm.declare_placed(order=lost, provider_order_id="23501")
        assert (placed.status, placed.provider_order_id, placed.needs_staff) == (Status.PENDING, "23501", False)
    report(booster, placed, "partial", remains=500)
    assert (balance(buyer), differences()) == (FUNDS - PRICE / 2, [])


def test_it_was_not_placed_and_is_refunded_once(booster, buyer, lost):
    for _ in range(2):
        refused = smm.declare_not_placed(order=lost, actor="staff:ann")
        assert (refused.status, refused.failure, balance(buyer)) == (Status.FAILED, "not_placed", WHOLE)
    assert Transaction.objects.get(kind="smm_refund").actor == "staff:ann"
    with pytest.raises(OrderDecided):
        smm.declare_placed(order=lost, provider_order_id="23501")
    assert differences() == []


def test_what_was_placed_cannot_be_declared_otherwise(booster, buyer, order):
    with pytest.raises(OrderDecided):
        smm.declare_not_placed(order=order, actor="staff:ann")
    with pytest.raises(OrderDecided):
        smm.declare_placed(order=order, provider_order_id="other")
    assert balance(buyer) == PAID


def test_one_order_of_a_provider_is_one_of_ours(booster, lost, buyer, followers):
    booster.placed["x"] = "p0"
    taken = ordered(buyer, followers)
    with pytest.raises(ProviderOrderTaken):
        smm.declare_placed(order=lost, provider_order_id=taken.provider_order_id)
    lost.refresh_from_db()
    assert lost.status == Status.UNKNOWN


def test_an_order_its_provider_has_forgotten_is_settled_by_hand(booster, buyer, order):
    for _ in range(2):
        done = smm.settle_by_hand(order=order, status="partial", remains=100, actor="staff:ann")
        assert (done.status, refunds()) == (Status.PARTIAL, [PRICE / 10])
    with pytest.raises(OrderDecided):
        smm.settle_by_hand(order=order, status="canceled", actor="staff:ann")
    assert differences() == []


def test_asking_again_what_the_provider_does_not_say_is_an_error(booster, order):
    with pytest.raises(ProviderSilent):
        smm.ask_again(order)


# --- The audit can fail -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "promise"),
    [
        ({"status": "canceled"}, "canceled or failed took nothing"),
        ({"status": "partial", "remains": 400}, "keeps the price of what was delivered"),
        ({"price": Decimal("0.4")}, "took more than its price"),
        ({"mode": "test"}, "no test moved money"),
        ({"charge_id": None}, "was charged the price it was quoted"),
        ({"due_at": None}, "is forgotten"),
    ],
)
def test_the_audit_names_what_breaks_a_promise(booster, order, change, promise):
    SmmOrder.objects.filter(pk=order.pk).update(**change)
    assert any(promise in difference and f"order {order.pk}" in difference for difference in differences())
