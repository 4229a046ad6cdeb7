"""Buying: the price is set aside first, the provider is asked once, and its answer settles the money."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from activations.errors import (
    NoNumbersAvailable,
    ProviderRefused,
    RequestInProgress,
)
from activations.models import Activation
from activations.providers import GivenNumber, OutcomeUnknown, ProviderError
from activations.services import buy, buying, look_at_due, numbers, receive_text, resume
from activations.services.buying import Wish
from activations.tests.factories import (
    FUNDS,
    PRICE,
    Crash,
    buyer_of,
    crash_at,
    differences,
    let_pass,
    make_buyer,
    make_fake_offer,
    purse,
    wish,
)
from catalog.errors import InvalidCountry, InvalidService
from catalog.models import Country, Service
from catalog.services.pricing import quote
from catalog.tests.factories import make_country, make_offer, make_price, make_rate
from wallets.errors import InsufficientFunds
from wallets.models import Hold, Transaction

pytestmark = pytest.mark.django_db
Status = Activation.Status
NOTHING_HELD = (FUNDS, Decimal(0))


# --- The happy path ---------------------------------------------------------------------------


def test_a_number_is_given_and_its_price_held(provider, buyer, offer):
    bought = buy(buyer=buyer, wish=wish())
    assert (bought.status, bought.phone, bought.price) == (Status.WAITING, "+12025551000", PRICE)
    assert purse(buyer) == (FUNDS, PRICE)
    assert bought.expires_at == bought.due_at == bought.started_at + timedelta(seconds=offer.ttl_seconds)
    assert not Transaction.objects.exclude(kind="deposit").exists()
    assert differences() == []


def test_the_provider_is_asked_once_with_our_reference_and_the_wishes(provider, buyer, offer):
    bought = buy(buyer=buyer, wish=wish(area_code="212", carrier="T-Mobile"))
    (request,) = provider.requests
    assert request.reference == str(bought.uuid)
    assert (request.service, request.country, request.area_code) == ("telegram", "US", "212")
    assert (request.carrier, request.ttl_seconds, request.multiple_sms) == ("T-Mobile", 900, False)


def test_upfront_is_charged_at_once(provider, buyer, offer):
    bought = buy(buyer=buyer, wish=wish(settlement="upfront"))
    assert purse(buyer) == (FUNDS - PRICE, 0)
    assert (bought.charge.amount, bought.charge.kind, bought.hold) == (PRICE, "sms_purchase", None)
    assert bought.charge.description == f"Telegram rental #{bought.pk}"
    assert differences() == []


@pytest.mark.parametrize("settlement", ["on_delivery", "upfront"])
def test_a_free_number_moves_no_money(provider, buyer, offer, settlement):
    """The catalogue sells nothing for nothing today; an order of a free one must stand all the same."""
    (found,) = quote(customer_id=buyer.customer_id, service=offer.service, country=offer.country, currency="USD")
    order = buying._insert(buyer, wish(settlement=settlement), replace(found, amount=Decimal(0)), None)
    resume(order)
    received = receive_text(provider="fake", provider_message_id="1", to="+12025551000", text="code 1234").activation
    assert (received.status, received.hold, received.charge) == (Status.RECEIVED, None, None)
    assert (purse(buyer), differences()) == (NOTHING_HELD, [])


@pytest.mark.parametrize("mode", ["test", "dryrun"])
def test_test_keys_get_a_pretend_number_and_need_no_money(provider, offer, mode):
    buyer = make_buyer(funds=Decimal(0), mode=mode)
    bought = buy(buyer=buyer, wish=wish())
    assert (bought.status, bought.provider, bought.mode) == (Status.WAITING, "sandbox", mode)
    assert (bought.hold, bought.charge, bought.price) == (None, None, PRICE)
    assert provider.calls == []
    assert differences() == []


def test_the_price_is_converted_once_and_remembered(provider, offer):
    make_rate("USD", "NGN", "1530.5")
    buyer = make_buyer(funds=Decimal(1000), currency="NGN")
    bought = buy(buyer=buyer, wish=wish())
    assert (bought.price, bought.currency) == (Decimal("229.575"), "NGN")
    assert (bought.original_amount, bought.original_currency) == (PRICE, "USD")
    assert purse(buyer) == (Decimal(1000), Decimal("229.575"))


def test_a_later_price_does_not_change_an_order(provider, buyer, offer):
    bought = buy(buyer=buyer, wish=wish())
    make_price(offer, "9.99", effective_from=timezone.now())
    bought.refresh_from_db()
    assert (bought.price, bought.hold.amount) == (PRICE, PRICE)


def test_a_country_may_be_written_small(provider, buyer, offer):
    assert buy(buyer=buyer, wish=Wish(service="telegram", country="us")).country.code == "US"


def test_what_the_number_really_cost_is_kept(provider, buyer, offer):
    provider.give = lambda reference: GivenNumber("n1", "+12025551000", cost=Decimal("0.07"))
    assert buy(buyer=buyer, wish=wish()).cost == Decimal("0.07")


@pytest.mark.parametrize("written", ["12025551000", "+1 (202) 555-1000", "0012025551000"])
def test_a_number_is_stored_as_e164_however_the_provider_writes_it(provider, buyer, offer, written):
    provider.give = lambda reference: GivenNumber("n1", written)
    assert buy(buyer=buyer, wish=wish()).phone == "+12025551000"


# --- What cannot be bought ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "refusal"),
    [
        (Wish("nothing", "US"), InvalidService),
        (Wish("", "US"), InvalidService),
        (Wish("telegram", "FR"), InvalidCountry),
        (Wish("telegram", "XX"), InvalidCountry),
        (Wish("telegram", ""), InvalidCountry),
    ],
)
def test_what_is_not_sold_is_refused(provider, buyer, offer, wanted, refusal):
    make_country("FR")
    with pytest.raises(refusal):
        buy(buyer=buyer, wish=wanted)
    assert not Activation.objects.exists()
    assert provider.calls == []


def test_a_letter_that_becomes_two_in_capitals_is_no_country(provider, buyer):
    make_offer("telegram", "SS", provider="fake")
    with pytest.raises(InvalidCountry):
        buy(buyer=buyer, wish=Wish("telegram", "ß"))


@pytest.mark.parametrize(("model", "change"), [(Service, {"is_active": False}), (Country, {"is_enabled": False})])
def test_what_is_switched_off_is_not_sold(provider, buyer, offer, model, change):
    model.objects.update(**change)
    with pytest.raises((InvalidService, InvalidCountry)):
        buy(buyer=buyer, wish=wish())


def test_sold_out_is_not_the_same_as_not_sold(provider, buyer):
    make_fake_offer(stock=0)
    with pytest.raises(NoNumbersAvailable):
        buy(buyer=buyer, wish=wish())
    assert not Activation.objects.exists()


def test_an_offer_without_a_price_is_not_sold(provider, buyer):
    make_fake_offer(price=None)
    with pytest.raises(InvalidCountry):
        buy(buyer=buyer, wish=wish())


@pytest.mark.parametrize("settlement", ["on_delivery", "upfront"])
def test_without_money_no_order_is_made_and_nobody_is_asked(provider, offer, settlement):
    buyer = make_buyer(funds=Decimal("0.149999"))
    with pytest.raises(InsufficientFunds) as refusal:
        buy(buyer=buyer, wish=wish(settlement=settlement))
    assert refusal.value.facts["required"] == PRICE
    assert not Activation.objects.exists()
    assert provider.calls == []


def test_held_money_cannot_be_spent_again(provider, offer):
    buyer = make_buyer(funds=Decimal("0.29"))
    buy(buyer=buyer, wish=wish())
    with pytest.raises(InsufficientFunds):
        buy(buyer=buyer, wish=wish())
    assert Activation.objects.count() == 1


def test_a_pretend_number_is_never_sold_for_real_money_where_the_sandbox_is_off(buyer, settings):
    make_offer("telegram", "US", provider="sandbox")
    settings.SANDBOX = False
    with pytest.raises(NoNumbersAvailable):
        buy(buyer=buyer, wish=wish())
    assert purse(buyer) == NOTHING_HELD
    assert buy(buyer=make_buyer(name="Tester", mode="test"), wish=wish()).status == Status.WAITING


@pytest.mark.parametrize("area_code", ["2125551234567", "21a", "٢١٢", ".*"])
def test_an_area_code_that_is_none_is_no_wish(provider, buyer, offer, area_code):
    assert buy(buyer=buyer, wish=wish(area_code=area_code, carrier="x" * 500)).area_code == ""


# --- A clear no -----------------------------------------------------------------------------------


@pytest.mark.parametrize("settlement", ["on_delivery", "upfront"])
@pytest.mark.parametrize(
    ("code", "refusal"), [("no_numbers_available", NoNumbersAvailable), ("provider_error", ProviderRefused)]
)
def test_when_the_provider_says_no_everything_is_given_back(provider, buyer, offer, code, refusal, settlement):
    provider.before["order"] = ProviderError(code)
    with pytest.raises(refusal):
        buy(buyer=buyer, wish=wish(settlement=settlement))
    order = Activation.objects.get()
    assert (order.status, order.failure, order.due_at) == (Status.FAILED, code, None)
    assert purse(buyer) == NOTHING_HELD
    assert not Hold.objects.filter(status="active").exists()
    assert differences() == []


def test_a_provider_that_nobody_knows_has_no_numbers(buyer):
    make_offer("telegram", "US", provider="gone")
    with pytest.raises(NoNumbersAvailable):
        buy(buyer=buyer, wish=wish())
    assert purse(buyer) == NOTHING_HELD


def test_an_offer_of_the_same_price_is_tried_next(provider, buyer):
    make_offer("telegram", "US", provider="pool", price="0.15")  # has no numbers
    make_fake_offer(price="0.15")
    assert buy(buyer=buyer, wish=wish()).provider == "fake"
    assert sorted(Activation.objects.values_list("status", flat=True)) == ["failed", "waiting"]
    assert purse(buyer) == (FUNDS, PRICE)


def test_a_dearer_offer_is_not_taken_instead(provider, buyer):
    make_offer("telegram", "US", provider="pool", price="0.15")
    make_fake_offer(price="0.16")
    with pytest.raises(NoNumbersAvailable):
        buy(buyer=buyer, wish=wish())
    assert purse(buyer) == NOTHING_HELD


# --- No answer ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("silence", [OutcomeUnknown("timeout"), ZeroDivisionError("a bug"), ConnectionError("cut")])
@pytest.mark.parametrize("when", ["before", "after"])
def test_without_an_answer_the_order_is_unknown_and_its_money_stays_held(provider, buyer, offer, silence, when):
    getattr(provider, when)["order"] = silence
    bought = buy(buyer=buyer, wish=wish())
    assert (bought.status, bought.phone) == (Status.UNKNOWN, "")
    assert bought.due_at > timezone.now()
    assert purse(buyer) == (FUNDS, PRICE)
    assert differences() == []


@pytest.mark.parametrize(
    "nonsense",
    [
        GivenNumber("n1", "call us"),
        GivenNumber("n1", ""),
        GivenNumber("n1", "+" + "1" * 40),
        GivenNumber("", "+12025551000"),
        GivenNumber("x" * 65, "+12025551000"),
    ],
)
def test_an_answer_that_cannot_be_a_number_is_no_answer(provider, buyer, offer, nonsense):
    provider.give = lambda reference: provider.given.setdefault(reference, nonsense)
    bought = buy(buyer=buyer, wish=wish())
    assert bought.status == Status.UNKNOWN
    assert purse(buyer) == (FUNDS, PRICE)
    let_pass(bought, minutes=1)
    look_at_due()
    bought.refresh_from_db()
    assert (bought.status, purse(buyer)) == (Status.UNKNOWN, (FUNDS, PRICE))


# --- The same key again --------------------------------------------------------------------------------


def test_the_same_key_is_the_same_order(provider, buyer, offer):
    first = buy(buyer=buyer, wish=wish(), idempotency_key="k")
    assert buy(buyer=buyer, wish=wish(), idempotency_key="k") == first
    assert Activation.objects.count() == 1
    assert provider.calls == ["order"]
    assert purse(buyer) == (FUNDS, PRICE)


def test_without_a_key_every_request_is_an_order(provider, buyer, offer):
    assert buy(buyer=buyer, wish=wish()) != buy(buyer=buyer, wish=wish())


def test_the_same_key_of_two_customers_is_two_orders(provider, buyer, offer):
    other = make_buyer(name="Other")
    mine = buy(buyer=buyer, wish=wish(), idempotency_key="k")
    theirs = buy(buyer=other, wish=wish(), idempotency_key="k")
    assert (mine != theirs, theirs.customer_id) == (True, other.customer_id)


def test_after_a_refusal_the_key_may_be_used_again(provider, buyer, offer):
    provider.before["order"] = ProviderError("no_numbers_available")
    with pytest.raises(NoNumbersAvailable):
        buy(buyer=buyer, wish=wish(), idempotency_key="k")
    provider.before.clear()
    assert buy(buyer=buyer, wish=wish(), idempotency_key="k").status == Status.WAITING


def test_without_money_the_key_may_be_used_again(provider, offer):
    poor = make_buyer(funds=Decimal(0))
    for _ in range(2):
        with pytest.raises(InsufficientFunds):
            buy(buyer=poor, wish=wish(), idempotency_key="k")


def test_a_day_later_the_key_is_a_new_one(provider, buyer, offer):
    first = buy(buyer=buyer, wish=wish(), idempotency_key="k")
    let_pass(first, hours=23, minutes=59)
    assert buy(buyer=buyer, wish=wish(), idempotency_key="k") == first
    let_pass(first, minutes=2)
    assert buy(buyer=buyer, wish=wish(), idempotency_key="k") != first


def test_a_key_is_not_given_up_while_nobody_knows_what_it_bought(provider, buyer, offer):
    provider.before = {"order": OutcomeUnknown(), "find": OutcomeUnknown()}
    first = buy(buyer=buyer, wish=wish(), idempotency_key="k")
    let_pass(first, hours=30)
    assert buy(buyer=buyer, wish=wish(), idempotency_key="k") == first


def test_a_repeat_goes_on_with_an_order_that_was_never_called(provider, buyer, offer):
    with crash_at(numbers, "start_calling"):
        buy(buyer=buyer, wish=wish(), idempotency_key="k")
    assert Activation.objects.get().status == Status.REQUESTED
    assert buy(buyer=buyer, wish=wish(), idempotency_key="k").status == Status.WAITING
    assert (Activation.objects.count(), purse(buyer)) == (1, (FUNDS, PRICE))


def test_a_repeat_waits_while_the_call_may_be_in_flight(provider, buyer, offer):
    provider.before["order"] = Crash()
    with pytest.raises(Crash):
        buy(buyer=buyer, wish=wish(), idempotency_key="k")
    with pytest.raises(RequestInProgress) as refusal:
        buy(buyer=buyer, wish=wish(), idempotency_key="k")
    assert refusal.value.facts["retry_after_seconds"] == 1
    assert provider.calls == ["order"]


@pytest.mark.parametrize(("when", "status"), [("before", None), ("after", Status.WAITING)])
def test_a_repeat_past_the_deadline_asks_what_became_of_the_call(provider, buyer, offer, when, status):
    getattr(provider, when)["order"] = Crash()
    with pytest.raises(Crash):
        buy(buyer=buyer, wish=wish(), idempotency_key="k")
    let_pass(Activation.objects.get(), minutes=1)
    if status is None:
        # It came to nothing: a no, not an order that failed.
        with pytest.raises(ProviderRefused):
            buy(buyer=buyer, wish=wish(), idempotency_key="k")
        assert purse(buyer) == NOTHING_HELD
    else:
        assert buy(buyer=buyer, wish=wish(), idempotency_key="k").status == status
    assert provider.calls == ["order", "find"]
    assert differences() == []


def test_a_repeat_asks_about_an_unknown_one(provider, buyer, offer):
    provider.after["order"] = OutcomeUnknown()
    unknown = buy(buyer=buyer, wish=wish(), idempotency_key="k")
    found = buy(buyer=buyer, wish=wish(), idempotency_key="k")
    assert (found, found.status, found.phone) == (unknown, Status.WAITING, "+12025551000")
    assert provider.calls == ["order", "find"]


def test_a_repeat_of_what_is_still_unknown_is_still_unknown(provider, buyer, offer):
    provider.before = {"order": OutcomeUnknown(), "find": OutcomeUnknown()}
    unknown = buy(buyer=buyer, wish=wish(), idempotency_key="k")
    again = buy(buyer=buyer, wish=wish(), idempotency_key="k")
    assert (again, again.status) == (unknown, Status.UNKNOWN)
    assert purse(buyer) == (FUNDS, PRICE)


def test_an_order_that_was_over_before_its_number_came_is_a_no(provider, buyer, offer):
    """The provider is slower than its deadline; the sweeper has closed the order meanwhile."""
    provider.after["order"] = lambda: numbers.fail(Activation.objects.get().pk, "provider_error")
    with pytest.raises(ProviderRefused):
        buy(buyer=buyer, wish=wish())
    assert provider.returned == ["n1"]
    assert purse(buyer) == NOTHING_HELD
    assert differences() == []


def test_resuming_what_is_settled_changes_nothing(provider, buyer, offer):
    bought = buy(buyer=buyer, wish=wish())
    assert resume(bought) == bought
    assert provider.calls == ["order"]


def test_the_order_names_who_paid(provider, buyer, offer):
    hold = buy(buyer=buyer, wish=wish()).hold
    assert (hold.credential, hold.actor) == ("sgk_ab12", "key:sgk_ab12")


def test_a_test_key_beside_a_live_one_spends_nothing_of_the_same_wallet(provider, buyer, offer):
    live = buy(buyer=buyer, wish=wish(), idempotency_key="a")
    test = buy(buyer=buyer_of(live.customer, mode="test"), wish=wish(), idempotency_key="b")
    assert (live.mode, test.mode, purse(buyer)) == ("live", "test", (FUNDS, PRICE))
