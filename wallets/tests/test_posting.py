"""One reference, one transaction; many at once, all or none."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from wallets.errors import CurrencyMismatch, InsufficientFunds, InvalidAmount, ReferenceConflict, RefundExceedsOriginal
from wallets.models import Account, Event, Transaction
from wallets.services import Posting, batches, deposit, place_hold, post, post_many, refund
from wallets.tests.factories import balance_of, make_wallet, reference, spend

pytestmark = pytest.mark.django_db


def posting(wallet, amount="1", ref="", **others):
    values = {"debit": wallet.pk, "credit": "revenue:sms", "currency": "USD", "kind": "sms_purchase"} | others
    return Posting(amount=Decimal(amount), reference=ref or reference("batch"), **values)


def test_a_charge_moves_its_amount_and_numbers_the_movement():
    wallet = make_wallet("10")
    charged = spend(wallet, "2.5")
    assert (charged.wallet_id, charged.wallet_seq) == (wallet.pk, 2)
    assert (charged.wallet_delta, charged.balance_after) == (Decimal("-2.5"), Decimal("7.5"))
    assert balance_of(wallet) == Decimal("7.5")


def test_a_repeated_charge_returns_the_first():
    wallet = make_wallet("10")
    first = spend(wallet, "4", ref="order:1")
    assert spend(wallet, "4", ref="order:1") == first
    assert balance_of(wallet) == 6


def test_a_repeat_of_the_charge_that_emptied_the_wallet_returns_the_first():
    wallet = make_wallet("4")
    first = spend(wallet, "4", ref="order:1")
    assert spend(wallet, "4", ref="order:1") == first


@pytest.mark.parametrize("change", [{"amount": "5"}, {"kind": "smm_order"}])
def test_a_reference_used_for_something_else_is_a_conflict(change):
    wallet = make_wallet("10")
    spend(wallet, "4", ref="order:1")
    with pytest.raises(ReferenceConflict):
        spend(wallet, **({"amount": "4", "ref": "order:1"} | change))
    assert balance_of(wallet) == 6


def test_a_reference_of_another_wallet_is_a_conflict():
    spend(make_wallet("10"), "4", ref="order:1")
    with pytest.raises(ReferenceConflict):
        spend(make_wallet("10"), "4", ref="order:1")


def test_a_wallet_cannot_spend_more_than_is_available():
    wallet = make_wallet("10")
    place_hold(wallet=wallet, amount=Decimal(3), reference=reference())
    with pytest.raises(InsufficientFunds) as refused:
        spend(wallet, "7.000001")
    assert refused.value.facts == {"required": Decimal("7.000001"), "available": Decimal(7), "currency": "USD"}
    assert balance_of(wallet) == 10


def test_a_refusal_inside_a_transaction_leaves_the_rest_of_it_alive():
    wallet = make_wallet("10")
    with transaction.atomic():
        spend(wallet, "1")
        with pytest.raises(InsufficientFunds):
            spend(wallet, "100")
        spend(wallet, "2")
    assert balance_of(wallet) == 7


def test_house_accounts_are_made_on_demand_once_per_currency():
    spend(make_wallet("1"), "1")
    spend(make_wallet("1"), "1")
    spend(make_wallet("1", currency="GBP"), "1")
    assert list(Account.objects.filter(code="revenue:sms").values_list("currency", flat=True)) == ["GBP", "USD"]


def test_a_posting_between_house_accounts_touches_no_wallet():
    moved = post(
        Posting(
            debit="expense:provider", credit="payable:twilio", amount=Decimal(5), currency="USD", kind="cost",
            reference=reference(),
        )
    )  # fmt: skip
    assert (moved.wallet_id, moved.wallet_seq, moved.balance_after) == (None, None, None)


def test_a_wallet_is_charged_only_in_its_currency():
    wallet = make_wallet("10")
    with pytest.raises(CurrencyMismatch):
        post(posting(wallet, currency="GBP"))


def test_an_unknown_wallet_is_a_programmers_mistake():
    with pytest.raises(IntegrityError, match="account"):
        post(Posting(debit=-1, credit="revenue:sms", amount=Decimal(1), currency="USD", kind="x", reference="x"))


@pytest.mark.django_db(transaction=True)
def test_one_charge_is_one_statement():
    wallet = make_wallet("10")
    spend(wallet, "1")
    with CaptureQueriesContext(connection) as statements:
        spend(wallet, "1")
    assert [statement["sql"].split()[0] for statement in statements] == ["INSERT"]


def test_postings_are_prepared_and_nothing_else_is():
    wallet = make_wallet("10")
    for _ in range(3):
        spend(wallet, "1")
        balance_of(wallet)
    assert {sql.split("(")[0] for sql in prepared()} == {"INSERT INTO wallets_transaction "}


def test_nothing_is_prepared_behind_a_pooler(settings):
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    settings.DATABASE_POOLER = True
    assert spend(make_wallet("10"), "1").balance_after == 9
    assert prepared() == []


def prepared():
    """The statements that the server keeps prepared for this connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements ORDER BY name")
        return [sql for (sql,) in cursor.fetchall()]


def test_what_is_returned_is_what_is_stored():
    wallet = make_wallet("10")
    conversion = {"original_amount": Decimal("2.5"), "original_currency": "EUR", "rate": Decimal("1.2")}
    posted = post(posting(wallet, "3", journal="j", description="d", actor="staff:x", credential="k", **conversion))
    stored = Transaction.objects.get(pk=posted.pk)
    for field in Transaction._meta.concrete_fields:
        assert str(getattr(posted, field.attname)) == str(getattr(stored, field.attname)), field.name


def test_a_deposit_emits_one_event_however_often_it_is_repeated():
    wallet = make_wallet()
    for _ in range(3):
        deposit(wallet=wallet, amount=Decimal(5), reference="bank:1")
    told = Event.objects.get(object_type="wallet", object_id=wallet.pk)
    assert (told.kind, told.payload["amount"], told.payload["balance"]) == ("wallet.deposited", "5", "5")


def test_a_batch_continues_each_wallet_in_the_order_given():
    wallets = [make_wallet("10"), make_wallet("10")]
    batch = [posting(wallets[n % 2], amount=str(n + 1)) for n in range(4)]
    assert post_many(batch) == 4
    rows = Transaction.objects.filter(wallet=wallets[0], wallet_seq__gt=1).order_by("wallet_seq")
    assert [(row.wallet_seq, row.amount, row.balance_after) for row in rows] == [(2, 1, 9), (3, 3, 6)]
    assert [balance_of(wallet) for wallet in wallets] == [6, 4]


def test_a_batch_mixes_wallets_house_accounts_and_directions():
    wallet = make_wallet("1")
    post_many(
        [
            posting(wallet, amount="3"),
            posting(wallet, amount="5", debit="cash:bank", credit=wallet.pk, kind="deposit"),
            posting(wallet, debit="expense:provider", credit="payable:twilio", kind="cost"),
        ]
    )
    assert balance_of(wallet) == 3


def test_a_batch_that_one_wallet_cannot_pay_is_refused_whole_and_names_the_sum():
    rich, poor = make_wallet("10"), make_wallet("1")
    with pytest.raises(InsufficientFunds) as refused:
        post_many([posting(rich), posting(poor, amount="0.75"), posting(poor, amount="0.75")])
    assert refused.value.facts == {"required": Decimal("1.5"), "available": Decimal(1), "currency": "USD"}
    assert (balance_of(rich), balance_of(poor)) == (10, 1)


def test_a_repeated_batch_adds_nothing():
    wallet = make_wallet("10")
    batch = [posting(wallet) for _ in range(5)]
    assert (post_many(batch), post_many(batch)) == (5, 0)
    assert balance_of(wallet) == 5


def test_a_batch_adds_what_was_not_posted_before():
    wallet = make_wallet("10")
    batch = [posting(wallet) for _ in range(5)]
    post_many(batch[1:3])
    assert post_many(batch) == 3
    assert balance_of(wallet) == 5


def test_a_batch_with_a_reference_used_for_something_else_writes_nothing():
    wallet = make_wallet("10")
    spend(wallet, "4", ref="order:1")
    with pytest.raises(ReferenceConflict):
        post_many([posting(wallet), posting(wallet, amount="5", ref="order:1")])
    assert balance_of(wallet) == 6


def test_a_reference_twice_in_one_batch_is_a_conflict():
    wallet = make_wallet("10")
    with pytest.raises(ReferenceConflict) as refused:
        post_many([posting(wallet, ref="twice"), posting(wallet), posting(wallet, ref="twice")])
    assert refused.value.facts == {"reference": "twice"}


def test_a_batch_with_a_wrong_amount_writes_nothing():
    wallet = make_wallet("10")
    with pytest.raises(InvalidAmount):
        post_many([posting(wallet), posting(wallet, amount="NaN")])
    assert balance_of(wallet) == 10


def test_an_empty_batch_is_nothing():
    assert post_many([]) == 0


def test_a_batch_captures_holds_in_parts():
    wallet = make_wallet("10")
    hold = place_hold(wallet=wallet, amount=Decimal(5), reference=reference())
    post_many([posting(wallet, amount="2", hold_id=hold.pk), posting(wallet, amount="3", hold_id=hold.pk)])
    hold.refresh_from_db()
    wallet.refresh_from_db()
    assert (hold.status, hold.captured, wallet.balance, wallet.held) == ("captured", 5, 5, 0)


def test_a_batch_cannot_refund_more_than_the_original_between_its_rows():
    wallet = make_wallet("10")
    charged = spend(wallet, "5")
    back = {"debit": "revenue:sms", "credit": wallet.pk, "kind": "sms_refund", "reverses_id": charged.pk}
    with pytest.raises(RefundExceedsOriginal):
        post_many([posting(wallet, amount="3", **back), posting(wallet, amount="3", **back)])
    assert balance_of(wallet) == 5
    refund(original=charged, reference=reference())
    assert balance_of(wallet) == 10


def test_a_batch_larger_than_one_copy_is_still_all_or_none(monkeypatch):
    monkeypatch.setattr(batches, "ROWS_PER_COPY", 3)
    wallet, poor = make_wallet("10"), make_wallet()
    with pytest.raises(InsufficientFunds):
        post_many([*(posting(wallet) for _ in range(7)), posting(poor)])
    assert balance_of(wallet) == 10
    assert post_many([posting(wallet) for _ in range(7)]) == 7
    assert balance_of(wallet) == 3


def test_one_wallet_takes_ten_thousand_rows_at_once():
    wallet = make_wallet("10000")
    assert post_many([posting(wallet) for _ in range(10_000)]) == 10_000
    assert balance_of(wallet) == 0
