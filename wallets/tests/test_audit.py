"""The audit names exactly what is wrong, and nothing in books that are right."""

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from wallets.models import Hold, Transaction
from wallets.services import capture, place_hold, refund, release
from wallets.services.audit import audit
from wallets.tests.factories import execute, make_wallet, reference, spend
from wallets.tests.racing import LEDGER

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet():
    """A wallet with something of everything in its books."""
    wallet = make_wallet("100")
    refund(original=spend(wallet, "10"), amount=Decimal(4), reference=reference())
    hold = place_hold(wallet=wallet, amount=Decimal(20), reference=reference())
    capture(hold=hold, amount=Decimal(5), kind="sms_purchase", reference=reference(), account="revenue:sms")
    release(hold=hold, amount=Decimal(3), reference=reference())
    spend(wallet, "1")
    spend(make_wallet("5", currency="GBP"), "1")
    return wallet


def corrupt(sql, *parameters):
    """What only the owner of the tables can do: change the books behind their triggers."""
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    for table in LEDGER.split(", "):
        execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    execute(sql, *parameters)


def differences():
    return {finding.promise: finding.differences for finding in audit() if finding.differences}


def test_books_that_are_right_have_no_difference(wallet):
    assert differences() == {}


@pytest.mark.django_db(transaction=True)
def test_the_command_says_so_and_counts(wallet):
    out = StringIO()
    call_command("audit_ledger", stdout=out)
    assert "The books are right." in out.getvalue()
    assert "transactions 7" in out.getvalue()


def test_the_command_exits_1_and_names_the_difference(wallet):
    corrupt("UPDATE wallets_wallet SET balance = balance + 1 WHERE account_id = %s", wallet.pk)
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("audit_ledger", stdout=out, stderr=StringIO())
    assert ended.value.code == 1
    assert f"- wallet {wallet.pk}: balance 89.000000, entries 88.000000" in out.getvalue()


def test_entries_that_do_not_add_up(wallet):
    """The only way: a view that shows one side less."""
    execute("ALTER VIEW wallets_entry RENAME TO true_entry")
    execute("CREATE VIEW wallets_entry AS SELECT * FROM true_entry WHERE currency <> 'GBP' OR amount > 0")
    assert differences()["The entries of each currency add up to zero"] == ["GBP: 6.000000"]


@pytest.mark.parametrize(
    ("change", "promise", "difference"),
    [
        (
            "UPDATE wallets_wallet SET balance = balance + 1 WHERE account_id = {wallet}",
            "A wallet's balance is the sum of its entries",
            "wallet {wallet}: balance 89.000000, entries 88.000000",
        ),
        (
            "UPDATE wallets_wallet SET balance = balance + 1 WHERE account_id = {wallet}",
            "A wallet's balance is its last balance_after",
            "wallet {wallet}: balance 89.000000, last movement says 88.000000",
        ),
        (
            "DELETE FROM wallets_transaction WHERE wallet_id = {wallet} AND wallet_seq = 3",
            "A wallet's movements are numbered without gaps",
            "wallet {wallet}: 4 movements, last number 5",
        ),
        (
            "UPDATE wallets_transaction SET balance_after = 91 WHERE wallet_id = {wallet} AND wallet_seq = 5",
            "Each movement continues the balance and the clock of the one before",
            "transaction {last} of wallet {wallet}",
        ),
        (
            "UPDATE wallets_transaction SET posted_at = '2001-01-01' WHERE id = {charge}",
            "Each movement continues the balance and the clock of the one before",
            "transaction {charge} of wallet {wallet}",
        ),
        (
            "UPDATE wallets_transaction SET credit_id = 123456789 WHERE id = {charge}",
            "Both accounts of a transaction exist in its currency, and its wallet is one of them",
            "transaction {charge}: wallet:{customer} USD to no account , in USD",
        ),
        (
            "UPDATE wallets_transaction SET wallet_id = NULL WHERE id = {charge}",
            "Both accounts of a transaction exist in its currency, and its wallet is one of them",
            "transaction {charge}: wallet:{customer} USD to revenue:sms USD, in USD",
        ),
        (
            "UPDATE wallets_wallet SET held = 11 WHERE account_id = {wallet}",
            "Held money is the sum of open holds",
            "wallet {wallet}: held 11.000000, open holds 12.000000",
        ),
        (
            "UPDATE wallets_hold SET captured = 6 WHERE id = {hold}",
            "What was captured and released of a hold is the sum of its rows",
            "hold {hold}: captured 6.000000 (rows 5.000000), released 3.000000 (rows 3.000000)",
        ),
        (
            "UPDATE wallets_hold SET status = 'released' WHERE id = {hold}",
            "What was captured and released of a hold is the sum of its rows",
            "hold {hold}: captured 5.000000 (rows 5.000000), released 3.000000 (rows 3.000000)",
        ),
        (
            "ALTER TABLE wallets_wallet DROP CONSTRAINT wallet_available_not_negative;"
            "UPDATE wallets_wallet SET held = 90 WHERE account_id = {wallet}",
            "No wallet is below its limit, and debt is exactly what is missing",
            "wallet {wallet}: balance 88.000000, held 90.000000, credit limit 0.000000, debt 0.000000",
        ),
        (
            "UPDATE wallets_wallet SET debt = 1 WHERE account_id = {wallet}",
            "No wallet is below its limit, and debt is exactly what is missing",
            "wallet {wallet}: balance 88.000000, held 12.000000, credit limit 0.000000, debt 1.000000",
        ),
        (
            "UPDATE wallets_transaction SET amount = 11 WHERE reverses_id = {charge}",
            "Refunds never exceed what they give back",
            "transaction {charge}: 11.000000 given back of 10.000000",
        ),
        (
            "UPDATE wallets_hold SET expires_at = '{long_ago}' WHERE id = {hold}",
            "No hold is open past its deadline by more than the sweep",
            "hold {hold} ({hold_reference}) expired {long_ago}",
        ),
    ],
)
def test_each_corruption_is_named(wallet, change, promise, difference):
    charge, hold = Transaction.objects.get(wallet=wallet, wallet_seq=2), Hold.objects.get()
    facts = {
        "wallet": wallet.pk, "charge": charge.pk, "last": Transaction.objects.get(wallet=wallet, wallet_seq=5).pk,
        "customer": wallet.customer.uuid, "hold": hold.pk,
        "hold_reference": hold.reference, "long_ago": "2001-01-01 00:00:00+00",
    }  # fmt: skip
    corrupt(change.format(**facts))
    assert differences()[promise] == [difference.format(**facts)]


def test_a_total_that_is_not_the_sum_of_what_it_covers(wallet):
    charge = Transaction.objects.get(wallet=wallet, wallet_seq=2)
    execute("INSERT INTO wallets_rollup (horizon) VALUES (0) ON CONFLICT (id) DO UPDATE SET horizon = 0")
    execute(
        "INSERT INTO wallets_accounttotal (account_id, amount, entries, updated_at) VALUES (%s, 7, 1, now())",
        charge.credit_id,
    )
    assert differences() == {
        "The roll-up is the sum of the entries it covers": [
            f"account {charge.credit_id}: rolled up 7.000000, entries 0"
        ]
    }


def test_many_differences_are_counted_and_twenty_named(wallet):
    for _ in range(21):
        make_wallet("1")
    corrupt("UPDATE wallets_wallet SET balance = balance + 1 WHERE balance = 1")
    named = differences()["A wallet's balance is the sum of its entries"]
    assert len(named) == 21
    assert named[-1] == "and 1 more"


@pytest.mark.django_db(transaction=True)
def test_work_that_commits_meanwhile_is_no_difference(wallet):
    findings = audit()
    first = next(findings)  # the snapshot is taken
    with transaction.atomic():
        level = isolation()
    spend(wallet, "1")
    assert level == "repeatable read"
    assert [finding for finding in (first, *findings) if finding.differences] == []


def isolation():
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        return cursor.fetchone()[0]


def test_a_deadline_just_passed_is_left_to_the_sweep(wallet):
    Hold.objects.update(expires_at=timezone.now())
    assert differences() == {}
