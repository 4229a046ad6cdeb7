"""The operator's own numbers: real stock, one lease at a time, rest before the next."""

import threading
from datetime import timedelta

import pytest
from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from activations.models import Activation, PoolLease, PoolNumber
from activations.providers import NumberRequest, ProviderError, pool
from activations.providers.pool import PoolProvider, free_numbers, stock_by_country
from activations.services import buy, cancel, receive_text
from activations.tests.factories import FUNDS, PRICE, purse, together, wish
from catalog.models import Operator
from catalog.tests.factories import make_country, make_offer

provider = PoolProvider()


def stock(*phones, country="US", **facts):
    where = make_country(country)
    return [PoolNumber.objects.create(phone=phone, country=where, **facts) for phone in phones]


def numbers(count):
    return stock(*[f"+1202555{number:04}" for number in range(count)])


def order(reference="a", country="US", **wishes):
    request = NumberRequest(reference, "telegram", "Telegram", country, 900, **wishes)
    return provider.order(request, deadline_seconds=5)


def give_back(given):
    provider.give_back(given.id, deadline_seconds=5)


# --- Leasing -----------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_free_number_is_leased_and_no_longer_in_stock():
    numbers(2)
    given = order()
    assert given.phone == "+12025550000"
    assert (free_numbers().count(), stock_by_country()) == (1, {"US": 1})


@pytest.mark.django_db
def test_the_same_reference_gets_the_same_number():
    numbers(2)
    assert order("a") == order("a")
    assert provider.find("a", deadline_seconds=5) == order("a")
    assert provider.find("b", deadline_seconds=5) is None
    assert PoolLease.objects.count() == 1


@pytest.mark.django_db
def test_an_empty_pool_says_so():
    numbers(1)
    order("a")
    with pytest.raises(ProviderError) as refusal:
        order("b")
    assert (refusal.value.code, refusal.value.permanent) == ("no_numbers_available", False)


@pytest.mark.django_db
def test_only_numbers_of_the_country_that_are_on_and_rested_are_leased():
    stock("+442071838750", country="GB")
    stock("+12025550001", is_active=False)
    stock("+12025550002", free_from=timezone.now() + timedelta(minutes=1))
    assert stock_by_country() == {"GB": 1}
    with pytest.raises(ProviderError):
        order()
    assert order(country="GB").phone == "+442071838750"


@pytest.mark.django_db
def test_a_number_rests_before_it_is_leased_again(settings):
    settings.QUARANTINE_DAYS = 7
    (number,) = numbers(1)
    give_back(order("a"))
    number.refresh_from_db()
    assert number.free_from > timezone.now() + timedelta(days=6, hours=23)
    with pytest.raises(ProviderError):
        order("b")
    PoolNumber.objects.update(free_from=timezone.now())
    assert order("b").phone == number.phone


@pytest.mark.django_db
def test_giving_back_twice_does_not_lengthen_the_rest_or_end_the_next_lease():
    (number,) = numbers(1)
    first = order("a")
    give_back(first)
    PoolNumber.objects.update(free_from=timezone.now())
    second = order("b")
    give_back(first)
    number.refresh_from_db()
    assert number.free_from <= timezone.now()
    assert PoolLease.objects.get(pk=second.id).ended_at is None


@pytest.mark.django_db
def test_the_number_that_has_rested_longest_goes_first():
    _, older = numbers(2)
    PoolNumber.objects.filter(pk=older.pk).update(free_from=timezone.now() - timedelta(days=1))
    assert order().phone == older.phone


# --- Wishes ----------------------------------------------------------------------------------------------


@pytest.fixture
def varied(db):
    """Numbers of two areas and two networks."""
    us = make_country()
    verizon = Operator.objects.create(country=us, name="Verizon", mcc="310", mnc="004")
    mobile = Operator.objects.create(country=us, name="T-Mobile (100%)", mcc="310", mnc="260")
    stock("+12025550001", operator=verizon)
    stock("+12125550002", operator=verizon)
    stock("+12125550003", operator=mobile)
    stock("+13125550212")
    return PoolNumber.objects.order_by("pk")


@pytest.mark.parametrize(
    ("wishes", "phone"),
    [
        ({}, "+12025550001"),
        ({"area_code": "312"}, "+13125550212"),
        ({"area_code": "212"}, "+12125550002"),
        ({"carrier": "t-mobile"}, "+12125550003"),
        ({"area_code": "212", "carrier": "T-Mobile"}, "+12125550003"),  # both before either
        ({"area_code": "312", "carrier": "Sprint"}, "+13125550212"),
        ({"area_code": "999", "carrier": "Sprint"}, "+12025550001"),  # a wish never empties the stock
        ({"carrier": "100%)"}, "+12125550003"),
        ({"carrier": "%"}, "+12125550003"),
        ({"carrier": "_"}, "+12025550001"),
    ],
)
def test_wishes_order_the_stock(varied, wishes, phone):
    assert order(**wishes).phone == phone


@pytest.mark.parametrize("area_code", ["(", ".*", "[", "2|3", "%", "212'", "\\", "(a+)+$", "3125550212|"])
def test_an_area_code_is_never_a_pattern(varied, area_code):
    try:
        assert order(area_code=area_code).phone == "+12025550001"
    except DataError:
        pytest.fail("the area code was read as a pattern")


# --- As a provider -------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_pool_number_is_rented_receives_and_rests(buyer):
    (number,) = numbers(1)
    make_offer("telegram", "US", provider="pool", price="0.15")
    bought = buy(buyer=buyer, wish=wish())
    message = receive_text(provider="carrier", provider_message_id="1", to=number.phone, text="G-482913")
    bought.refresh_from_db()
    assert (bought.phone, message.activation_id, bought.code) == (number.phone, bought.pk, "482913")
    assert purse(buyer) == (FUNDS - PRICE, 0)


@pytest.mark.django_db
def test_a_canceled_pool_number_rests(buyer):
    (number,) = numbers(1)
    make_offer("telegram", "US", provider="pool", price="0.15")
    cancel(activation=buy(buyer=buyer, wish=wish()))
    number.refresh_from_db()
    assert number.free_from > timezone.now()
    assert PoolLease.objects.get().ended_at is not None
    assert Activation.objects.get().status == "canceled"


@pytest.mark.django_db
def test_the_database_refuses_two_open_leases_of_one_number():
    (number,) = numbers(1)
    order("a")
    with pytest.raises(IntegrityError), transaction.atomic():
        PoolLease.objects.create(number=number, reference="b")


@pytest.mark.django_db
@pytest.mark.parametrize("phone", ["12025550000", "+1", "+1202555000x", "+12025550000\n", "+١٢٠٢٥٥٥٠٠٠"])
def test_the_database_refuses_what_is_no_number(phone):
    with pytest.raises((IntegrityError, DataError)), transaction.atomic():
        stock(phone)


# --- At once ----------------------------------------------------------------------------------------------------


def eight_orders():
    results = together(*[lambda reference=f"r{number}": order(reference) for number in range(8)])
    return [result.phone for result in results if not isinstance(result, Exception)], [
        result for result in results if isinstance(result, Exception)
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(5))
def test_eight_orders_for_five_numbers_take_exactly_five(attempt):
    numbers(5)
    phones, refusals = eight_orders()
    assert (len(phones), len(set(phones)), len(refusals)) == (5, 5, 3)
    assert {type(refusal) for refusal in refusals} == {ProviderError}
    assert PoolLease.objects.filter(ended_at=None).count() == 5


@pytest.mark.django_db(transaction=True)
def test_an_order_that_meets_a_number_just_taken_takes_the_next(monkeypatch):
    """Between the look and the lock another order is faster; that is no empty pool."""
    taken, _ = numbers(2)
    look = pool.free_numbers

    def look_and_be_overtaken():
        found = look()
        if not PoolLease.objects.exists():
            # The list is made: pretend that it does not know of the lease yet.
            together(lambda: PoolLease.objects.create(number=taken, reference="faster"))
            return PoolNumber.objects.filter(is_active=True)
        return found

    monkeypatch.setattr(pool, "free_numbers", look_and_be_overtaken)
    assert order().phone == "+12025550001"


@pytest.mark.django_db(transaction=True)
def test_an_order_does_not_wait_for_a_number_that_another_is_taking():
    taken, _ = numbers(2)
    held, done = threading.Event(), threading.Event()

    def take_slowly():
        with transaction.atomic():
            PoolNumber.objects.select_for_update(no_key=True).get(pk=taken.pk)
            held.set()
            return done.wait(20)

    def take():
        held.wait(20)
        phone = order().phone
        done.set()
        return phone

    assert together(take_slowly, take) == [True, "+12025550001"]


@pytest.mark.django_db(transaction=True)
def test_without_the_locks_orders_get_in_each_others_way(monkeypatch):
    """The control: the same race with nothing but the constraint."""
    monkeypatch.setattr("django.db.models.query.QuerySet.select_for_update", lambda rows, **options: rows)
    numbers(1)
    failures = set()
    for _ in range(20):
        PoolLease.objects.all().delete()
        failures |= {type(refusal) for refusal in eight_orders()[1]}
    assert IntegrityError in failures
