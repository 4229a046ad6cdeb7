"""Two callers at once. Each test ends with a control: the same race without its guard goes wrong."""

from datetime import timedelta
from decimal import Decimal
from threading import Barrier

import pytest
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Sum
from django.utils import timezone

from wallets.errors import HoldClosed, InsufficientFunds, ReferenceConflict, RefundExceedsOriginal
from wallets.models import Account, Event, Hold, Release, Transaction, Wallet
from wallets.services import (
    Posting,
    capture,
    deposit,
    emit,
    expire_due_holds,
    place_hold,
    post,
    post_many,
    refund,
    release,
)
from wallets.services.audit import audit
from wallets.tests.factories import balance_of, execute, make_wallet, reference, spend
from wallets.tests.racing import Caller, together, while_open, with_function_changed, without_constraint

pytestmark = pytest.mark.django_db(transaction=True)


def hold_of(wallet, amount="10"):
    return place_hold(wallet=wallet, amount=Decimal(amount), reference=reference("hold"))


def take(hold, ref=""):
    return capture(hold=hold, kind="sms_purchase", reference=ref or reference("capture"), account="revenue:sms")


def take_without_looking(hold):
    """A capture by somebody who forgot to lock and to look."""
    return post(charge_of(hold.wallet, hold.amount, hold_id=hold.pk))


def charge_of(wallet, amount="1", **others):
    return Posting(
        debit=wallet.pk, credit="revenue:sms", amount=Decimal(amount), currency="USD", kind="sms_purchase",
        reference=reference("race"), **others,
    )  # fmt: skip


def errors(outcomes):
    return [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)]


def differences():
    return [difference for finding in audit() for difference in finding.differences]


def test_two_charges_cannot_spend_the_same_money():
    wallet = make_wallet("10")
    outcomes = while_open(lambda: spend(wallet, "7"), lambda: spend(wallet, "7"))
    assert errors(outcomes) == [InsufficientFunds]
    assert balance_of(wallet) == 3

    with without_constraint("wallets_wallet", "wallet_available_not_negative"):
        assert errors(while_open(lambda: spend(wallet, "2"), lambda: spend(wallet, "2"))) == []
        assert balance_of(wallet) == -1


def test_two_holds_cannot_set_the_same_money_aside():
    wallet = make_wallet("10")
    outcomes = while_open(lambda: hold_of(wallet, "7"), lambda: hold_of(wallet, "7"))
    assert errors(outcomes) == [InsufficientFunds]
    assert Wallet.objects.get(pk=wallet.pk).held == 7

    with without_constraint("wallets_wallet", "wallet_available_not_negative"):
        assert errors(while_open(lambda: hold_of(wallet, "2"), lambda: hold_of(wallet, "2"))) == []
        assert Wallet.objects.get(pk=wallet.pk).available == -1


def test_a_hold_is_captured_once():
    hold = hold_of(make_wallet("10"))
    outcomes = while_open(lambda: take(hold), lambda: take(hold))
    assert errors(outcomes) == [HoldClosed]
    assert Transaction.objects.filter(hold=hold).count() == 1


def test_a_hold_is_captured_once_even_by_those_who_do_not_look():
    hold = hold_of(make_wallet("20"))
    assert errors(together(*[lambda: take_without_looking(hold)] * 2)) == [HoldClosed]

    with (
        with_function_changed("wallets_transaction_move", "AND h.status = 'active'", ""),
        without_constraint("wallets_hold", "hold_captured_and_released_not_above_amount"),
        without_constraint("wallets_wallet", "wallet_held_not_negative"),
    ):
        hold = hold_of(make_wallet("20"))
        assert errors(together(*[lambda: take_without_looking(hold)] * 2)) == []
        assert Transaction.objects.filter(hold=hold).aggregate(taken=Sum("amount"))["taken"] == 20


@pytest.mark.parametrize("first", [take, lambda hold: release(hold=hold)], ids=["capture", "release"])
def test_a_hold_is_captured_or_released_and_never_both(first):
    second = (lambda hold: release(hold=hold)) if first is take else take
    hold = hold_of(make_wallet("10"))
    outcomes = while_open(lambda: first(hold), lambda: second(hold))
    assert errors(outcomes) == [HoldClosed]
    assert Transaction.objects.filter(hold=hold).count() + Release.objects.filter(hold=hold).count() == 1


def test_a_hold_is_captured_or_released_even_by_those_who_do_not_look():
    def give_back(hold):
        return Release.objects.create(hold=hold, amount=hold.amount, reference=reference())

    hold = hold_of(make_wallet("20"))
    assert len(errors(together(lambda: take_without_looking(hold), lambda: give_back(hold)))) == 1

    with (
        with_function_changed("wallets_transaction_move", "AND h.status = 'active'", ""),
        with_function_changed("wallets_release_post", "AND status = 'active'", ""),
        without_constraint("wallets_hold", "hold_captured_and_released_not_above_amount"),
        without_constraint("wallets_wallet", "wallet_held_not_negative"),
    ):
        hold = hold_of(make_wallet("20"))
        assert errors(together(lambda: take_without_looking(hold), lambda: give_back(hold))) == []
        assert Hold.objects.get(pk=hold.pk).remaining == -10


def test_one_reference_charges_once():
    wallet = make_wallet("10")
    first, second = while_open(lambda: spend(wallet, "2", ref="order:1"), lambda: spend(wallet, "2", ref="order:1"))
    assert first == second
    assert balance_of(wallet) == 8

    with without_constraint("wallets_transaction", "wallets_transaction_reference_key"):
        together(*[lambda: spend(wallet, "2", ref="order:2")] * 2)
        assert balance_of(wallet) == 4


def test_one_reference_with_two_meanings_charges_the_first():
    wallet = make_wallet("10")
    outcomes = while_open(lambda: spend(wallet, "2", ref="order:1"), lambda: spend(wallet, "3", ref="order:1"))
    assert errors(outcomes) == [ReferenceConflict]
    assert balance_of(wallet) == 8


def test_one_reference_captures_once():
    hold = hold_of(make_wallet("10"))
    first, second = while_open(lambda: take(hold, "sms:1"), lambda: take(hold, "sms:1"))
    assert first == second


def test_two_refunds_of_the_rest_give_it_back_once():
    wallet = make_wallet("10")
    charged = spend(wallet, "4")
    outcomes = while_open(*[lambda: refund(original=charged, reference=reference())] * 2)
    assert errors(outcomes) == [RefundExceedsOriginal]
    assert balance_of(wallet) == 10


def test_two_refunds_by_those_who_do_not_look_give_back_no_more_than_was_taken():
    def give_back(charged):
        return post(
            Posting(
                debit="revenue:sms", credit=charged.debit_id, amount=charged.amount, currency="USD", kind="refund",
                reference=reference(), reverses_id=charged.pk,
            )
        )  # fmt: skip

    charged = spend(make_wallet("10"), "4")
    assert errors(while_open(*[lambda: give_back(charged)] * 2)) == [RefundExceedsOriginal]

    with with_function_changed("wallets_transaction_move", "WHERE (SELECT amount", "WHERE false AND (SELECT amount"):
        charged = spend(make_wallet("10"), "4")
        assert errors(while_open(*[lambda: give_back(charged)] * 2)) == []
        assert charged.refunds.aggregate(given=Sum("amount"))["given"] == 8


def test_two_deposits_with_one_reference_are_told_once():
    def deposit_without_lock(wallet):
        known = Transaction.objects.filter(reference="bank:2").exists()
        with transaction.atomic():
            posting = {"debit": "cash:bank", "credit": wallet.pk, "currency": "USD", "kind": "deposit"}
            post(Posting(**posting, amount=Decimal(5), reference="bank:2"))
            if not known:
                emit(customer_id=wallet.customer_id, kind="told", object_type="x", object_id=wallet.pk, payload={})

    wallet = make_wallet()
    first, second = while_open(*[lambda: deposit(wallet=wallet, amount=Decimal(5), reference="bank:1")] * 2)
    assert first == second
    assert Event.objects.filter(kind="wallet.deposited").count() == 1

    while_open(*[lambda: deposit_without_lock(wallet)] * 2)
    assert Event.objects.filter(kind="told").count() == 2


def test_two_batches_in_opposite_order_do_not_wait_in_a_circle():
    one, two = make_wallet("1000"), make_wallet("1000")
    with transaction.atomic():  # both batches queue up behind this
        spend(one, "1")
        batches = [
            Caller(lambda pair=pair: post_many([charge_of(wallet) for wallet in pair]))
            for pair in ((one, two), (two, one))
        ]
        for batch in batches:
            batch.wait_until_it_waits()
    assert [batch.ended() for batch in batches] == [2, 2]

    half_way = Barrier(2)

    def unsorted(*pair):
        with transaction.atomic():
            spend(pair[0], "1")
            half_way.wait(30)
            spend(pair[1], "1")

    assert errors(together(lambda: unsorted(one, two), lambda: unsorted(two, one))) == [OperationalError]


def test_captures_in_a_batch_and_one_by_one_do_not_wait_in_a_circle():
    wallets = [make_wallet("100") for _ in range(3)]
    holds = [hold_of(wallets[n % 3], "5") for n in range(30)]
    one_by_one = [lambda part=part: [take(hold) for hold in part] for part in (holds[:10][::-1], holds[10:20])]
    batch = [charge_of(hold.wallet, "5", hold_id=hold.pk) for hold in holds[20:]]
    assert errors(together(*one_by_one, lambda: post_many(batch), lambda: post_many(batch))) == []
    assert differences() == []

    half_way = Barrier(2)

    def wallet_first(hold):
        with transaction.atomic():
            Wallet.objects.select_for_update(no_key=True).get(pk=hold.wallet_id)
            half_way.wait(30)
            take(hold)

    def hold_first(hold):
        with transaction.atomic():
            Hold.objects.select_for_update(no_key=True).get(pk=hold.pk)
            half_way.wait(30)
            take(hold)

    hold = hold_of(wallets[0], "5")
    assert OperationalError in errors(together(lambda: wallet_first(hold), lambda: hold_first(hold)))


def test_the_sweep_locks_wallets_in_the_order_of_a_batch():
    one, two = make_wallet("100"), make_wallet("100")
    yesterday = timezone.now() - timedelta(days=1)
    for wallet in (two, one):  # the older hold is on the later wallet
        place_hold(wallet=wallet, amount=Decimal(5), reference=reference("hold"), expires_at=yesterday)
    with transaction.atomic():
        spend(one, "1")
        sweep, batch = Caller(expire_due_holds), Caller(lambda: post_many([charge_of(one), charge_of(two)]))
        sweep.wait_until_it_waits()
        batch.wait_until_it_waits()
    assert (sweep.ended(), batch.ended()) == (2, 2)


def test_two_sweeps_release_each_hold_once():
    wallet = make_wallet("100")
    for _ in range(6):
        place_hold(wallet=wallet, amount=Decimal(5), reference=reference("hold"), expires_at=timezone.now())
    assert sum(together(expire_due_holds, expire_due_holds)) == 6
    assert differences() == []


def test_the_clock_never_runs_backwards_along_a_wallet():
    def charge_after_one_that_began_later(wallet):
        with transaction.atomic():
            execute("SELECT now()")  # this transaction's time stands still from here
            Caller(lambda: spend(wallet, "1")).ended()
            return spend(wallet, "1")

    wallet = make_wallet("10")
    charge_after_one_that_began_later(wallet)
    times = Transaction.objects.filter(wallet=wallet).order_by("wallet_seq").values_list("posted_at", flat=True)
    assert list(times) == sorted(times)

    clock = "greatest(clock_timestamp(), now(), wallet.last_posted_at)"
    with (
        with_function_changed("wallets_transaction_number", clock, "now()"),
        pytest.raises(IntegrityError, match="continues its wallet"),
    ):
        charge_after_one_that_began_later(make_wallet("10"))


def test_eight_writers_leave_one_wallet_numbered_and_in_order():
    wallet = make_wallet("1000")
    assert errors(together(*[lambda: [spend(wallet, "1") for _ in range(10)]] * 8)) == []
    along = list(Transaction.objects.filter(wallet=wallet).order_by("wallet_seq"))
    assert [row.wallet_seq for row in along] == list(range(1, 82))
    assert [row.posted_at for row in along] == sorted(row.posted_at for row in along)
    assert differences() == []


def test_a_house_account_is_made_once_by_many():
    wallets = [make_wallet("1") for _ in range(4)]
    assert errors(together(*[lambda wallet=wallet: spend(wallet, "1") for wallet in wallets])) == []


def test_an_account_with_a_movement_under_way_is_not_deleted():
    def delete_while_it_moves(code):
        account = Account.objects.create(code=code, currency="USD", type="revenue")
        wallet = make_wallet("10")
        move = {"debit": wallet.pk, "credit": code, "currency": "USD", "kind": "x", "reference": code}
        return while_open(lambda: post(Posting(amount=Decimal(1), **move)), account.delete)[1]

    assert "has history" in str(delete_while_it_moves("revenue:one"))

    with with_function_changed("wallets_account_keep", "LOCK TABLE", "-- LOCK TABLE"):
        delete_while_it_moves("revenue:two")
        assert any("no account" in difference for difference in differences())
