"""Ordering: the price is charged first, the provider is asked once, and its answer settles the money."""

from decimal import Decimal

import pytest

from activations.errors import RequestInProgress, SmmOrderRefused
from activations.models import SmmOrder
from activations.providers.smm import OutcomeUnknown, ProviderError
from activations.services import smm
from activations.services.smm import money, orders
from activations.tests.factories import FUNDS, Crash, crash_at, differences, make_buyer, purse
from activations.tests.smm import LINK, PRICE, FakeSmmProvider, let_pass, make_smm_service, ordered, tick, wish
from catalog.tests.factories import make_price, make_rate
from config.errors import InvalidInput
from wallets.errors import InsufficientFunds
from wallets.models import Event, Transaction

pytestmark = pytest.mark.django_db
Status = SmmOrder.Status
WHOLE, PAID = (FUNDS, Decimal(0)), (FUNDS - PRICE, Decimal(0))


def reach(booster, where, what, thing):
    getattr(booster, where)[what] = thing


# --- The happy path ------------------------------------------------------------------------------


def test_an_order_is_charged_at_once_and_placed(booster, buyer, followers):
    order = ordered(buyer, followers)
    assert (order.status, order.provider_order_id, order.price) == (Status.PENDING, "p1", PRICE)
    assert purse(buyer) == PAID
    charge = order.charge
    assert (charge.kind, charge.amount, charge.reference) == ("smm_order", PRICE, f"smm:{order.pk}:charge")
    assert charge.description == f"1,000 × Instagram Followers, order #{order.pk}"
    assert charge.credit.code == "revenue:smm"
    assert differences() == []


def test_the_provider_is_asked_once_with_its_own_number_of_the_service(booster, buyer, followers):
    order = ordered(buyer, followers)
    (request,) = booster.requests
    assert (request.reference, request.service_id) == (str(order.uuid), followers.provider_service_id)
    assert (request.link, request.quantity) == (LINK, 1000)


@pytest.mark.parametrize(
    ("rate", "quantity", "charged"),
    [("0.5", 1000, "0.5"), ("0.2", 101, "0.0202"), ("0.333333", 100, "0.033333"), ("0.000015", 100, "0.000002"),
     ("0.000004", 125, "0.000001")],
)  # fmt: skip
def test_the_charge_is_the_rate_by_the_thousand_rounded_once_half_up(booster, buyer, rate, quantity, charged):
    order = ordered(buyer, make_smm_service(rate=rate), quantity=quantity)
    assert order.price == order.charge.amount == Decimal(charged)


@pytest.mark.parametrize("mode", ["test", "dryrun"])
def test_test_keys_order_at_the_sandbox_and_need_no_money(booster, followers, mode):
    poor = make_buyer(funds=Decimal(0), mode=mode)
    order = ordered(poor, followers)
    assert (order.status, order.provider, order.mode, order.charge) == (Status.PENDING, "sandbox", mode, None)
    assert (booster.calls, differences()) == ([], [])


def test_the_price_is_converted_and_remembered(booster, followers):
    make_rate("USD", "NGN", "1530.5")
    buyer = make_buyer(funds=Decimal(10_000), currency="NGN")
    order = ordered(buyer, followers, quantity=500)
    assert (order.rate_per_thousand, order.price, order.currency) == (Decimal("765.25"), Decimal("382.625"), "NGN")
    charge = order.charge
    assert (charge.original_amount, charge.original_currency, charge.rate) == (
        Decimal("0.25"),
        "USD",
        Decimal("1530.5"),
    )


def test_a_customers_own_price_is_what_they_are_charged(booster, buyer, followers):
    make_price(followers, "0.4", customer_id=buyer.customer_id)
    assert ordered(buyer, followers).price == Decimal("0.4")


def test_what_the_list_says_it_costs_is_kept_until_the_provider_says_more(booster, buyer, followers):
    assert ordered(buyer, followers, quantity=500).cost == Decimal("0.15")


# --- What cannot be ordered ------------------------------------------------------------------------


def refused(buyer, followers, **facts) -> dict:
    with pytest.raises(InvalidInput) as refusal:
        ordered(buyer, followers, **facts)
    assert not SmmOrder.objects.exists()
    return refusal.value.errors


def test_an_unknown_service_is_named(booster, buyer, followers):
    assert list(refused(buyer, followers, service_id=followers.pk + 999)) == ["smm_service_id"]


@pytest.mark.parametrize("facts", [{"is_active": False}, {"rate": None}])
def test_what_is_off_or_has_no_price_is_not_sold(booster, buyer, facts):
    assert list(refused(buyer, make_smm_service(**facts))) == ["smm_service_id"]


@pytest.mark.parametrize("quantity", [0, -1, 99, 10_001, 2**31])
def test_the_quantity_keeps_to_the_services_limits(booster, buyer, followers, quantity):
    assert refused(buyer, followers, quantity=quantity) == {"quantity": ["Between 100 and 10000."]}


@pytest.mark.parametrize("quantity", [100, 10_000])
def test_the_limits_themselves_can_be_ordered(booster, buyer, followers, quantity):
    assert ordered(buyer, followers, quantity=quantity).quantity == quantity


def test_a_quantity_that_would_cost_nothing_is_not_given_away(booster, buyer):
    assert list(refused(buyer, make_smm_service(rate="0.000001"), quantity=100)) == ["quantity"]


def test_a_price_beyond_all_money_is_refused(booster, buyer):
    dear = make_smm_service(rate="999999999999", max_quantity=1_000_000_000)
    assert list(refused(buyer, dear, quantity=1_000_000_000)) == ["quantity"]


@pytest.mark.parametrize("link", [
    "", "instagram.com/example", "ftp://a.example/x", "javascript:alert(1)", "https://", "https:///x", "http://[::1",
    "https://a.example/ x", "https://a.example/\n", "https://a.example/\x7f", "https://a.example/\u200b",
    "https://a.example/\u2028", "https://a.example:99999/", " https://a.example", "https://a.example/\ud800",
    "https://a.example/" + "x" * 500,
])  # fmt: skip
def test_a_link_is_a_web_address_on_one_line(booster, buyer, followers, link):
    assert list(refused(buyer, followers, link=link)) == ["link"]


@pytest.mark.parametrize("link", [
    "https://instagram.com/example", "HTTP://A.EXAMPLE", "https://t.me/kanal?x=1&y=2#z", "https://пример.рф/профиль",
    "https://a.example/" + "x" * 482,
])  # fmt: skip
def test_links_as_people_have_them_are_taken(booster, buyer, followers, link):
    assert ordered(buyer, followers, link=link).link == link


def test_without_money_no_order_is_made_and_nobody_is_asked(booster, followers):
    poor = make_buyer(funds=Decimal("0.499999"))
    with pytest.raises(InsufficientFunds) as refusal:
        ordered(poor, followers)
    assert refusal.value.facts["required"] == PRICE
    assert (SmmOrder.objects.count(), booster.calls) == (0, [])


def test_a_pretend_service_is_never_sold_for_real_money_where_the_sandbox_is_off(buyer, settings):
    pretend = make_smm_service(provider="sandbox")
    settings.SANDBOX = False
    assert list(refused(buyer, pretend)) == ["smm_service_id"]
    assert ordered(make_buyer(name="Tester", mode="test"), pretend).status == Status.PENDING


# --- A clear no, and no answer -----------------------------------------------------------------------


def test_when_the_provider_says_no_everything_is_given_back(booster, buyer, followers):
    booster.before["place"] = ProviderError()
    with pytest.raises(SmmOrderRefused):
        ordered(buyer, followers)
    order = SmmOrder.objects.get()
    assert (order.status, order.failure, order.due_at, purse(buyer)) == (Status.FAILED, "provider_error", None, WHOLE)
    assert Transaction.objects.get(kind="smm_refund").reference == f"smm:{order.pk}:refund"
    assert differences() == []


def test_a_provider_that_nobody_knows_refuses(buyer):
    with pytest.raises(SmmOrderRefused):
        ordered(buyer, make_smm_service(provider="gone"))
    assert purse(buyer) == WHOLE


@pytest.mark.parametrize("silence", [OutcomeUnknown("timeout"), ZeroDivisionError("a bug"), ConnectionError("cut")])
@pytest.mark.parametrize("when", ["before", "after"])
def test_without_an_answer_the_order_is_unknown_and_its_money_stays_charged(booster, buyer, followers, silence, when):
    reach(booster, when, "place", silence)
    order = ordered(buyer, followers)
    assert (order.status, order.needs_staff, purse(buyer)) == (Status.UNKNOWN, False, PAID)
    assert (order.due_at is not None, differences()) == (True, [])


@pytest.mark.parametrize(
    ("when", "status", "left"), [("after", Status.PENDING, PAID), ("before", Status.FAILED, WHOLE)]
)
def test_an_unknown_order_is_found_by_our_reference_or_refunded(booster, buyer, followers, when, status, left):
    reach(booster, when, "place", OutcomeUnknown())
    order = ordered(buyer, followers)
    tick(order)
    assert (order.status, purse(buyer), differences()) == (status, left, [])
    assert tick() == int(status == Status.PENDING)  # an ended one is never looked at again


@pytest.mark.parametrize("silence", [OutcomeUnknown(), ProviderError()])
def test_a_silent_provider_is_asked_ever_less_often_and_staff_are_told_after_a_day(booster, buyer, followers, silence):
    booster.before = {"place": OutcomeUnknown(), "find": silence}
    order = ordered(buyer, followers)
    tick(order, hours=23)
    assert (order.status, order.needs_staff) == (Status.UNKNOWN, False)
    tick(order, hours=2)
    assert (order.status, order.needs_staff, purse(buyer)) == (Status.UNKNOWN, True, PAID)
    assert order.attempts == 2


def test_two_orders_that_a_provider_gives_one_number_are_not_one(booster, buyer, followers):
    ordered(buyer, followers)
    booster.placed.clear()  # it counts from p1 again
    second = ordered(buyer, followers)
    assert (second.status, second.provider_order_id) == (Status.UNKNOWN, "")
    assert differences() == []


# --- A provider that knows no references -------------------------------------------------------------


@pytest.fixture
def forgetful(booster) -> FakeSmmProvider:
    booster.remembers_references = False
    return booster


@pytest.mark.parametrize("when", ["before", "after"])
def test_where_no_reference_is_known_an_unknown_order_goes_to_staff_at_once(forgetful, buyer, followers, when):
    reach(forgetful, when, "place", OutcomeUnknown())
    order = ordered(buyer, followers)
    assert (order.status, order.needs_staff, order.due_at, purse(buyer)) == (Status.UNKNOWN, True, None, PAID)
    assert (tick(), forgetful.calls, differences()) == (0, ["place"], [])


def test_a_crashed_call_goes_to_staff_once_its_deadline_is_over(forgetful, buyer, followers):
    with crash_at(forgetful.before, "place"):
        ordered(buyer, followers)
    order = SmmOrder.objects.get()
    tick(order)
    assert (order.status, order.needs_staff, order.due_at, forgetful.calls) == (Status.UNKNOWN, True, None, ["place"])


def test_one_that_was_never_called_is_certain_and_refunded(forgetful, buyer, followers):
    with crash_at(orders, "start_calling"):
        ordered(buyer, followers)
    order = SmmOrder.objects.get()
    tick(order)
    assert (order.status, order.needs_staff, purse(buyer)) == (Status.FAILED, False, WHOLE)


# --- The same key again ----------------------------------------------------------------------------------


def place(buyer, followers, key="k"):
    return smm.place(buyer=buyer, wish=wish(followers), idempotency_key=key)


def test_the_same_key_is_the_same_order(booster, buyer, followers):
    first = place(buyer, followers)
    assert place(buyer, followers) == first
    assert (SmmOrder.objects.count(), booster.calls, purse(buyer)) == (1, ["place"], PAID)


def test_without_a_key_every_request_is_an_order(booster, buyer, followers):
    assert ordered(buyer, followers) != ordered(buyer, followers)


def test_the_same_key_of_two_customers_is_two_orders(booster, buyer, followers):
    assert place(buyer, followers) != place(make_buyer(name="Other"), followers)


def test_after_a_refusal_the_key_may_be_used_again(booster, buyer, followers):
    booster.before["place"] = ProviderError()
    with pytest.raises(SmmOrderRefused):
        place(buyer, followers)
    booster.before.clear()
    assert place(buyer, followers).status == Status.PENDING


def test_a_day_later_the_key_is_a_new_one(booster, buyer, followers):
    first = place(buyer, followers)
    let_pass(first, hours=23, minutes=59)
    assert place(buyer, followers) == first
    let_pass(first, minutes=2)
    assert place(buyer, followers) != first


def test_a_key_is_not_given_up_while_nobody_knows_what_it_ordered(forgetful, buyer, followers):
    forgetful.before["place"] = OutcomeUnknown()
    first = place(buyer, followers)
    let_pass(first, hours=30)
    assert place(buyer, followers) == first
    assert forgetful.calls == ["place"]


def test_a_repeat_goes_on_with_an_order_that_was_never_called(booster, buyer, followers):
    with crash_at(orders, "start_calling"):
        place(buyer, followers)
    assert place(buyer, followers).status == Status.PENDING
    assert (SmmOrder.objects.count(), purse(buyer)) == (1, PAID)


def test_a_repeat_waits_while_the_call_may_be_in_flight(booster, buyer, followers):
    booster.before["place"] = Crash()
    for expected in (Crash, RequestInProgress):
        with pytest.raises(expected):
            place(buyer, followers)
    assert booster.calls == ["place"]


def test_a_repeat_past_the_deadline_asks_what_became_of_the_call(booster, buyer, followers):
    with crash_at(booster.after, "place"):
        place(buyer, followers)
    let_pass(SmmOrder.objects.get(), minutes=1)
    assert place(buyer, followers).status == Status.PENDING
    assert booster.calls == ["place", "find"]


# --- Crashes between every two steps --------------------------------------------------------------------------

POINTS = {
    "before the order is committed": (money, "take", None),
    "between the order and the call": (orders, "start_calling", Status.FAILED),
    "before the provider hears of it": ("before", "place", Status.FAILED),
    "before its answer arrives": ("after", "place", Status.PENDING),
    "before its answer is written": (orders, "accept", Status.PENDING),
}


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_while_ordering_is_settled_by_the_tick(booster, buyer, followers, point):
    where, what, status = POINTS[point]
    with crash_at(getattr(booster, where) if isinstance(where, str) else where, what):
        ordered(buyer, followers)
    tick()
    assert list(SmmOrder.objects.values_list("status", flat=True)) == [status] * (status is not None)
    assert purse(buyer) == (PAID if status == Status.PENDING else WHOLE)
    assert (differences(), len(booster.requests) <= 1) == ([], True)


def test_the_crash_tests_can_fail(booster, buyer, followers):
    """The control: without the tick, a crash between the order and the call keeps the money for ever."""
    with crash_at(orders, "start_calling"):
        ordered(buyer, followers)
    assert purse(buyer) == PAID


def test_a_call_in_flight_is_not_disturbed_by_the_tick(booster, buyer, followers):
    found = []
    booster.before["place"] = lambda: found.append(orders.take_over(SmmOrder.objects.get().pk).status)
    assert ordered(buyer, followers).status == Status.PENDING
    assert found == [Status.CALLING]


def test_an_order_that_is_placed_after_it_was_given_up_is_left_to_staff(booster, buyer, followers):
    booster.after["place"] = lambda: orders.fail(SmmOrder.objects.get().pk, "provider_error")
    with pytest.raises(SmmOrderRefused):
        ordered(buyer, followers)
    order = SmmOrder.objects.get()
    assert (order.status, order.needs_staff, purse(buyer)) == (Status.FAILED, True, WHOLE)
    assert "p1" in order.contradiction


def test_what_failed_later_is_told_as_an_event(booster, buyer, followers):
    booster.before["place"] = OutcomeUnknown()
    order = ordered(buyer, followers)
    assert not Event.objects.filter(kind="smm_order.updated").exists()
    tick(order)
    assert Event.objects.get(kind="smm_order.updated").payload["status"] == "failed"
