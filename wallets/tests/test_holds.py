"""Money set aside is spent or given back, once."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError
from django.utils import timezone

from wallets.errors import AmountExceedsHold, HoldClosed, InsufficientFunds, ReferenceConflict
from wallets.models import Release
from wallets.services import capture, place_hold, release
from wallets.tasks import release_expired_holds
from wallets.tests.factories import make_wallet, reference, spend

pytestmark = pytest.mark.django_db


def hold_of(wallet, amount="10", **others):
    return place_hold(wallet=wallet, amount=Decimal(amount), **({"reference": reference("hold")} | others))


def take(hold, amount=None, ref="", **others):
    values = {"kind": "sms_purchase", "account": "revenue:sms"} | others
    amount = None if amount is None else Decimal(amount)
    return capture(hold=hold, amount=amount, reference=ref or reference("capture"), **values)


def numbers(wallet):
    wallet.refresh_from_db()
    return wallet.balance, wallet.held, wallet.available


def test_a_hold_lowers_what_is_available_and_not_the_balance():
    wallet = make_wallet("10")
    hold_of(wallet, "4")
    assert numbers(wallet) == (10, 4, 6)


def test_a_hold_needs_what_is_available():
    wallet = make_wallet("10")
    hold_of(wallet, "4")
    with pytest.raises(InsufficientFunds) as refused:
        hold_of(wallet, "6.01")
    assert refused.value.facts == {"required": Decimal("6.01"), "available": Decimal(6), "currency": "USD"}


def test_a_repeated_hold_is_the_first_even_after_it_is_closed():
    wallet = make_wallet("10")
    first = hold_of(wallet, reference="order:1")
    take(first)
    assert hold_of(wallet, reference="order:1") == first
    assert numbers(wallet) == (0, 0, 0)


def test_a_reference_of_another_hold_is_a_conflict():
    wallet = make_wallet("10")
    hold_of(wallet, "4", reference="order:1")
    with pytest.raises(ReferenceConflict):
        hold_of(wallet, "5", reference="order:1")


def test_a_whole_capture_closes_the_hold():
    wallet = make_wallet("10")
    hold = hold_of(wallet, "4")
    captured = take(hold)
    assert (hold.status, hold.captured, hold.closed_at is None) == ("captured", 4, False)
    assert (captured.amount, captured.hold_id, captured.balance_after) == (4, hold.pk, 6)
    assert numbers(wallet) == (6, 0, 6)


def test_a_hold_is_captured_and_released_in_parts():
    wallet = make_wallet("10")
    hold = hold_of(wallet)
    take(hold, "3")
    release(hold=hold, amount=Decimal(2), reference="part")
    assert (hold.status, hold.remaining) == ("active", 5)
    assert numbers(wallet) == (7, 5, 2)
    take(hold, "4")
    release(hold=hold)
    assert (hold.status, hold.captured, hold.released) == ("captured", 7, 3)
    assert numbers(wallet) == (3, 0, 3)


def test_a_hold_of_which_nothing_was_captured_is_released():
    wallet = make_wallet("10")
    hold = hold_of(wallet)
    release(hold=hold)
    assert hold.status == "released"
    assert numbers(wallet) == (10, 0, 10)


def test_a_part_released_needs_a_reference_of_its_own():
    hold = hold_of(make_wallet("10"))
    with pytest.raises(TypeError):
        release(hold=hold, amount=Decimal(2))


def test_a_repeated_capture_returns_the_first_and_takes_nothing():
    wallet = make_wallet("10")
    hold = hold_of(wallet)
    first = take(hold, "3", ref="sms:1")
    assert take(hold, "3", ref="sms:1") == first
    assert take(hold, None, ref="sms:1") == first
    assert numbers(wallet) == (7, 7, 0)


@pytest.mark.parametrize("change", [{"amount": "4"}, {"kind": "sms_other"}, {"account": "revenue:other"}])
def test_a_capture_repeated_with_other_values_is_a_conflict(change):
    hold = hold_of(make_wallet("10"))
    take(hold, "3", ref="sms:1")
    with pytest.raises(ReferenceConflict):
        take(hold, **({"amount": "3", "ref": "sms:1"} | change))


def test_a_capture_with_the_reference_of_a_charge_is_a_conflict():
    wallet = make_wallet("20")
    spend(wallet, "3", ref="order:1")
    with pytest.raises(ReferenceConflict):
        take(hold_of(wallet), "3", ref="order:1")


def test_a_repeated_release_returns_the_first():
    wallet = make_wallet("10")
    hold = hold_of(wallet)
    assert release(hold=hold) == release(hold=hold)
    assert numbers(wallet) == (10, 0, 10)


def test_a_release_repeated_with_another_amount_is_a_conflict():
    hold = hold_of(make_wallet("10"))
    release(hold=hold, amount=Decimal(2), reference="part")
    with pytest.raises(ReferenceConflict):
        release(hold=hold, amount=Decimal(3), reference="part")


def test_no_more_is_captured_or_released_than_is_left():
    hold = hold_of(make_wallet("20"))
    take(hold, "6")
    for too_much in (lambda: take(hold, "4.01"), lambda: release(hold=hold, amount=Decimal("4.01"), reference="x")):
        with pytest.raises(AmountExceedsHold) as refused:
            too_much()
        assert refused.value.facts == {"remaining": Decimal(4)}


def test_a_closed_hold_is_neither_captured_nor_released_again():
    hold = hold_of(make_wallet("20"))
    release(hold=hold)
    with pytest.raises(HoldClosed) as refused:
        take(hold)
    assert refused.value.facts == {"hold": hold.reference, "status": "released"}
    with pytest.raises(HoldClosed):
        release(hold=hold, reference="again")


def test_the_sweep_gives_back_what_is_past_its_deadline_and_nothing_else():
    wallet = make_wallet("20")
    past, future = (timezone.now() + timedelta(seconds=seconds) for seconds in (-1, 60))
    due, partly, early = (hold_of(wallet, "5", expires_at=at) for at in (past, past, future))
    take(partly, "2")
    assert release_expired_holds() == 2
    for hold in (due, partly, early):
        hold.refresh_from_db()
    assert (due.status, partly.status, early.status) == ("expired", "captured", "active")
    assert numbers(wallet) == (18, 5, 13)
    assert release_expired_holds() == 0


def test_an_expired_hold_says_so_to_its_order():
    hold = hold_of(make_wallet("10"), expires_at=timezone.now())
    release_expired_holds()
    with pytest.raises(HoldClosed):
        release(hold=hold)
    assert Release.objects.get(hold=hold).cause == "expired"


def test_a_reference_too_long_to_release_is_refused_when_the_hold_is_placed():
    wallet = make_wallet("10")
    release(hold=hold_of(wallet, reference="x" * 110))
    with pytest.raises(IntegrityError, match="hold_reference_leaves_room"):
        hold_of(wallet, reference="x" * 111)
