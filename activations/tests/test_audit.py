"""The audit's own checks of activations: each names the order that breaks it, and none cries wolf."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from activations.models import Activation
from activations.services import buy, cancel, receive_text
from activations.tests.factories import FUNDS, PRICE, differences, let_pass, make_buyer, purse, wish
from wallets.services import refund, release

pytestmark = pytest.mark.django_db
Status = Activation.Status


@pytest.fixture
def order(provider, buyer, offer):
    return buy(buyer=buyer, wish=wish())


@pytest.fixture
def earned(order):
    return receive_text(provider="fake", provider_message_id="1", to=order.phone, text="code 1234").activation


def change(order, **columns):
    """What no service does."""
    Activation.objects.filter(pk=order.pk).update(**columns)
    return differences()


def test_every_state_that_services_make_is_clean(provider, buyer, offer):
    for way in ("on_delivery", "upfront"):
        waiting, canceled, earned = (buy(buyer=buyer, wish=wish(settlement=way)) for _ in range(3))
        cancel(activation=canceled)
        receive_text(provider="fake", provider_message_id=way, to=earned.phone, text="code 1234")
        assert waiting.status == Status.WAITING
    assert differences() == []


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"price": Decimal("0.10")}, "took 0.150000 of 0.100000"),
        ({"price": Decimal("0.20")}, "of 0.200000 held 0.150000 and took 0.150000"),
        ({"status": Status.CANCELED}, "(canceled) took 0.150000"),
        ({"mode": "test"}, "took 0.150000"),
        ({"charge": None}, "has no charge"),
        ({"hold": None, "charge": None}, "with neither a hold nor a charge"),
    ],
)
def test_an_earned_order_that_is_not_as_paid_is_named(earned, columns, says):
    found = change(earned, **columns)
    assert any(says in line and f"activation {earned.pk} " in line for line in found), found


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"status": Status.EXPIRED}, "is expired, its hold active"),
        ({"status": Status.RECEIVED}, "has no charge"),
        ({"price": Decimal(1)}, "held 0.150000"),
        ({"hold": None}, "with neither a hold nor a charge"),
        ({"expires_at": timezone.now() - timedelta(hours=1)}, "is waiting since"),
    ],
)
def test_an_open_order_that_is_not_as_held_is_named(order, columns, says):
    found = change(order, **columns)
    assert any(says in line and f"activation {order.pk} " in line for line in found), found


def test_a_hold_given_back_behind_the_orders_back_is_named(order):
    release(hold=order.hold)
    assert any("its hold released" in line for line in differences())


def test_a_refund_by_staff_is_no_difference(earned, buyer):
    refund(original=earned.charge, amount=Decimal("0.05"), reference="staff:1")
    assert (differences(), purse(buyer)[0]) == ([], FUNDS - PRICE + Decimal("0.05"))


def test_an_order_that_waits_within_the_sweep_is_no_difference(order):
    let_pass(order, seconds=order.ttl_seconds + 60)
    assert differences() == []


# --- The database refuses ---------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [{"price": -1}, {"expires_at": None}])
def test_the_database_refuses_an_impossible_order(order, columns):
    with pytest.raises(IntegrityError), transaction.atomic():
        change(order, **columns)


def test_the_database_refuses_two_open_orders_of_one_key(provider, buyer, offer):
    first = buy(buyer=buyer, wish=wish(), idempotency_key="k")
    second = buy(buyer=buyer, wish=wish())
    with pytest.raises(IntegrityError), transaction.atomic():
        change(second, idempotency_key="k")
    change(first, status=Status.FAILED)
    Activation.objects.filter(pk=second.pk).update(idempotency_key="k")


def test_the_database_refuses_one_hold_for_two_orders(order, provider):
    other = buy(buyer=make_buyer(name="Other"), wish=wish())
    with pytest.raises(IntegrityError), transaction.atomic():
        change(other, hold=order.hold)
