"""The sweeper: what a crash, a silent provider or a slow one left behind is found out and settled."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from activations import providers
from activations.errors import ProviderRefused
from activations.models import Activation
from activations.providers import GivenNumber, OutcomeUnknown, ProviderError
from activations.services import (
    buy,
    cancel,
    closing,
    inbound,
    look_at_due,
    numbers,
    receive_text,
    resolve,
    settlement,
)
from activations.services.resolving import BATCH
from activations.tests.factories import FUNDS, PRICE, Crash, crash_at, differences, let_pass, make_buyer, purse, wish
from wallets.models import Hold, Transaction

pytestmark = pytest.mark.django_db
Status = Activation.Status
NOTHING_HELD = (FUNDS, Decimal(0))


def unknown(provider, buyer, given=True, **facts):
    """An order whose call timed out, with or without a number given."""
    (provider.after if given else provider.before)["order"] = OutcomeUnknown()
    order = buy(buyer=buyer, wish=wish(**facts))
    assert order.status == Status.UNKNOWN
    return order


def tick(order=None, **passed):
    """The sweeper comes by, after some time."""
    for row in [order] if order else Activation.objects.exclude(due_at=None):
        let_pass(row, **(passed or {"minutes": 1}))
    looked = look_at_due()
    if order is not None:
        order.refresh_from_db()
    return looked


# --- Finding out -------------------------------------------------------------------------------------


def test_an_unknown_order_that_was_given_a_number_goes_on(provider, buyer, offer):
    order = unknown(provider, buyer)
    assert tick(order) == 1
    assert (order.status, order.phone, purse(buyer)) == (Status.WAITING, "+12025551000", (FUNDS, PRICE))
    # The clock starts when the customer can know the number.
    assert order.expires_at > timezone.now() + timedelta(seconds=offer.ttl_seconds - 5)


@pytest.mark.parametrize("settlement", ["on_delivery", "upfront"])
def test_an_unknown_order_that_was_given_none_gives_its_money_back(provider, buyer, offer, settlement):
    order = unknown(provider, buyer, given=False, settlement=settlement)
    tick(order)
    assert (order.status, order.due_at, purse(buyer)) == (Status.FAILED, None, NOTHING_HELD)
    assert differences() == []


def test_a_refusal_to_say_is_no_answer_and_the_money_stays(provider, buyer, offer):
    order = unknown(provider, buyer, given=False)
    provider.before["find"] = ProviderError("no_numbers_available")
    tick(order)
    activation = Activation.objects.get()
    assert (activation.status, activation.hold.status) == ("unknown", "active")


@pytest.mark.parametrize("silence", [OutcomeUnknown(), ZeroDivisionError()])
def test_a_silent_provider_is_asked_ever_less_often(provider, buyer, offer, silence):
    order = unknown(provider, buyer)
    provider.before["find"] = silence
    waits = []
    for _ in range(8):
        tick(order, seconds=0)
        waits.append(round((order.due_at - timezone.now()).total_seconds()))
    assert waits == [15, 60, 300, 900, 3600, 3600, 3600, 3600]
    assert (order.status, order.needs_staff, purse(buyer)) == (Status.UNKNOWN, False, (FUNDS, PRICE))


def test_after_a_day_staff_are_told_and_the_money_stays(provider, buyer, offer):
    order = unknown(provider, buyer)
    provider.before["find"] = OutcomeUnknown()
    tick(order, hours=23)
    assert not order.needs_staff
    tick(order, hours=2)
    assert (order.needs_staff, order.status, purse(buyer)) == (True, Status.UNKNOWN, (FUNDS, PRICE))
    provider.before.clear()
    tick(order)
    assert (order.needs_staff, order.status) == (False, Status.WAITING)


def test_what_is_not_due_is_left_alone(provider, buyer, offer):
    buy(buyer=buyer, wish=wish())
    assert look_at_due() == 0
    assert provider.calls == ["order"]


def test_one_that_fails_does_not_stop_the_others(provider, buyer, offer, monkeypatch):
    first, second = unknown(provider, buyer), unknown(provider, buyer)
    Activation.objects.filter(pk=first.pk).update(provider="broken")

    class Broken:
        def find(self, reference, *, deadline_seconds):
            raise AssertionError

    monkeypatch.setitem(providers.PROVIDERS, "broken", Broken())
    assert tick() == 2
    second.refresh_from_db()
    assert second.status == Status.WAITING


def test_a_crash_in_the_middle_of_a_look_leaves_the_order_to_a_later_tick(provider, buyer, offer):
    order = unknown(provider, buyer)
    provider.before["find"] = Crash()
    with pytest.raises(Crash):
        tick(order)
    assert look_at_due() == 0  # claimed: whoever died is given time
    provider.before.clear()
    tick(order)
    assert order.status == Status.WAITING


def test_a_look_takes_a_batch_at_most(provider, buyer, offer):
    for _ in range(3):
        unknown(provider, buyer)
    Activation.objects.update(due_at=timezone.now())
    assert [look_at_due(limit=2), look_at_due(limit=2)] == [2, 1]
    assert BATCH == 100


# --- A call in flight is not disturbed --------------------------------------------------------------


def test_the_sweeper_leaves_a_call_alone_that_began_after_it_had_looked(provider, buyer, offer):
    """It saw `requested`; by the time it acts, the order is being called."""
    found = []

    def sweep():
        stale = Activation.objects.get()
        stale.status = Status.REQUESTED
        found.append(resolve(stale).status)

    provider.before["order"] = sweep
    assert buy(buyer=buyer, wish=wish()).status == Status.WAITING
    assert found == [Status.CALLING]
    assert "find" not in provider.calls


def test_a_number_that_comes_after_the_sweeper_gave_up_goes_back(provider, buyer, offer):
    def sweep():
        provider.given.clear()
        tick()

    provider.before["order"] = sweep
    with pytest.raises(ProviderRefused):
        buy(buyer=buyer, wish=wish())
    order = Activation.objects.get()
    assert (order.status, order.due_at, provider.returned) == (Status.FAILED, None, ["n1"])
    assert (purse(buyer), differences()) == (NOTHING_HELD, [])


@pytest.mark.parametrize("trouble", [OutcomeUnknown(), ProviderError(), ZeroDivisionError(), Crash()])
def test_a_stray_number_is_given_back_until_the_provider_takes_it(provider, buyer, offer, trouble):
    provider.after["order"] = lambda: numbers.fail(Activation.objects.get().pk, "provider_error")
    provider.before["give_back"] = trouble
    with pytest.raises((ProviderRefused, Crash)):
        buy(buyer=buyer, wish=wish())
    order = Activation.objects.get()
    assert (order.status, provider.returned, order.due_at is not None) == (Status.FAILED, [], True)
    if not isinstance(trouble, Crash):
        tick(order)
        assert provider.returned == []
    provider.before.clear()
    tick(order)
    assert (order.status, order.due_at, provider.returned) == (Status.FAILED, None, ["n1"])
    assert look_at_due() == 0


def test_a_second_number_for_one_order_goes_back(provider, buyer, offer):
    order = buy(buyer=buyer, wish=wish())
    numbers.give_number(order.pk, GivenNumber("n99", "+12025559999"))
    order.refresh_from_db()
    assert (order.phone, provider.returned) == ("+12025551000", ["n99"])


def test_a_second_number_that_stays_is_shown_to_staff(provider, buyer, offer):
    order = buy(buyer=buyer, wish=wish())
    provider.before["give_back"] = OutcomeUnknown()
    numbers.give_number(order.pk, GivenNumber("n99", "+12025559999"))
    order.refresh_from_db()
    assert (order.status, order.needs_staff) == (Status.WAITING, True)


def test_the_same_number_twice_is_once(provider, buyer, offer):
    order = buy(buyer=buyer, wish=wish())
    numbers.give_number(order.pk, provider.given[str(order.uuid)])
    order.refresh_from_db()
    assert (order.status, provider.returned) == (Status.WAITING, [])


# --- Crashes between every two steps -----------------------------------------------------------------


def place(where, provider):
    return getattr(provider, where) if isinstance(where, str) else where


# Where we die, and whether the provider has given a number by then.
BUYING = {
    "before the order is committed": (settlement, "reserve", False),
    "between the order and the call": (numbers, "start_calling", False),
    "before the provider hears of it": ("before", "order", False),
    "before its answer arrives": ("after", "order", True),
    "before its answer is written": (numbers, "give_number", True),
}


@pytest.mark.parametrize("point", BUYING)
@pytest.mark.parametrize("way", ["on_delivery", "upfront"])
def test_a_crash_while_buying_is_settled_by_the_ticks(provider, buyer, offer, point, way):
    where, what, given = BUYING[point]
    with crash_at(place(where, provider), what):
        buy(buyer=buyer, wish=wish(settlement=way), idempotency_key="k")
    tick()
    orders = list(Activation.objects.values_list("status", flat=True))
    assert orders == ([] if what == "reserve" else [Status.WAITING if given else Status.FAILED])
    assert purse(buyer)[0] - purse(buyer)[1] == FUNDS - (PRICE if given else 0)
    tick(hours=1)  # nobody ever sends an SMS
    assert (purse(buyer), differences()) == (NOTHING_HELD, [])
    assert not Hold.objects.filter(status="active").exists()


CLOSING = {
    "before it is asked a last time": ("before", "texts"),
    "before it is told to end": ("before", "give_back"),
    "after it was told to end": ("after", "give_back"),
    "before the money goes back": (closing, "_close"),
    "while the money goes back": (settlement, "give_back"),
}


@pytest.mark.parametrize("point", CLOSING)
@pytest.mark.parametrize("way", ["on_delivery", "upfront"])
@pytest.mark.parametrize("ending", ["cancel", "expire"])
def test_a_crash_while_closing_is_settled_by_the_ticks(provider, buyer, offer, point, way, ending):
    where, what = CLOSING[point]
    order = buy(buyer=buyer, wish=wish(settlement=way))
    with crash_at(place(where, provider), what):
        cancel(activation=order) if ending == "cancel" else tick(order, hours=1)
    tick(order)
    assert order.status == (Status.CANCELED if ending == "cancel" else Status.EXPIRED)
    assert (purse(buyer), differences()) == (NOTHING_HELD, [])
    assert Transaction.objects.filter(kind="sms_refund").count() == (way == "upfront")
    assert tick() == 0


@pytest.mark.parametrize("point", ["capture", "emit"])
def test_a_crash_while_an_sms_is_taken_leaves_it_to_be_taken_again(provider, buyer, offer, point):
    order = buy(buyer=buyer, wish=wish())
    sms = {"provider": "fake", "provider_message_id": "1", "to": order.phone, "text": "Your code is 482913"}
    with crash_at(settlement if point == "capture" else inbound, point):
        receive_text(**sms)
    order.refresh_from_db()
    assert (order.status, purse(buyer)) == (Status.WAITING, (FUNDS, PRICE))
    receive_text(**sms)
    order.refresh_from_db()
    assert (order.status, order.code, purse(buyer)) == (Status.RECEIVED, "482913", (FUNDS - PRICE, 0))
    assert differences() == []


def test_repeating_every_tick_changes_nothing(provider, offer):
    buyers = [make_buyer(name=str(number)) for number in range(3)]
    orders = [buy(buyer=each, wish=wish()) for each in buyers]
    receive_text(provider="fake", provider_message_id="1", to=orders[0].phone, text="code 1234")
    for _ in range(3):
        for order in orders:
            Activation.objects.filter(pk=order.pk).update(
                expires_at=timezone.now() - timedelta(seconds=1), due_at=timezone.now()
            )
        look_at_due()
    assert [row.status for row in Activation.objects.order_by("pk")] == ["finished", "expired", "expired"]
    assert [purse(each) for each in buyers] == [(FUNDS - PRICE, 0), NOTHING_HELD, NOTHING_HELD]
    assert Activation.objects.filter(due_at=None).count() == 3


def test_the_crash_tests_can_fail(provider, buyer, offer):
    """The control: without the sweeper, a crash between the order and the call holds the money for ever."""
    with crash_at(numbers, "start_calling"):
        buy(buyer=buyer, wish=wish())
    assert purse(buyer) == (FUNDS, PRICE)
