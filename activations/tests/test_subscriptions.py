"""Buying a number by the month: charged first, given back in full when none came, ended as the customer says."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from activations.errors import NoNumbersAvailable, ProviderRefused, RequestInProgress, SubscriptionInactive
from activations.models import Activation, InboundMessage, PoolLease, PoolNumber, Subscription
from activations.providers import OutcomeUnknown, ProviderError
from activations.services import buy, erase_texts, receive_text, subscriptions
from activations.services.subscriptions import numbers
from activations.tests.factories import Crash, differences, make_buyer, make_fake_offer, purse, wish
from activations.tests.number_factories import PRICE, charges, events, make_plan, set_plan_price, subscribe
from catalog.models import Country
from catalog.tests.factories import make_country, make_rate
from config.errors import InvalidInput
from wallets.errors import InsufficientFunds
from wallets.models import Event, Transaction, Wallet

pytestmark = pytest.mark.django_db
Status = Subscription.Status
FUNDS = Decimal(10)
ALL = (FUNDS, Decimal(0))


@pytest.fixture
def plan(provider):
    return make_plan()


def purchase(buyer, country="US", **facts):
    return subscriptions.purchase(buyer=buyer, country=country, **facts)


def make_due() -> None:
    Subscription.objects.update(due_at=timezone.now() - timedelta(seconds=1), call_deadline_at=None)


# --- Buying -----------------------------------------------------------------------------------


def test_a_month_is_charged_and_the_number_is_theirs_for_it(provider, plan, buyer):
    bought = purchase(buyer)
    assert (bought.status, bought.phone, bought.auto_renew) == (Status.ACTIVE, "+12025551000", False)
    assert (bought.period, bought.price, bought.anchor_day) == (1, PRICE, bought.started_at.day)
    assert bought.period_started_at == bought.started_at < bought.expires_at == bought.due_at
    assert charges(bought) == [("number_purchase", PRICE)]
    assert purse(buyer) == (FUNDS - PRICE, Decimal(0))
    assert differences() == []


def test_the_provider_is_asked_once_for_a_monthly_number_with_our_reference(provider, plan, buyer):
    bought = purchase(buyer)
    (request,) = provider.requests
    assert (request.reference, request.country, request.monthly) == (str(bought.uuid), "US", True)


def test_money_is_taken_before_the_provider_is_asked_and_no_transaction_is_open_then(provider, plan, buyer):
    seen = []
    provider.before["order"] = lambda: seen.append(purse(buyer)[0])
    purchase(buyer)  # the fake provider refuses to be called inside a transaction
    assert seen == [FUNDS - PRICE]


@pytest.mark.parametrize(("answer", "refusal"), [
    (ProviderError("no_numbers_available"), NoNumbersAvailable), (ProviderError("provider_error"), ProviderRefused),
])  # fmt: skip
def test_a_clear_no_gives_all_of_it_back(provider, plan, buyer, answer, refusal):
    provider.before["order"] = answer
    with pytest.raises(refusal):
        purchase(buyer)
    failed = Subscription.objects.get()
    assert (failed.status, purse(buyer)) == (Status.FAILED, ALL)
    assert list(Transaction.objects.order_by("id").values_list("kind", flat=True))[1:] == [
        "number_purchase", "number_refund",
    ]  # fmt: skip
    assert differences() == []


def test_without_money_nothing_is_ordered_and_nothing_is_left(provider, plan):
    with pytest.raises(InsufficientFunds) as refusal:
        purchase(make_buyer(Decimal(5)))
    assert refusal.value.facts["required"] == PRICE
    assert (provider.calls, Subscription.objects.count()) == ([], 0)


@pytest.mark.parametrize("country", ["GB", "ZZ", "", "us\n", "ＵＳ", "U"])
def test_a_country_where_none_is_sold_is_bad_input(provider, plan, buyer, country):
    make_country("GB")
    with pytest.raises(InvalidInput) as refusal:
        purchase(buyer, country)
    assert list(refusal.value.errors) == ["country"]


def test_a_country_that_is_switched_off_sells_nothing(provider, plan, buyer):
    Country.objects.update(is_enabled=False)
    with pytest.raises(InvalidInput):
        purchase(buyer)
    assert subscriptions.inventory(customer_id=buyer.customer_id, currency="USD") == []


def test_a_price_in_another_currency_is_converted_once_and_told_in_the_books(provider, plan):
    make_rate("USD", "GBP", "0.8")
    buyer = make_buyer(currency="GBP")
    bought = purchase(buyer)
    charge = Transaction.objects.get(kind="number_purchase")
    assert (bought.price, charge.amount, charge.currency) == (Decimal("4.8"), Decimal("4.8"), "GBP")
    assert (charge.original_amount, charge.original_currency, charge.rate) == (PRICE, "USD", Decimal("0.8"))


def test_the_same_key_buys_once_and_goes_on_after_a_crash(provider, plan, buyer):
    provider.after["order"] = Crash()
    with pytest.raises(Crash):
        purchase(buyer, idempotency_key="k")
    provider.after.clear()
    with pytest.raises(RequestInProgress):
        purchase(buyer, idempotency_key="k")
    make_due()
    resumed = purchase(buyer, idempotency_key="k")
    assert (resumed.status, resumed.phone) == (Status.ACTIVE, "+12025551000")
    assert purchase(buyer, idempotency_key="k") == resumed
    assert (provider.calls, len(charges(resumed))) == (["order", "find"], 1)


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_crash_around_the_call_is_settled_by_the_tick(provider, plan, buyer, where):
    getattr(provider, where)["order"] = Crash()
    with pytest.raises(Crash):
        purchase(buyer)
    make_due()
    subscriptions.settle_numbers()
    settled = Subscription.objects.get()
    came = where == "after"
    assert settled.status == (Status.ACTIVE if came else Status.FAILED)
    assert purse(buyer) == (FUNDS - PRICE * came, Decimal(0))
    assert differences() == []


@pytest.mark.parametrize("silence", [OutcomeUnknown("still silent"), ProviderError("provider_not_configured")])
def test_an_unknown_outcome_keeps_the_money_until_the_provider_says(provider, plan, buyer, silence):
    provider.after["order"] = OutcomeUnknown("silence")
    provider.before["find"] = silence
    unknown = purchase(buyer)
    assert (unknown.status, purse(buyer)[0]) == (Status.UNKNOWN, FUNDS - PRICE)
    make_due()
    assert subscriptions.settle_numbers() == 1
    assert Subscription.objects.get().status == Status.UNKNOWN
    provider.before.clear()
    make_due()
    subscriptions.settle_numbers()
    begun = Subscription.objects.get()
    # Its month begins when we know of the number, not when we asked for it.
    assert (begun.status, begun.started_at > unknown.created_at) == (Status.ACTIVE, True)


def test_a_number_that_comes_after_a_failure_goes_back(provider, plan, buyer):
    provider.before["order"] = ProviderError("provider_error")
    with pytest.raises(ProviderRefused):
        purchase(buyer)
    failed = Subscription.objects.get()
    late = numbers.give_number(failed.pk, provider.give(str(failed.uuid)))
    assert (late.status, provider.returned, late.returned_at is not None) == (Status.FAILED, ["n1"], True)
    assert purse(buyer) == ALL


def test_a_test_key_gets_a_pretend_number_and_pays_nothing(plan):
    buyer = make_buyer(Decimal(0), mode="test")
    bought = purchase(buyer)
    assert (bought.provider, bought.status, charges(bought)) == ("sandbox", Status.ACTIVE, [])


# --- Inventory --------------------------------------------------------------------------------


def test_the_inventory_shows_what_a_purchase_takes(provider, buyer):
    american = make_plan("US", "6")
    make_plan("GB", "5")
    rows = subscriptions.inventory(customer_id=buyer.customer_id, currency="USD")
    assert [(row.country.code, row.price, row.stock) for row in rows] == [("US", 6, None), ("GB", 5, None)]
    set_plan_price(american, "3", customer_id=buyer.customer_id)
    (cheaper, _) = subscriptions.inventory(customer_id=buyer.customer_id, currency="USD")
    assert (cheaper.price, purchase(buyer).price) == (Decimal(3), Decimal(3))


def test_pool_stock_is_counted_and_an_empty_pool_is_not_shown(buyer):
    make_plan("US", "6", provider="pool")
    make_plan("GB", "5", provider="pool")
    for number in range(2):
        PoolNumber.objects.create(phone=f"+1202555010{number}", country=make_country("US"))
    (row,) = subscriptions.inventory(customer_id=buyer.customer_id, currency="USD")
    assert (row.country.code, row.stock) == ("US", 2)
    with pytest.raises(NoNumbersAvailable):
        purchase(buyer, "GB")
    assert purse(buyer) == ALL


def test_a_dearer_plan_in_stock_is_shown_where_the_cheaper_is_sold_out(provider, buyer):
    make_plan("US", "4", provider="pool")
    make_plan("US", "6")
    (row,) = subscriptions.inventory(customer_id=buyer.customer_id, currency="USD")
    assert (row.price, purchase(buyer).price) == (PRICE, PRICE)


def test_pretend_numbers_are_not_sold_where_the_sandbox_is_off(settings, buyer):
    make_plan(provider="sandbox")
    settings.SANDBOX = False
    assert subscriptions.inventory(customer_id=buyer.customer_id, currency="USD") == []
    with pytest.raises(NoNumbersAvailable):
        purchase(buyer)


# --- Ending -----------------------------------------------------------------------------------


def test_canceled_it_stays_theirs_until_its_period_ends(provider, plan):
    bought = subscribe()
    canceled = subscriptions.cancel(subscription=bought)
    assert (canceled.status, canceled.auto_renew, canceled.next_renewal_at) == (Status.ACTIVE, False, None)
    assert subscriptions.cancel(subscription=bought).status == Status.ACTIVE
    subscriptions.renew_due(now=bought.expires_at)
    assert Subscription.objects.get().status == Status.CANCELED
    assert len(charges(bought)) == 1


def test_auto_renew_takes_a_waiting_cancellation_back(provider, plan):
    bought = subscribe()
    subscriptions.cancel(subscription=bought)
    subscriptions.set_auto_renew(subscription=bought, auto_renew=True)
    subscriptions.renew_due(now=bought.expires_at)
    assert (Subscription.objects.get().status, len(charges(bought))) == (Status.ACTIVE, 2)


def test_canceled_at_once_the_number_goes_back_and_nothing_is_refunded(provider, plan, buyer):
    bought = subscribe(buyer)
    assert subscriptions.cancel(subscription=bought, at_once=True).status == Status.CANCELED
    subscriptions.settle_numbers()
    assert (provider.returned, purse(buyer)[0]) == (["n1"], FUNDS - PRICE)
    assert subscriptions.cancel(subscription=bought, at_once=True).status == Status.CANCELED
    assert events(bought) == ["activated", "canceled"]
    assert differences() == []


def test_a_number_nobody_takes_back_is_offered_again_until_it_is_taken(provider, plan):
    bought = subscribe()
    provider.before["give_back"] = OutcomeUnknown("silence")
    subscriptions.cancel(subscription=bought, at_once=True)
    subscriptions.settle_numbers()
    assert Subscription.objects.get().returned_at is None
    provider.before.clear()
    make_due()
    subscriptions.settle_numbers()
    assert (Subscription.objects.get().returned_at is None, provider.returned) == (False, ["n1"])


def test_what_has_ended_is_never_renewed_again(provider, plan):
    bought = subscribe()
    released = subscriptions.take_back(subscription=bought)
    assert (released.status, released.failure) == (Status.RELEASED, "staff")
    with pytest.raises(SubscriptionInactive):
        subscriptions.set_auto_renew(subscription=bought, auto_renew=True)
    assert subscriptions.set_auto_renew(subscription=bought, auto_renew=False).status == Status.RELEASED
    assert subscriptions.renew_due(now=bought.expires_at) == 0


def test_an_order_still_being_placed_cannot_be_canceled(provider, plan, buyer):
    provider.after["order"] = OutcomeUnknown("silence")
    unknown = purchase(buyer)
    with pytest.raises(RequestInProgress):
        subscriptions.cancel(subscription=unknown)
    with pytest.raises(RequestInProgress):
        subscriptions.take_back(subscription=unknown)


def test_a_pool_number_is_leased_all_along_and_quarantined_afterwards(settings):
    make_plan(provider="pool")
    number = PoolNumber.objects.create(phone="+12025550100", country=make_country("US"))
    bought = subscribe()
    assert (bought.phone, PoolLease.objects.get().ended_at) == (number.phone, None)
    subscriptions.renew_due(now=bought.expires_at)
    assert PoolLease.objects.get().ended_at is None
    subscriptions.cancel(subscription=bought, at_once=True)
    subscriptions.settle_numbers()
    number.refresh_from_db()
    assert PoolLease.objects.get().ended_at is not None
    assert number.free_from > timezone.now() + timedelta(days=settings.QUARANTINE_DAYS - 1)
    assert differences() == []


# --- Texts ------------------------------------------------------------------------------------


def send(bought, message_id="sms-1", text="Your code is 123456", provider="fake"):
    return receive_text(
        provider=provider, provider_message_id=message_id, to=bought.phone, text=text, sender="+1234567890"
    )


def test_a_text_reaches_the_subscription_and_its_customer_is_told_once(provider, plan):
    bought = subscribe()
    message = send(bought)
    assert send(bought) == message
    assert (message.subscription, message.activation, message.state) == (bought, None, "matched")
    told = Event.objects.get(kind="subscription.message_received")
    assert (told.payload["message"], told.payload["from"]) == ("Your code is 123456", "+1234567890")
    assert told.erase_after == message.erase_after


def test_in_grace_texts_still_arrive_and_after_the_end_they_do_not(provider, plan):
    bought = subscribe(make_buyer(PRICE))
    subscriptions.renew_due(now=bought.expires_at)
    assert send(bought, "in-grace").subscription == bought
    subscriptions.cancel(subscription=bought, at_once=True)
    after = send(bought, "after")
    assert (after.subscription, after.state) == (None, "unmatched")


def test_a_rental_that_listens_at_the_same_number_goes_first(provider, plan, buyer):
    make_fake_offer()
    rented = buy(buyer=buyer, wish=wish())
    bought = subscribe()
    Subscription.objects.filter(pk=bought.pk).update(phone=rented.phone)
    assert send(rented).activation == rented
    Activation.objects.update(status="finished", closed_at=timezone.now())
    assert send(rented, "later").subscription == bought


def test_what_was_fetched_for_a_rental_is_never_handed_to_the_numbers_next_keeper(provider, plan, buyer):
    make_fake_offer()
    rented = buy(buyer=buyer, wish=wish())
    bought = subscribe()
    Subscription.objects.filter(pk=bought.pk).update(phone=rented.phone)
    Activation.objects.update(status="canceled", closed_at=timezone.now())
    late = receive_text(
        provider="fake", provider_message_id="late", to=rented.phone, text="123456", activation_id=rented.pk
    )
    assert (late.activation, late.subscription) == (rented, None)


def test_a_text_that_was_faster_than_the_providers_answer_is_theirs(provider, plan, buyer):
    provider.before["order"] = lambda: receive_text(
        provider="fake", provider_message_id="early", to="+12025551000", text="hello", sender="+15550001"
    )
    bought = purchase(buyer)
    assert InboundMessage.objects.get().subscription == bought


def test_no_real_text_is_meant_for_a_pretend_number():
    make_plan(provider="sandbox")
    bought = subscribe()
    assert send(bought, provider="twilio").subscription is None
    assert send(bought, provider="sandbox").subscription == bought


def test_the_sandbox_sends_by_hand_only(capsys):
    make_plan(provider="sandbox")
    bought = subscribe()
    call_command("sandbox_inbound", "--to", bought.phone, "--text", "Your code is 123456", "--from", "+1234567890")
    assert f"subscription {bought.pk}" in capsys.readouterr().out
    assert bought.messages.get().text == "Your code is 123456"


def test_texts_are_erased_like_all_others(provider, plan):
    message = send(subscribe())
    InboundMessage.objects.update(erase_after=timezone.now())
    erase_texts()
    message.refresh_from_db()
    assert (message.text, message.sender, message.subscription is None) == ("", "", False)


# --- The database keeps its promises ----------------------------------------------------------


@pytest.mark.parametrize("change", [
    "status = 'grace', grace_until = NULL", "expires_at = period_started_at", "period = 0", "price = 0",
    "status = 'released'", "anchor_day = NULL", "anchor_day = 32",
])  # fmt: skip
def test_the_database_refuses_a_subscription_that_cannot_be(provider, plan, change):
    subscribe()
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE activations_subscription SET {change}")


def test_two_subscriptions_never_keep_the_same_number(provider, plan):
    first, second = subscribe(), subscribe()
    with pytest.raises(IntegrityError), transaction.atomic():
        Subscription.objects.filter(pk=second.pk).update(phone=first.phone)


@pytest.mark.parametrize(("change", "promise"), [
    ("UPDATE activations_subscriptionperiod SET price = 7", "Each period of a subscription was charged"),
    ("DELETE FROM activations_subscriptionperiod", "Nothing was charged for a subscription but its periods"),
    ("UPDATE activations_subscription SET period = 2", "periods follow each other without a gap"),
    ("UPDATE activations_subscription SET status = 'failed', auto_renew = false", "gave its month back"),
    ("UPDATE activations_subscription SET started_at = now() - interval '40 days', period_started_at = now()"
     " - interval '40 days', expires_at = now() - interval '9 days'", "runs past its end"),
    ("UPDATE activations_subscription SET status = 'released', auto_renew = false, closed_at = now() - interval '2 h'",
     "has given its number back"),
])  # fmt: skip
def test_the_audit_names_what_is_wrong(provider, plan, change, promise):
    subscribe()
    assert differences() == []
    with connection.cursor() as cursor:
        cursor.execute(change)
    assert any(promise in found for found in differences())


def test_the_audit_names_a_lease_that_outlived_its_subscription():
    make_plan(provider="pool")
    PoolNumber.objects.create(phone="+12025550100", country=make_country("US"))
    bought = subscribe()
    subscriptions.cancel(subscription=bought, at_once=True)
    subscriptions.settle_numbers()
    PoolLease.objects.update(ended_at=None)
    assert any("A pool number is leased" in found for found in differences())


def test_wallets_are_only_moved_through_the_books(provider, plan, buyer):
    subscribe(buyer)
    assert Wallet.objects.get(pk=buyer.wallet_id).last_seq == 2
