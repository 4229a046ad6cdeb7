"""Ending a rental: the SMS decides who gets what, the provider is asked before money goes back."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from activations import providers
from activations.errors import ActivationCompleted, ActivationNotReceived, RequestInProgress
from activations.models import Activation, InboundMessage
from activations.providers import OutcomeUnknown, ProviderError
from activations.services import buy, cancel, expire, finish, look_at_due, receive_text
from activations.tests.factories import FUNDS, PRICE, crash_at, differences, let_pass, make_fake_offer, purse, wish
from wallets.models import Event, Hold, Release, Transaction

pytestmark = pytest.mark.django_db
Status = Activation.Status
NOTHING_HELD = (FUNDS, Decimal(0))
EARNED = (FUNDS - PRICE, Decimal(0))


@pytest.fixture
def order(provider, buyer, offer):
    return buy(buyer=buyer, wish=wish())


def text(order, message="Your Telegram code is 482913", sms_id="sms-1"):
    return receive_text(provider="fake", provider_message_id=sms_id, to=order.phone, text=message, sender="Telegram")


def overdue(order):
    return let_pass(order, hours=1)


# --- Canceling ------------------------------------------------------------------------------------------


def test_a_canceled_order_gives_the_number_and_the_money_back(provider, buyer, order):
    canceled = cancel(activation=order, actor="key:sgk_ab12")
    assert (canceled.status, canceled.due_at) == (Status.CANCELED, None)
    assert provider.calls == ["order", "texts", "give_back", "texts"]
    assert (purse(buyer), Release.objects.get().actor) == (NOTHING_HELD, "key:sgk_ab12")
    assert differences() == []


def test_canceling_again_changes_nothing(provider, buyer, order):
    first = cancel(activation=order)
    again = cancel(activation=order)
    assert (again.status, again.closed_at) == (first.status, first.closed_at)
    assert (Release.objects.count(), purse(buyer), provider.returned) == (1, NOTHING_HELD, ["n1"])
    assert Event.objects.filter(kind="activation.canceled").count() == 1


def test_canceling_what_was_paid_up_front_refunds_it_once(provider, buyer, offer):
    order = buy(buyer=buyer, wish=wish(settlement="upfront"))
    for _ in range(2):
        cancel(activation=order)
    refund = Transaction.objects.get(kind="sms_refund")
    assert (refund.amount, refund.reverses_id, purse(buyer)) == (PRICE, order.charge_id, NOTHING_HELD)
    assert refund.description == f"Refund for Telegram rental #{order.pk}"
    assert differences() == []


def test_after_an_sms_nothing_can_be_canceled(buyer, order):
    text(order)
    with pytest.raises(ActivationCompleted):
        cancel(activation=order)
    assert purse(buyer) == EARNED


def test_an_sms_that_lies_at_the_provider_is_found_before_the_money_goes_back(provider, buyer, order):
    provider.send(order)
    with pytest.raises(ActivationCompleted):
        cancel(activation=order)
    order.refresh_from_db()
    assert (order.status, order.code, purse(buyer)) == (Status.RECEIVED, "482913", EARNED)
    assert "give_back" not in provider.calls


def test_an_sms_that_comes_while_the_number_is_given_back_wins(provider, buyer, order):
    provider.before["give_back"] = lambda: provider.send(order)
    with pytest.raises(ActivationCompleted):
        cancel(activation=order)
    assert purse(buyer) == EARNED
    assert differences() == []


def test_an_sms_that_is_told_to_us_while_it_closes_wins(provider, buyer, order):
    provider.after["give_back"] = lambda: text(order)
    with pytest.raises(ActivationCompleted):
        cancel(activation=order)
    assert purse(buyer) == EARNED


@pytest.mark.parametrize("trouble", [OutcomeUnknown(), ProviderError(), ZeroDivisionError()])
@pytest.mark.parametrize("call", ["texts", "give_back"])
def test_while_the_provider_is_silent_nothing_is_given_back(provider, buyer, order, call, trouble):
    provider.before[call] = trouble
    closing = cancel(activation=order)
    assert (closing.status, purse(buyer)) == (Status.CLOSING, (FUNDS, PRICE))
    assert closing.due_at > timezone.now()
    provider.before.clear()
    let_pass(closing, seconds=0)
    look_at_due()
    order.refresh_from_db()
    assert (order.status, purse(buyer)) == (Status.CANCELED, NOTHING_HELD)


def test_an_sms_to_one_that_closes_still_wins(provider, buyer, order):
    provider.before["give_back"] = OutcomeUnknown()
    cancel(activation=order)
    text(order)
    order.refresh_from_db()
    assert (order.status, order.closing_as, purse(buyer)) == (Status.RECEIVED, "", EARNED)


def test_a_provider_that_is_gone_keeps_the_order_for_staff(provider, buyer, order, monkeypatch):
    monkeypatch.delitem(providers.PROVIDERS, "fake")
    assert cancel(activation=order).status == Status.CLOSING
    let_pass(order, hours=30)
    look_at_due()
    order.refresh_from_db()
    assert (order.status, order.needs_staff, purse(buyer)) == (Status.CLOSING, True, (FUNDS, PRICE))


@pytest.mark.parametrize("status", [Status.REQUESTED, Status.CALLING, Status.UNKNOWN])
def test_an_order_that_is_being_placed_cannot_be_canceled_yet(provider, buyer, offer, status):
    provider.before["order"] = OutcomeUnknown()
    order = buy(buyer=buyer, wish=wish())
    Activation.objects.update(status=status)
    with pytest.raises(RequestInProgress):
        cancel(activation=order)
    assert purse(buyer) == (FUNDS, PRICE)


def test_canceling_what_has_expired_changes_nothing(buyer, order):
    expire(overdue(order))
    assert cancel(activation=order).status == Status.EXPIRED
    assert Release.objects.count() == 1


# --- Expiring ---------------------------------------------------------------------------------------------


def test_at_its_deadline_the_provider_is_asked_once_more_and_then_the_money_goes_back(provider, buyer, order):
    expired = expire(overdue(order))
    assert (expired.status, purse(buyer)) == (Status.EXPIRED, NOTHING_HELD)
    assert provider.calls == ["order", "texts", "give_back", "texts"]
    assert differences() == []


def test_before_its_deadline_nothing_expires(provider, buyer, order):
    assert expire(order).status == Status.WAITING
    assert (provider.calls, purse(buyer)) == (["order"], (FUNDS, PRICE))


@pytest.mark.parametrize("settlement", ["on_delivery", "upfront"])
def test_the_tick_expires_what_is_over(provider, buyer, offer, settlement):
    order = buy(buyer=buyer, wish=wish(settlement=settlement))
    overdue(order)
    assert look_at_due() == 1
    order.refresh_from_db()
    assert (order.status, purse(buyer)) == (Status.EXPIRED, NOTHING_HELD)
    assert Event.objects.filter(kind="activation.expired", object_id=order.pk).count() == 1


def test_the_last_look_finds_the_sms_and_it_is_paid(provider, buyer, order):
    provider.send(order)
    assert expire(overdue(order)).status == Status.RECEIVED
    assert purse(buyer) == EARNED


def test_what_was_earned_is_finished_at_its_deadline_and_the_number_goes_back(provider, buyer, order):
    text(order)
    assert look_at_due() == 0
    overdue(order)
    look_at_due()
    order.refresh_from_db()
    assert (order.status, order.code, order.due_at) == (Status.FINISHED, "482913", None)
    assert (provider.returned, purse(buyer)) == (["n1"], EARNED)


@pytest.mark.parametrize("trouble", [OutcomeUnknown(), ProviderError(), ZeroDivisionError()])
def test_what_was_earned_waits_for_a_provider_that_does_not_take_its_number(provider, buyer, order, trouble):
    text(order)
    provider.before["give_back"] = trouble
    overdue(order)
    look_at_due()
    order.refresh_from_db()
    assert (order.status, purse(buyer)) == (Status.RECEIVED, EARNED)
    assert order.due_at > timezone.now() + timedelta(seconds=1)
    let_pass(order, hours=30)
    look_at_due()
    order.refresh_from_db()
    assert order.needs_staff
    provider.before.clear()
    let_pass(order, seconds=0)
    look_at_due()
    order.refresh_from_db()
    assert (order.status, order.needs_staff) == (Status.FINISHED, False)


def test_a_test_order_expires_without_money(provider, buyer, offer):
    order = buy(buyer=buyer.__class__(**{**buyer.__dict__, "mode": "test"}), wish=wish())
    overdue(order)
    look_at_due()
    order.refresh_from_db()
    assert (order.status, purse(buyer), Hold.objects.count()) == (Status.EXPIRED, NOTHING_HELD, 0)


# --- The SMS pays --------------------------------------------------------------------------------------------


def test_the_first_sms_takes_exactly_the_quoted_price(buyer, order):
    text(order)
    order.refresh_from_db()
    assert (order.status, order.code, purse(buyer)) == (Status.RECEIVED, "482913", EARNED)
    assert (order.charge.amount, order.charge.kind, order.charge.hold_id) == (PRICE, "sms_purchase", order.hold_id)
    assert (order.charge.credential, order.charge.actor) == ("sgk_ab12", "key:sgk_ab12")
    assert differences() == []


def test_an_sms_for_what_was_paid_up_front_takes_nothing_more(provider, buyer, offer):
    order = buy(buyer=buyer, wish=wish(settlement="upfront"))
    text(order)
    order.refresh_from_db()
    assert (order.status, purse(buyer), Transaction.objects.count()) == (Status.RECEIVED, EARNED, 2)


def test_a_text_without_a_code_is_paid_too(buyer, order):
    text(order, "Welcome to Telegram!")
    order.refresh_from_db()
    assert (order.status, order.code, purse(buyer)) == (Status.RECEIVED, "", EARNED)


def test_a_second_sms_is_kept_but_not_shown_where_one_was_sold(buyer, order):
    text(order)
    assert text(order, "Your code is 999999", sms_id="sms-2").state == InboundMessage.State.EXTRA
    order.refresh_from_db()
    assert (order.code, [message.code for message in order.shown_messages]) == ("482913", ["482913"])
    assert Event.objects.filter(kind="activation.code_received").count() == 1
    assert purse(buyer) == EARNED


def test_several_sms_cost_what_one_costs_and_are_all_told_in_order(provider, buyer):
    make_fake_offer(multiple_sms=True)
    order = buy(buyer=buyer, wish=wish())
    for number in range(1, 4):
        text(order, f"Your code is 48291{number}", sms_id=f"sms-{number}")
    order.refresh_from_db()
    assert (order.code, purse(buyer)) == ("482911", EARNED)
    assert [message.code for message in order.shown_messages] == ["482911", "482912", "482913"]
    events = Event.objects.filter(kind="activation.code_received").order_by("pk")
    assert [(event.sequence, event.payload["code"]) for event in events] == [
        (1, "482911"), (2, "482912"), (3, "482913"),
    ]  # fmt: skip
    assert differences() == []


def test_several_sms_are_fetched_a_last_time_when_the_rental_ends(provider, buyer):
    make_fake_offer(multiple_sms=True)
    order = buy(buyer=buyer, wish=wish())
    text(order)
    provider.send(order, "Your code is 777777", sms_id="sms-2")
    overdue(order)
    look_at_due()
    order = Activation.objects.get()
    assert (order.status, [row.code for row in order.shown_messages]) == (Status.FINISHED, ["482913", "777777"])


def test_the_event_tells_the_code_and_carries_its_end(buyer, order):
    message = text(order)
    event = Event.objects.get(kind="activation.code_received")
    assert event.payload == {
        "activation_id": order.pk,
        "message_id": str(message.uuid),
        "service": "telegram",
        "phone": order.phone,
        "code": "482913",
        "text": "Your Telegram code is 482913",
        "received_at": message.received_at.isoformat(),
    }
    assert (event.customer_id, event.erase_after) == (buyer.customer_id, message.erase_after)


# --- Finishing ------------------------------------------------------------------------------------------


def test_a_finished_order_gives_the_number_back_and_keeps_the_money(provider, buyer, order):
    text(order)
    finished = finish(activation=order)
    order.refresh_from_db()
    assert (finished.status, order.due_at, provider.returned) == (Status.FINISHED, None, ["n1"])
    assert (purse(buyer), text(order, "Another 1111", "sms-2").state) == (EARNED, "extra")


def test_finishing_before_an_sms_is_refused(provider, buyer, order):
    with pytest.raises(ActivationNotReceived):
        finish(activation=order)
    order.refresh_from_db()
    assert (order.status, provider.returned) == (Status.WAITING, [])


@pytest.mark.parametrize("dying", ["before", "after"])
def test_a_crash_while_finishing_leaves_the_number_to_a_tick(provider, buyer, order, dying):
    text(order)
    with crash_at(getattr(provider, dying), "give_back"):
        finish(activation=order)
    let_pass(order)
    look_at_due()
    order.refresh_from_db()
    assert (order.status, order.due_at, set(provider.returned)) == (Status.FINISHED, None, {"n1"})


def test_a_number_that_the_provider_does_not_take_back_is_offered_again(provider, buyer, order):
    text(order)
    provider.before["give_back"] = OutcomeUnknown()
    assert finish(activation=order).status == Status.FINISHED
    provider.before.clear()
    let_pass(order)
    look_at_due()
    assert provider.returned == ["n1"]
    assert finish(activation=order).due_at is None
