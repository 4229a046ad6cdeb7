"""Spend caps: what a credential holds and is charged, less what comes back, never exceeds what it may spend."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from config.errors import InvalidInput
from wallets.errors import InsufficientFunds, SpendCapReached
from wallets.models import Hold, SpendCap, Transaction
from wallets.services import (
    Posting,
    capture,
    charge,
    expire_due_holds,
    place_hold,
    post_many,
    refund,
    release,
    set_spend_cap,
    spend_caps,
)
from wallets.services.audit import audit
from wallets.services.refusals import constraint_of
from wallets.tests.factories import balance_of, execute, make_wallet, reference
from wallets.tests.racing import together, while_open, with_function_changed

KEY = "sgk_ab12"


def buy(wallet, amount, credential=KEY, ref="", actor="key:sgk_ab12"):
    return charge(
        wallet=wallet, amount=Decimal(amount), kind="sms_purchase", reference=ref or reference("charge"),
        account="revenue:sms", credential=credential, actor=actor,
    )  # fmt: skip


def set_aside(wallet, amount, credential=KEY, **others):
    return place_hold(
        wallet=wallet, amount=Decimal(amount), reference=reference("hold"), credential=credential, **others
    )


def take(hold, amount=None):
    return capture(
        hold=hold, amount=amount and Decimal(amount), kind="sms_purchase", reference=reference("capture"),
        account="revenue:sms",
    )  # fmt: skip


def cap(wallet, daily=None, monthly=None, credential=KEY):
    return set_spend_cap(
        credential=credential,
        wallet=wallet,
        daily=daily and Decimal(daily),
        monthly=monthly and Decimal(monthly),
    )


def spent(credential=KEY):
    row = SpendCap.objects.get(credential=credential)
    assert row.day_spent <= row.month_spent
    return row.day_spent


def differences():
    return [difference for finding in audit() for difference in finding.differences]


def begin_yesterday():
    """What was counted today was counted yesterday."""
    execute("UPDATE wallets_spendcap SET day = day - 1, month = month - 31")


@pytest.fixture
def wallet(db):
    return make_wallet("100")


# --- What counts -----------------------------------------------------------------------------------------


def test_a_charge_above_the_cap_is_refused_with_the_facts(wallet):
    cap(wallet, daily="5")
    buy(wallet, "3")
    with pytest.raises(SpendCapReached) as refusal:
        buy(wallet, "2.000001")
    facts = refusal.value.facts
    assert (facts["cap"], facts["spent"], facts["required"], facts["currency"]) == (5, 3, Decimal("2.000001"), "USD")
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    assert (facts["period"], facts["resets_at"]) == ("day", f"{tomorrow}T00:00:00Z")
    assert "3 of 5 USD spent, 2.000001 required" in refusal.value.message
    buy(wallet, "2")
    assert (balance_of(wallet), differences()) == (95, [])


def test_a_hold_above_the_cap_is_refused_and_sets_nothing_aside(wallet):
    cap(wallet, daily="5")
    set_aside(wallet, "5")
    with pytest.raises(SpendCapReached):
        set_aside(wallet, "0.000001")
    wallet.refresh_from_db()
    assert (wallet.held, Hold.objects.count()) == (5, 1)


def test_the_monthly_cap_resets_with_the_month(wallet):
    cap(wallet, monthly="5")
    buy(wallet, "5")
    with pytest.raises(SpendCapReached) as refusal:
        buy(wallet, "1")
    first = (datetime.now(UTC).replace(day=1) + timedelta(days=32)).replace(day=1).date()
    assert (refusal.value.facts["period"], refusal.value.facts["resets_at"]) == ("month", f"{first}T00:00:00Z")


def test_both_caps_hold(wallet):
    cap(wallet, daily="5", monthly="6")
    buy(wallet, "4")
    begin_yesterday()
    execute("UPDATE wallets_spendcap SET month = date_trunc('month', now() AT TIME ZONE 'UTC')")
    with pytest.raises(SpendCapReached):
        buy(wallet, "3")
    buy(wallet, "2")


def test_a_new_day_begins_at_nothing(wallet):
    cap(wallet, daily="5", monthly="5")
    buy(wallet, "5")
    begin_yesterday()
    buy(wallet, "5")
    assert spent() == 5


def test_a_capture_counts_once(wallet):
    cap(wallet, daily="5")
    take(set_aside(wallet, "5"))
    assert spent() == 5
    with pytest.raises(SpendCapReached):
        buy(wallet, "1")


def test_what_is_released_or_refunded_may_be_spent_again(wallet):
    cap(wallet, daily="5")
    hold = set_aside(wallet, "5")
    captured = take(hold, "2")
    release(hold=hold)
    assert spent() == 2
    refund(original=captured, amount=Decimal("0.5"), reference="r1")
    refund(original=buy(wallet, "3"), reference="r2")
    assert (spent(), differences()) == (Decimal("1.5"), [])


def test_an_expired_hold_counts_no_more(wallet):
    cap(wallet, daily="5")
    set_aside(wallet, "5", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    expire_due_holds()
    assert spent() == 0


def test_what_was_spent_on_another_day_frees_nothing_today(wallet):
    cap(wallet, daily="5")
    buy(wallet, "4")
    execute("SELECT wallets_uncount_spend(%s, %s, 4, now() - interval '40 days')", wallet.pk, KEY)
    assert spent() == 4


def test_a_batch_counts_too(wallet):
    cap(wallet, daily="5")
    rows = [
        Posting(
            debit=wallet.pk, credit="revenue:sms", amount=Decimal(2), currency="USD", kind="sms_purchase",
            reference=reference("batch"), credential=KEY,
        )
        for _ in range(3)
    ]  # fmt: skip
    with pytest.raises(SpendCapReached):
        post_many(rows)
    assert (post_many(rows[:2]), spent(), balance_of(wallet)) == (2, 4, 96)


def test_a_batch_counts_for_each_of_its_spenders(wallet):
    other = make_wallet("100")
    cap(wallet, daily="5")
    cap(other, daily="5", credential="sgk_cd34")
    hold = set_aside(wallet, "1")
    charged = buy(wallet, "2")
    common = {"currency": "USD", "kind": "raw", "amount": Decimal(1)}
    post_many(
        Posting(reference=reference("batch"), **(common | row))
        for row in [
            {"debit": wallet.pk, "credit": "revenue:sms", "credential": KEY},
            {"debit": wallet.pk, "credit": "revenue:sms", "credential": KEY, "hold_id": hold.pk},
            {"debit": wallet.pk, "credit": "revenue:sms", "credential": KEY, "actor": "task:renewals"},
            {"debit": "revenue:sms", "credit": wallet.pk, "credential": KEY, "reverses_id": charged.pk},
            {"debit": "cash:bank", "credit": wallet.pk, "credential": KEY},
            {"debit": wallet.pk, "credit": "revenue:sms", "credential": "sgk_none"},
            {"debit": other.pk, "credit": "revenue:sms", "credential": "sgk_cd34"},
            {"debit": other.pk, "credit": "revenue:sms", "credential": "sgk_cd34"},
            {"debit": other.pk, "credit": "revenue:sms", "credential": KEY},
        ]
    )
    assert (spent(), spent("sgk_cd34"), differences()) == (1 + 2 + 1 - 1, 2, [])


def test_what_a_batch_gives_back_makes_room_for_what_it_spends(wallet):
    cap(wallet, daily="5")
    charged = buy(wallet, "5")
    spend = {"debit": wallet.pk, "credit": "revenue:sms", "amount": Decimal(5), "credential": KEY}
    back = {"debit": "revenue:sms", "credit": wallet.pk, "amount": Decimal(5), "reverses_id": charged.pk}
    post_many(Posting(currency="USD", kind="raw", reference=reference("batch"), **row) for row in (spend, back))
    assert (spent(), differences()) == (5, [])


def test_a_repeat_of_what_filled_the_cap_returns_the_first(wallet):
    cap(wallet, daily="5")
    first = buy(wallet, "5", ref="same")
    assert buy(wallet, "5", ref="same").pk == first.pk
    assert (spent(), Transaction.objects.filter(kind="sms_purchase").count()) == (5, 1)


def test_another_key_and_staff_are_not_capped(wallet):
    cap(wallet, daily="5")
    buy(wallet, "50", credential="sgk_cd34")
    buy(wallet, "50", credential="")
    assert spent() == 0


def test_a_renewal_is_a_standing_order_and_counts_for_no_key(wallet):
    cap(wallet, daily="5")
    renewal = buy(wallet, "6", actor="task:renewals")
    assert spent() == 0
    buy(wallet, "5")
    refund(original=renewal, reference="r1")
    assert (spent(), differences()) == (5, [])


def test_what_the_wallet_cannot_pay_counts_nothing(wallet):
    cap(wallet, daily="500")
    for spend in (buy, set_aside):
        with pytest.raises(InsufficientFunds):
            spend(wallet, "101")
    assert spent() == 0


# --- Setting ------------------------------------------------------------------------------------------------


def test_a_new_cap_counts_what_was_spent_before(wallet):
    take(set_aside(wallet, "3"), "1")
    refund(original=buy(wallet, "4"), amount=Decimal(1), reference="r1")
    release(hold=set_aside(wallet, "7"))
    cap(wallet, daily="6.5")
    assert (spent(), differences()) == (6, [])
    with pytest.raises(SpendCapReached):
        buy(wallet, "1")


def test_a_cap_is_changed_and_taken_away(wallet):
    cap(wallet, daily="1")
    buy(wallet, "1")
    cap(wallet, daily="2", monthly="3")
    buy(wallet, "1")
    assert (spend_caps([KEY])[KEY].daily, cap(wallet)) == (2, None)
    buy(wallet, "50")
    assert spend_caps([KEY]) == {}


@pytest.mark.parametrize("amount", ["0", "-1", "0.0000001", "NaN", "Infinity"])
def test_a_cap_is_an_amount_above_zero(wallet, amount):
    for name in ("daily", "monthly"):
        with pytest.raises(InvalidInput) as refusal:
            set_spend_cap(credential=KEY, wallet=wallet, **{"daily": None, "monthly": None, name: Decimal(amount)})
        assert list(refusal.value.errors) == [f"{name}_spend_cap"]


def test_the_database_keeps_the_cap_without_the_services(wallet):
    cap(wallet, daily="5")
    house = buy(wallet, "1").credit_id
    with pytest.raises(DatabaseError) as refusal, transaction.atomic():
        execute(
            "INSERT INTO wallets_transaction (debit_id, credit_id, amount, currency, kind, reference, description,"
            " journal, actor, credential) VALUES (%s, %s, 5, 'USD', 'raw', 'raw', '', '', '', %s)",
            wallet.pk, house, KEY,
        )  # fmt: skip
    assert constraint_of(refusal.value) == "spend_cap_not_exceeded"


# --- Two at once --------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("spend", [buy, set_aside])
def test_two_at_once_do_not_exceed_the_cap_together(spend):
    wallet = make_wallet("100")
    cap(wallet, daily="5")
    outcomes = while_open(lambda: spend(wallet, "3"), lambda: spend(wallet, "3"))
    assert [type(each) for each in outcomes if isinstance(each, Exception)] == [SpendCapReached]
    assert (spent(), differences()) == (3, [])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("spend", [buy, set_aside])
def test_who_looks_first_and_counts_later_exceeds_it(spend):
    """The control."""
    wallet = make_wallet("100")
    cap(wallet, daily="5")

    def look_then_spend():
        if spent() + 3 > 5:
            raise SpendCapReached
        return spend(wallet, "3")

    with with_function_changed("wallets_count_spend", "full_cap IS NOT NULL", "false"):
        outcomes = while_open(look_then_spend, look_then_spend)
        assert not any(isinstance(each, Exception) for each in outcomes)
        assert spent() == 6


@pytest.mark.django_db(transaction=True)
def test_many_at_once_spend_exactly_what_the_cap_allows():
    wallet = make_wallet("100")
    cap(wallet, daily="5")
    outcomes = together(*[lambda: buy(wallet, "1"), lambda: set_aside(wallet, "1")] * 5)
    assert sum(isinstance(each, SpendCapReached) for each in outcomes) == 5
    assert (spent(), differences()) == (5, [])


@pytest.mark.django_db(transaction=True)
def test_a_cap_set_while_its_key_spends_counts_that_spend():
    wallet = make_wallet("100")
    while_open(lambda: buy(wallet, "3"), lambda: cap(wallet, daily="5"))
    assert (spent(), differences()) == (3, [])
