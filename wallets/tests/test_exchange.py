"""Rates, and money that changes its currency."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError
from django.utils import timezone

from wallets.errors import (
    CurrencyMismatch,
    InsufficientFunds,
    InvalidAmount,
    NoExchangeRate,
    NotRefundable,
    ReferenceConflict,
)
from wallets.models import ExchangeRate, Transaction
from wallets.services import convert, convert_amount, open_wallet, rate, refund
from wallets.tests.factories import balance_of, make_wallet

pytestmark = pytest.mark.django_db


def quote(base, quote, value, minutes_ago=1):
    at = timezone.now() - timedelta(minutes=minutes_ago)
    return ExchangeRate.objects.create(base=base, quote=quote, rate=Decimal(value), effective_at=at)


def two_wallets(balance="100"):
    source = make_wallet(balance)
    return source, open_wallet(customer=source.customer, currency="GBP")


def test_a_rate_is_read_both_ways():
    quote("GBP", "USD", "1.25")
    assert (rate("GBP", "USD"), rate("USD", "GBP"), rate("USD", "USD")) == (Decimal("1.25"), Decimal("0.8"), 1)


def test_a_rate_goes_through_the_dollar_where_there_is_no_direct_one():
    quote("GBP", "USD", "1.25")
    quote("USD", "KES", "130")
    assert rate("GBP", "KES") == Decimal("162.5")


def test_the_newer_row_wins_whichever_way_round_it_is_written():
    quote("GBP", "USD", "1.25", minutes_ago=2)
    quote("USD", "GBP", "0.5", minutes_ago=1)
    assert rate("GBP", "USD") == 2


def test_a_rate_of_tomorrow_is_not_used_today_and_one_of_yesterday_still_answers_for_yesterday():
    quote("GBP", "USD", "1.25", minutes_ago=60)
    quote("GBP", "USD", "1.5", minutes_ago=30)
    quote("GBP", "USD", "9", minutes_ago=-60)
    assert rate("GBP", "USD") == Decimal("1.5")
    assert rate("GBP", "USD", timezone.now() - timedelta(minutes=45)) == Decimal("1.25")


def test_without_a_rate_nothing_is_converted():
    quote("USD", "KES", "130")
    with pytest.raises(NoExchangeRate) as refused:
        rate("GBP", "KES")
    assert refused.value.facts == {"base": "GBP", "quote": "KES"}


def test_a_converted_amount_is_rounded_once_half_up():
    quote("USD", "GBP", "0.333333500000")
    assert convert_amount(Decimal("1"), "USD", "GBP") == Decimal("0.333334")
    assert convert_amount(Decimal("99999999999999.999999"), "USD", "GBP") == Decimal("33333350000000.000000")


def test_a_conversion_moves_both_wallets_in_one_journal():
    quote("GBP", "USD", "1.25")
    source, target = two_wallets()
    out, back = convert(source=source, target=target, amount=Decimal(10), reference="fx:1")
    assert (out.amount, out.currency, back.amount, back.currency) == (10, "USD", 8, "GBP")
    assert (out.original_amount, out.original_currency, out.rate) == (8, "GBP", Decimal("0.8"))
    assert {out.journal, back.journal} == {"fx:1"}
    assert (balance_of(source), balance_of(target)) == (90, 8)


def test_a_repeated_conversion_is_the_first_at_the_first_rate():
    quote("GBP", "USD", "1.25")
    source, target = two_wallets()
    first = convert(source=source, target=target, amount=Decimal(10), reference="fx:1")
    quote("GBP", "USD", "2", minutes_ago=0)
    assert convert(source=source, target=target, amount=Decimal(10), reference="fx:1") == first
    assert balance_of(source) == 90


def test_a_conversion_repeated_with_other_values_is_a_conflict():
    quote("GBP", "USD", "1.25")
    source, target = two_wallets()
    convert(source=source, target=target, amount=Decimal(10), reference="fx:1")
    with pytest.raises(ReferenceConflict):
        convert(source=source, target=target, amount=Decimal(11), reference="fx:1")
    with pytest.raises(ReferenceConflict):
        convert(source=target, target=source, amount=Decimal(10), reference="fx:1")


def test_a_conversion_that_cannot_be_paid_moves_neither_wallet():
    quote("GBP", "USD", "1.25")
    source, target = two_wallets("9")
    with pytest.raises(InsufficientFunds):
        convert(source=source, target=target, amount=Decimal(10), reference="fx:1")
    assert (balance_of(source), balance_of(target)) == (9, 0)
    assert not Transaction.objects.filter(journal="fx:1").exists()


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-1", "0", "0.000001"])
def test_a_conversion_needs_an_amount_and_one_that_arrives(amount):
    quote("USD", "GBP", "0.4")
    source, target = two_wallets()
    with pytest.raises(InvalidAmount):
        convert(source=source, target=target, amount=Decimal(amount), reference="fx:1")


def test_a_conversion_stays_with_one_customer_and_changes_the_currency():
    source, _ = two_wallets()
    for wrong in (source, make_wallet(currency="GBP")):
        with pytest.raises(CurrencyMismatch):
            convert(source=source, target=wrong, amount=Decimal(1), reference="fx:1")


def test_a_leg_of_a_conversion_is_not_refunded():
    quote("GBP", "USD", "1.25")
    source, target = two_wallets()
    out, _ = convert(source=source, target=target, amount=Decimal(10), reference="fx:1")
    with pytest.raises(NotRefundable):
        refund(original=out, reference="back")


@pytest.mark.parametrize("value", ["0", "-1"])
def test_what_is_no_rate_is_refused_by_the_database(value):
    with pytest.raises(IntegrityError):
        quote("USD", "GBP", value)
