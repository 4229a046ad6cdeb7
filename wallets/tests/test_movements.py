"""Refunds, adjustments, chargebacks, credit: what may come back, and how far below zero."""

from decimal import Decimal

import pytest

from wallets.errors import (
    InsufficientFunds,
    InvalidAmount,
    NotRefundable,
    ReferenceConflict,
    RefundExceedsOriginal,
)
from wallets.models import Event, Transaction
from wallets.services import Posting, adjust, chargeback, deposit, place_hold, post, refund, release, set_credit_limit
from wallets.services.movements import refundable
from wallets.tests.factories import balance_of, make_wallet, reference, spend

pytestmark = pytest.mark.django_db


def give_back(original, amount=None, ref=""):
    amount = None if amount is None else Decimal(amount)
    return refund(original=original, amount=amount, reference=ref or reference("refund"))


def deposited(wallet):
    return Transaction.objects.get(wallet=wallet, kind="deposit")


def take_back(original, amount, ref=""):
    return chargeback(
        original=original, amount=Decimal(amount), reference=ref or reference("chargeback"),
        description="Bank reversal 77", actor="staff:ann",
    )  # fmt: skip


def limit(wallet, credit):
    return set_credit_limit(wallet=wallet, credit_limit=Decimal(credit))


def test_a_refund_gives_back_what_is_left_of_a_charge():
    wallet = make_wallet("10")
    charged = spend(wallet, "4")
    give_back(charged, "1")
    rest = give_back(charged)
    assert (rest.amount, rest.reverses_id, rest.balance_after) == (3, charged.pk, 10)
    assert refundable(charged) == 0


def test_refunds_never_exceed_their_original_in_sum():
    wallet = make_wallet("10")
    charged = spend(wallet, "4")
    give_back(charged, "3")
    with pytest.raises(RefundExceedsOriginal):
        give_back(charged, "1.000001")
    give_back(charged, "1")
    with pytest.raises(RefundExceedsOriginal):
        give_back(charged)
    assert balance_of(wallet) == 10


def test_a_repeated_refund_returns_the_first_and_tells_it_once():
    wallet = make_wallet("10")
    charged = spend(wallet, "4")
    first = give_back(charged, ref="back:1")
    assert give_back(charged, ref="back:1") == give_back(charged, "4", ref="back:1") == first
    assert balance_of(wallet) == 10
    assert Event.objects.filter(kind="wallet.refunded").count() == 1


def test_a_refund_repeated_with_another_amount_is_a_conflict():
    charged = spend(make_wallet("10"), "4")
    give_back(charged, "1", ref="back:1")
    with pytest.raises(ReferenceConflict):
        give_back(charged, "2", ref="back:1")


def test_a_refund_of_nothing_is_no_refund():
    with pytest.raises(InvalidAmount):
        give_back(spend(make_wallet("10"), "4"), "0")


def test_only_spending_is_refunded():
    wallet = make_wallet("10")
    charged = spend(wallet, "4")
    house = post(
        Posting(debit="cash:bank", credit="revenue:sms", amount=Decimal(1), currency="USD", kind="x", reference="h")
    )
    for original in (deposited(wallet), give_back(charged), house):
        with pytest.raises(NotRefundable):
            give_back(original)


def test_an_adjustment_goes_both_ways_and_needs_a_reason():
    wallet = make_wallet("10")
    adjust(wallet=wallet, amount=Decimal(5), reference="a:1", reason="Promised", actor="staff:ann")
    adjust(wallet=wallet, amount=Decimal(-3), reference="a:2", reason="Wrong price", actor="staff:ann")
    assert balance_of(wallet) == 12
    for amount, reason in (("0", "Why"), ("1", "  "), ("NaN", "Why")):
        with pytest.raises(InvalidAmount):
            adjust(wallet=wallet, amount=Decimal(amount), reference="a:3", reason=reason, actor="staff:ann")


def test_an_adjustment_does_not_overdraw():
    wallet = make_wallet("10")
    with pytest.raises(InsufficientFunds):
        adjust(wallet=wallet, amount=Decimal("-10.01"), reference="a:1", reason="Why", actor="staff:ann")


def test_a_credit_limit_is_spent_and_not_a_cent_more():
    wallet = limit(make_wallet("10"), "5")
    spend(wallet, "15")
    with pytest.raises(InsufficientFunds):
        spend(wallet, "0.01")
    assert balance_of(wallet) == -5


def test_a_credit_limit_in_use_cannot_be_lowered_below_it():
    wallet = limit(make_wallet("10"), "5")
    spend(wallet, "12")
    limit(wallet, "2")
    with pytest.raises(InsufficientFunds):
        limit(wallet, "1.99")


def test_a_chargeback_of_money_still_there_makes_no_debt():
    wallet = make_wallet("10")
    take_back(deposited(wallet), "10")
    wallet.refresh_from_db()
    assert (wallet.balance, wallet.debt) == (0, 0)


def test_a_chargeback_of_money_spent_becomes_debt_and_stops_spending_until_it_is_paid():
    wallet = make_wallet("10")
    spend(wallet, "8")
    take_back(deposited(wallet), "10")
    wallet.refresh_from_db()
    assert (wallet.balance, wallet.debt, wallet.available) == (-8, 8, -8)
    deposit(wallet=wallet, amount=Decimal(8), reference=reference())
    with pytest.raises(InsufficientFunds):
        spend(wallet, "0.01")
    deposit(wallet=wallet, amount=Decimal(1), reference=reference())
    spend(wallet, "1")
    wallet.refresh_from_db()
    assert (wallet.balance, wallet.debt) == (0, 0)


def test_a_chargeback_never_takes_what_is_held_and_a_release_pays_debt():
    wallet = make_wallet("10")
    hold = place_hold(wallet=wallet, amount=Decimal(6), reference=reference())
    take_back(deposited(wallet), "10")
    wallet.refresh_from_db()
    assert (wallet.balance, wallet.held, wallet.debt) == (0, 6, 6)
    release(hold=hold)
    wallet.refresh_from_db()
    assert (wallet.held, wallet.debt, wallet.available) == (0, 0, 0)


def test_credit_granted_to_a_wallet_in_debt_pays_the_debt_and_cannot_be_spent_first():
    wallet = make_wallet("10")
    spend(wallet, "10")
    take_back(deposited(wallet), "10")
    limit(wallet, "4")
    assert wallet.debt == 6
    with pytest.raises(InsufficientFunds):
        spend(wallet, "0.01")
    with pytest.raises(InsufficientFunds):
        limit(wallet, "3")
    limit(wallet, "12")
    spend(wallet, "2")
    assert balance_of(wallet) == -12


def test_only_deposits_are_charged_back_once_and_whole():
    wallet = make_wallet("10")
    charged = spend(wallet, "4")
    with pytest.raises(NotRefundable):
        take_back(charged, "4")
    first = take_back(deposited(wallet), "7", ref="cb:1")
    assert take_back(deposited(wallet), "7", ref="cb:1") == first
    with pytest.raises(RefundExceedsOriginal):
        take_back(deposited(wallet), "4")
    assert balance_of(wallet) == -1


def test_a_charge_called_a_chargeback_does_not_overdraw():
    wallet = make_wallet("10")
    with pytest.raises(NotRefundable):
        spend(wallet, "100", kind="chargeback")
    assert balance_of(wallet) == 10
