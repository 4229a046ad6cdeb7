"""Amounts stay exact to the sixth place, and what is no amount is refused."""

from decimal import Decimal

import pytest

from wallets.errors import InvalidAmount
from wallets.services import deposit, place_hold, quantize, set_credit_limit
from wallets.services.amounts import check_amount
from wallets.tests.factories import balance_of, make_wallet, reference, spend

pytestmark = pytest.mark.django_db


def test_a_tenth_and_two_tenths_are_three_tenths():
    wallet = make_wallet("0.1")
    deposit(wallet=wallet, amount=Decimal("0.2"), reference=reference())
    assert balance_of(wallet) == Decimal("0.3")


def test_six_places_are_kept():
    assert balance_of(make_wallet("123456.654321")) == Decimal("123456.654321")


def test_the_smallest_amount_can_be_spent():
    wallet = make_wallet("1")
    spend(wallet, "0.000001")
    assert balance_of(wallet) == Decimal("0.999999")


@pytest.mark.parametrize(
    "amount",
    ["0.0000001", "1.0000001", "NaN", "sNaN", "Infinity", "-Infinity", "0", "-0", "-1", "1e14", "1e30", "1e-30"],
)
def test_what_is_no_amount_is_refused(amount):
    with pytest.raises(InvalidAmount):
        check_amount(Decimal(amount))


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "0.0000001", "-1"])
def test_services_refuse_what_is_no_amount(amount):
    wallet = make_wallet("10")
    with pytest.raises(InvalidAmount):
        deposit(wallet=wallet, amount=Decimal(amount), reference=reference())
    with pytest.raises(InvalidAmount):
        spend(wallet, amount)
    with pytest.raises(InvalidAmount):
        place_hold(wallet=wallet, amount=Decimal(amount), reference=reference())
    with pytest.raises(InvalidAmount):
        set_credit_limit(wallet=wallet, credit_limit=Decimal(amount))
    assert balance_of(wallet) == 10


def test_the_largest_amount_is_taken_and_more_than_a_wallet_holds_is_refused():
    wallet = make_wallet("99999999999999.999999")
    with pytest.raises(InvalidAmount):
        deposit(wallet=wallet, amount=Decimal("0.000001"), reference=reference())
    assert balance_of(wallet) == Decimal("99999999999999.999999")


@pytest.mark.parametrize(
    ("computed", "rounded"),
    [
        ("0.0000005", "0.000001"),
        ("0.0000004999999", "0"),
        ("0.0000015", "0.000002"),
        ("0.0000025", "0.000003"),
        ("-0.0000005", "-0.000001"),
        ("1.2345674999", "1.234567"),
        ("12345678901234567890.1234565", "12345678901234567890.123457"),
    ],
)
def test_a_computed_price_is_rounded_once_half_up(computed, rounded):
    assert quantize(Decimal(computed)) == Decimal(rounded)
