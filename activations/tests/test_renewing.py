"""Renewal: each period once, in order, at the price of the day; grace, release, and the clock's tricks."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.utils import timezone

from activations.errors import RenewalNotDue, SubscriptionInactive
from activations.models import Subscription
from activations.services import subscriptions
from activations.services.subscriptions import renewing
from activations.services.subscriptions.months import months_after
from activations.tests.factories import differences, make_buyer, purse
from activations.tests.number_factories import (
    PRICE,
    charges,
    events,
    make_plan,
    set_plan_price,
    spans,
    subscribe,
)
from catalog.tests.factories import make_price_list
from wallets.models import Customer, Event, Transaction, Wallet
from wallets.services import deposit, post
from wallets.services.posting import Posting

pytestmark = pytest.mark.django_db
Status = Subscription.Status
DAY = timedelta(days=1)
RICH = Decimal(100)
# To come: whatever a test has renewed is not overdue by the machine's own clock.
START = datetime(2038, 1, 31, 9, 30, tzinfo=UTC)
PURCHASE, RENEWAL = ("number_purchase", PRICE), ("number_renewal", PRICE)


@pytest.fixture
def plan(provider):
    return make_plan()


def at(*day: int) -> datetime:
    return datetime(*day, 9, 30, tzinfo=UTC)


def renew_at(moment: datetime) -> int:
    return subscriptions.renew_due(now=moment)


def fresh(subscription: Subscription) -> Subscription:
    return Subscription.objects.get(pk=subscription.pk)


def top_up(buyer, amount: str) -> None:
    deposit(wallet=Wallet.objects.get(pk=buyer.wallet_id), amount=Decimal(amount), reference=f"top-up:{amount}")


# --- Months -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "ends"), [
    (at(2038, 1, 31), [(2, 28), (3, 31), (4, 30), (5, 31)]),
    (at(2040, 1, 31), [(2, 29), (3, 31), (4, 30), (5, 31)]),
    (at(2039, 12, 30), [(1, 30), (2, 29), (3, 30), (4, 30)]),
    (at(2040, 2, 29), [(3, 29), (4, 29), (5, 29), (6, 29)]),
    (at(2038, 11, 15), [(12, 15), (1, 15), (2, 15), (3, 15)]),
])  # fmt: skip
def test_months_keep_the_anchor_day(start, ends):
    found = [months_after(start, number, start.day) for number in (1, 2, 3, 4)]
    assert [(end.month, end.day) for end in found] == ends
    assert {end.time() for end in found} == {start.time()}


def test_the_29th_of_february_comes_back_in_the_next_leap_year():
    assert [months_after(at(2040, 2, 29), 12 * year, 29).day for year in (1, 2, 3, 4)] == [28, 28, 28, 29]


# --- Renewal ----------------------------------------------------------------------------------


def test_fourteen_months_are_charged_one_by_one_without_a_gap(plan):
    buyer = make_buyer(Decimal(6 * 15))
    subscription = subscribe(buyer, started=START)
    for month in range(1, 15):
        end = months_after(START, month, 31)
        assert renew_at(end - timedelta(seconds=1)) == 0
        assert renew_at(end) == 1
        assert renew_at(end) == 0
    renewed = fresh(subscription)
    assert (renewed.period, renewed.status, renewed.expires_at) == (15, Status.ACTIVE, at(2039, 4, 30))
    assert charges(subscription) == [PURCHASE, *[RENEWAL] * 14]
    periods = spans(subscription)
    assert periods[0][0] == START
    assert all(before[1] == after[0] for before, after in pairwise(periods))
    assert events(subscription) == ["activated", *["renewed"] * 14]
    assert purse(buyer) == (Decimal(0), Decimal(0))
    assert differences() == []


def test_a_renewal_is_charged_at_the_price_of_that_day_and_says_what_it_is(plan):
    subscription = subscribe(started=START)
    set_plan_price(plan, "7.50", effective_from=at(2038, 2, 20))
    renew_at(at(2038, 2, 28))
    assert charges(subscription) == [PURCHASE, ("number_renewal", Decimal("7.50"))]
    assert fresh(subscription).price == Decimal("7.50")
    charge = Transaction.objects.get(reference=f"subscription:{subscription.pk}:period:2")
    assert (charge.credit.code, charge.actor, charge.credential) == ("revenue:numbers", "task:renewals", "sgk_ab12")
    assert subscription.phone not in charge.description
    assert differences() == []


def test_customers_pay_their_own_price_their_lists_price_or_the_base_price(plan):
    own, listed, neither = (make_buyer(RICH, name=name) for name in ("own", "listed", "neither"))
    price_list = make_price_list("Resellers", Customer.objects.get(pk=listed.customer_id))
    subscribed = [subscribe(buyer, started=START) for buyer in (own, listed, neither)]
    set_plan_price(plan, "1", customer_id=own.customer_id)
    set_plan_price(plan, "2", price_list=price_list)
    renew_at(at(2038, 2, 28))
    renewals = [("number_renewal", Decimal(1)), ("number_renewal", Decimal(2)), RENEWAL]
    assert [charges(each)[1:] for each in subscribed] == [[each] for each in renewals]
    assert differences() == []


def test_a_plan_that_is_sold_no_more_is_still_renewed(plan):
    subscription = subscribe(started=START)
    plan.is_active = False
    plan.save()
    renew_at(at(2038, 2, 28))
    assert charges(subscription) == [PURCHASE, RENEWAL]


def test_without_auto_renew_it_expires_and_its_number_goes_back(plan, provider):
    subscription = subscribe(auto_renew=False, started=START)
    renew_at(at(2038, 2, 28))
    assert fresh(subscription).status == Status.EXPIRED
    assert charges(subscription) == [PURCHASE]
    assert provider.returned == []
    Subscription.objects.update(due_at=timezone.now())
    assert subscriptions.settle_numbers() == 1
    assert provider.returned == [subscription.provider_number_id]
    assert subscriptions.settle_numbers() == 0
    assert events(subscription) == ["activated", "expired"]
    assert differences() == []


def test_a_test_subscription_is_renewed_without_money(plan):
    buyer = make_buyer(Decimal(0), mode="test")
    subscription = subscribe(buyer, started=START)
    renew_at(at(2038, 2, 28))
    assert fresh(subscription).period == 2
    assert charges(subscription) == []
    assert differences() == []


def test_one_wallet_pays_for_its_subscriptions_in_their_order_until_it_is_empty(plan):
    buyer = make_buyer(Decimal(30))
    first, second, third = (subscribe(buyer, started=START + timedelta(hours=hour)) for hour in (0, 1, 2))
    renew_at(at(2038, 3, 1))
    assert [fresh(each).status for each in (first, second, third)] == [Status.ACTIVE, Status.ACTIVE, Status.GRACE]
    assert purse(buyer) == (Decimal(0), Decimal(0))
    assert differences() == []


# --- Grace ------------------------------------------------------------------------------------


def test_without_money_the_number_is_kept_three_days_and_tried_daily_then_released(plan, provider):
    buyer = make_buyer(PRICE)
    subscription = subscribe(buyer, started=START)
    end = at(2038, 2, 28)
    renew_at(end)
    waiting = fresh(subscription)
    assert (waiting.status, waiting.grace_until, waiting.due_at) == (Status.GRACE, end + 3 * DAY, end + DAY)
    tries = [renew_at(end + hours * timedelta(hours=1)) for hours in range(1, 73)]
    assert [hour for hour, looked in enumerate(tries, 1) if looked] == [24, 48, 72]
    released = fresh(subscription)
    assert (released.status, released.failure, released.auto_renew) == (Status.RELEASED, "insufficient_balance", False)
    assert charges(subscription) == [PURCHASE]
    assert events(subscription) == ["activated", "grace", "released"]


def test_the_notice_of_grace_says_how_much_is_missing_and_until_when(plan):
    buyer = make_buyer(Decimal("7.5"))
    subscription = subscribe(buyer, started=START)
    renew_at(at(2038, 2, 28))
    told = Event.objects.get(kind="subscription.grace", object_id=subscription.pk)
    assert told.customer_id == buyer.customer_id
    assert (told.payload["reason"], told.payload["required"], told.payload["available"]) == (
        "insufficient_balance", "6", "1.5",
    )  # fmt: skip
    assert told.payload["grace_until"] == "2038-03-03T09:30:00+00:00"


def test_money_that_comes_in_grace_pays_a_period_that_follows_without_a_gap(plan):
    buyer = make_buyer(PRICE)
    subscription = subscribe(buyer, started=START)
    end = at(2038, 2, 28)
    renew_at(end)
    top_up(buyer, "10")
    renew_at(end + DAY)
    recovered = fresh(subscription)
    assert (recovered.status, recovered.grace_until) == (Status.ACTIVE, None)
    assert (recovered.period_started_at, recovered.expires_at) == (end, at(2038, 3, 31))
    assert events(subscription) == ["activated", "grace", "renewed"]
    assert differences() == []


def test_a_suspended_customer_is_not_charged_and_recovers_when_let_go(plan):
    buyer = make_buyer(RICH)
    subscription = subscribe(buyer, started=START)
    customer = Customer.objects.filter(pk=buyer.customer_id)
    customer.update(status="suspended")
    renew_at(at(2038, 2, 28))
    assert (fresh(subscription).status, fresh(subscription).failure) == (Status.GRACE, "account_suspended")
    customer.update(status="active")
    renew_at(at(2038, 3, 1))
    assert (fresh(subscription).status, charges(subscription)) == (Status.ACTIVE, [PURCHASE, RENEWAL])


def test_without_a_price_it_waits_in_grace_for_staff(plan):
    subscription = subscribe(started=START)
    set_plan_price(plan, None, effective_from=at(2038, 2, 1))
    renew_at(at(2038, 2, 28))
    kept = fresh(subscription)
    assert (kept.status, kept.failure, kept.needs_staff) == (Status.GRACE, "not_offered", True)


def test_auto_renew_turned_off_in_grace_ends_it(plan):
    subscription = subscribe(make_buyer(PRICE), started=START)
    end = at(2038, 2, 28)
    renew_at(end)
    subscriptions.set_auto_renew(subscription=subscription, auto_renew=False, now=end + timedelta(hours=1))
    renew_at(end + timedelta(hours=1))
    assert fresh(subscription).status == Status.EXPIRED


# --- Late schedulers and odd clocks -----------------------------------------------------------


def test_a_scheduler_that_was_down_for_forty_days_charges_each_missed_period_once(plan):
    subscription = subscribe(started=START)
    renew_at(at(2038, 2, 28) + 40 * DAY)  # 9 April: the period to 31 March and the one to 30 April
    assert charges(subscription) == [PURCHASE, RENEWAL, RENEWAL]
    assert spans(subscription)[1:] == [(at(2038, 2, 28), at(2038, 3, 31)), (at(2038, 3, 31), at(2038, 4, 30))]
    assert renew_at(at(2038, 2, 28) + 40 * DAY) == 0
    assert differences() == []


def test_after_forty_days_with_money_for_one_period_the_other_has_three_days_of_notice(plan):
    subscription = subscribe(make_buyer(2 * PRICE), started=START)
    late = at(2038, 2, 28) + 40 * DAY
    renew_at(late)
    kept = fresh(subscription)
    assert (kept.period, kept.status, kept.grace_until) == (2, Status.GRACE, late + 3 * DAY)
    assert charges(subscription) == [PURCHASE, RENEWAL]


def test_after_months_without_a_look_staff_decide_and_nothing_is_charged(plan):
    subscription = subscribe(started=START)
    late = months_after(START, 4, 31)
    assert renew_at(late) == 1
    assert renew_at(late) == 0
    asleep = fresh(subscription)
    assert (asleep.status, asleep.needs_staff, asleep.due_at) == (Status.ACTIVE, True, None)
    assert charges(subscription) == [PURCHASE]
    for _ in range(4):
        subscriptions.renew(subscription=subscription, actor="staff:ada", now=late)
    awake = fresh(subscription)
    assert (awake.period, awake.needs_staff, awake.expires_at) == (5, False, months_after(START, 5, 31))
    assert charges(subscription) == [PURCHASE, *[RENEWAL] * 4]


def test_what_could_not_pay_is_released_however_late_its_grace_is_looked_at(plan):
    subscription = subscribe(make_buyer(PRICE), started=START)
    renew_at(at(2038, 2, 28))
    renew_at(at(2038, 12, 1))
    assert (fresh(subscription).status, charges(subscription)) == (Status.RELEASED, [PURCHASE])


def test_a_clock_put_back_neither_charges_again_nor_moves_a_period_back(plan):
    subscription = subscribe(started=START)
    renew_at(at(2038, 2, 28))
    before = fresh(subscription)
    assert renew_at(at(2038, 1, 15)) == 0
    assert renew_at(at(2038, 2, 28)) == 0
    assert fresh(subscription).expires_at == before.expires_at
    assert charges(subscription) == [PURCHASE, RENEWAL]


def test_staff_may_try_at_once_what_is_due_and_only_that(plan):
    buyer = make_buyer(PRICE)
    subscription = subscribe(buyer, started=START)
    with pytest.raises(RenewalNotDue):
        subscriptions.renew(subscription=subscription, actor="staff:ada", now=at(2038, 2, 27))
    renew_at(at(2038, 2, 28))
    top_up(buyer, "6")
    renewed = subscriptions.renew(subscription=subscription, actor="staff:ada", now=at(2038, 2, 28))
    assert (renewed.status, fresh(subscription).status) == (Status.ACTIVE, Status.ACTIVE)
    assert Transaction.objects.get(kind="number_renewal").actor == "staff:ada"
    subscriptions.cancel(subscription=subscription, at_once=True)
    with pytest.raises(SubscriptionInactive):
        subscriptions.renew(subscription=subscription, actor="staff:ada", now=at(2038, 4, 1))


# --- Batches ----------------------------------------------------------------------------------


def test_one_bad_row_stops_no_other(plan):
    good, bad, fine = (subscribe(started=START + timedelta(hours=hour)) for hour in (0, 1, 2))
    # Somebody used its reference for something else: the books refuse the renewal.
    post(Posting(
        debit=bad.wallet_id, credit="revenue:numbers", amount=Decimal(1), currency="USD", kind="adjustment",
        reference=bad.reference(2),
    ))  # fmt: skip
    late = at(2038, 3, 1)
    renew_at(late)
    assert [fresh(each).period for each in (good, bad, fine)] == [2, 1, 2]
    aside = fresh(bad)
    assert (aside.needs_staff, aside.due_at) == (True, late + renewing.SET_ASIDE)


def test_small_batches_do_the_same_as_a_large_one(plan):
    subscribed = [subscribe(started=START + timedelta(minutes=number)) for number in range(7)]
    assert subscriptions.renew_due(now=at(2038, 3, 1), batch=3) == 7
    assert {fresh(each).period for each in subscribed} == {2}
    assert differences() == []


def test_a_batch_asks_the_database_as_often_as_a_single_renewal(plan, django_assert_max_num_queries):
    customers = [make_buyer(RICH, name=f"c{number}") for number in range(20)]
    for number, buyer in enumerate(customers):
        subscribe(buyer, started=START + timedelta(minutes=number))
    with django_assert_max_num_queries(40):
        assert renew_at(at(2038, 3, 1)) == 20
    assert Transaction.objects.filter(kind="number_renewal").count() == 20
