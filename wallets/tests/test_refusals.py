"""Around the services, straight to the database: every promise is kept there too."""

from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from wallets.models import Account, Customer, Hold, Transaction, Wallet
from wallets.services import capture, chargeback, open_customer, place_hold, refund, release
from wallets.services.refusals import constraint_of
from wallets.tests.factories import execute, make_wallet, reference, spend, superuser

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet():
    """A wallet with 10, of which 3 were spent and 2 are held."""
    wallet = make_wallet("10")
    spend(wallet, "3")
    place_hold(wallet=wallet, amount=Decimal(2), reference=reference("hold"))
    wallet.refresh_from_db()
    return wallet


def refused(promise, sql, *parameters):
    """The statement breaks `promise`, and says so."""
    with pytest.raises(DatabaseError) as error, transaction.atomic():
        execute(sql, *parameters)
    assert promise in (constraint_of(error.value) or str(error.value))


def house(code="revenue:sms", currency="USD"):
    return Account.objects.get_or_create(code=code, currency=currency, defaults={"type": Account.Type.REVENUE})[0].pk


def insert(debit, credit, amount="1", **columns):
    """The statement that writes one row, and its parameters."""
    columns = {
        "debit_id": debit, "credit_id": credit, "amount": Decimal(amount), "currency": "USD", "kind": "raw",
        "reference": reference("raw"), "description": "", "journal": "", "actor": "", "credential": "",
    } | columns  # fmt: skip
    marks = ", ".join(["%s"] * len(columns))
    return f"INSERT INTO wallets_transaction ({', '.join(columns)}) VALUES ({marks})", *columns.values()


# --- What was written stays -----------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE wallets_transaction SET amount = amount + 1",
        "UPDATE wallets_transaction SET description = 'better'",
        "DELETE FROM wallets_transaction",
    ],
)
def test_a_transaction_is_never_changed(wallet, sql):
    refused("transaction_is_immutable", sql)


@pytest.mark.parametrize("table", ["transaction", "hold", "release", "wallet", "account"])
def test_the_books_are_never_truncated(wallet, table):
    execute("SET CONSTRAINTS ALL IMMEDIATE")  # TRUNCATE would stop at what is still to be checked
    refused("books_are_never_truncated", f"TRUNCATE wallets_{table} CASCADE")


def test_only_a_connection_that_says_so_may_truncate_the_books(wallet):
    with transaction.atomic():
        execute("SET LOCAL saldo.allow_truncate = 'on'")
        execute("TRUNCATE wallets_release CASCADE")
    execute("SET LOCAL saldo.allow_truncate = 'off'")
    refused("books_are_never_truncated", "TRUNCATE wallets_release CASCADE")


@pytest.mark.parametrize("column", ["balance", "held", "debt", "last_seq", "currency", "customer_id", "last_posted_at"])
def test_a_wallet_moves_only_by_the_books(wallet, column):
    refused("wallet_moves_only_by_the_books", f"UPDATE wallets_wallet SET {column} = {column}")


@pytest.mark.parametrize("column", ["amount", "captured", "released", "status", "wallet_id", "reference", "closed_at"])
def test_a_hold_moves_only_by_captures_and_releases(wallet, column):
    refused("hold_moves_only_by_captures_and_releases", f"UPDATE wallets_hold SET {column} = {column}")


def test_holds_and_releases_are_kept(wallet):
    release(hold=Hold.objects.get())
    refused("hold_is_kept", "DELETE FROM wallets_hold")
    refused("release_is_immutable", "DELETE FROM wallets_release")
    refused("release_is_immutable", "UPDATE wallets_release SET amount = 1")


def test_accounts_and_wallets_with_history_are_kept(wallet):
    refused("wallet_with_history_is_kept", "DELETE FROM wallets_wallet")
    refused("account_with_history_is_kept", "DELETE FROM wallets_account WHERE code = 'revenue:sms'")
    refused("account_with_history_is_kept", "DELETE FROM wallets_account WHERE is_wallet")


def test_an_account_without_history_may_go():
    unused = house("revenue:mistyped")
    Account.objects.filter(pk=unused).delete()
    assert not Account.objects.filter(pk=unused).exists()


@pytest.mark.parametrize("change", ["currency = 'GBP'", "code = 'x'", "type = 'asset'", "is_wallet = NOT is_wallet"])
def test_an_account_is_never_changed(wallet, change):
    refused("account_is_immutable", f"UPDATE wallets_account SET {change}")


# --- What cannot be written -------------------------------------------------------------


def test_a_wallet_is_not_overdrawn(wallet):
    refused("wallet_available_not_negative", *insert(wallet.pk, house(), "5.000001"))


def test_a_hold_is_not_placed_on_what_is_not_there(wallet):
    refused(
        "wallet_available_not_negative",
        "INSERT INTO wallets_hold (wallet_id, amount, reference, description, actor, credential, captured, released,"
        " status) VALUES (%s, 5.000001, 'raw', '', '', '', 0, 0, 'active')",
        wallet.pk,
    )


def test_a_transaction_has_one_currency(wallet):
    refused("transaction_one_currency", *insert(wallet.pk, house(currency="GBP")))
    refused("transaction_one_currency", *insert(wallet.pk, house(), currency="GBP"))


def test_a_transaction_touches_at_most_one_wallet(wallet):
    refused("transaction_one_wallet", *insert(wallet.pk, make_wallet().pk))


def test_a_transaction_has_two_accounts_that_exist(wallet):
    refused("transaction_accounts_exist", *insert(wallet.pk, 10**12))
    refused("transaction_accounts_exist", *insert(10**12, wallet.pk))
    refused("transaction_has_two_accounts", *insert(None, wallet.pk))
    refused("transaction_between_two_accounts", *insert(house(), house()))


@pytest.mark.parametrize("amount", ["0", "-1", "NaN"])
def test_a_transaction_moves_an_amount(wallet, amount):
    refused("transaction_amount", *insert(wallet.pk, house(), amount))
    refused("transaction_amount", *insert(house(), wallet.pk, amount))


def test_an_infinite_amount_does_not_exist(wallet):
    refused("numeric field overflow", *insert(house(), wallet.pk, "Infinity"))


@pytest.mark.parametrize(
    ("amount", "hold_promise", "release_promise"),
    [
        ("0", "hold_amount_positive", "release_amount_positive"),
        ("-1", "hold_amount_positive", "hold_parts_not_negative"),
        ("NaN", "wallet_available_not_negative", "hold_captured_and_released_not_above_amount"),
    ],
)
def test_a_hold_and_a_release_have_amounts(wallet, amount, hold_promise, release_promise):
    refused(
        hold_promise,
        "INSERT INTO wallets_hold (wallet_id, amount, reference, description, actor, credential, captured, released,"
        " status) VALUES (%s, %s, 'raw', '', '', '', 0, 0, 'active')",
        wallet.pk, Decimal(amount),
    )  # fmt: skip
    refused(
        release_promise,
        "INSERT INTO wallets_release (hold_id, amount, reference, cause, actor) VALUES (%s, %s, 'raw', 'released', '')",
        Hold.objects.get().pk, Decimal(amount),
    )  # fmt: skip


def test_limits_and_rates_are_numbers(wallet):
    level = "INSERT INTO wallets_alertlevel (wallet_id, amount) VALUES (%s, 'NaN')"
    refused("alert_level_is_a_number", level, wallet.pk)
    refused("wallet_", "UPDATE wallets_wallet SET credit_limit = 'NaN'")
    refused("wallet_credit_limit_not_negative", "UPDATE wallets_wallet SET credit_limit = -1")
    refused(
        "exchange_rate_is_a_number",
        "INSERT INTO wallets_exchangerate (base, quote, rate, effective_at, source, created_at)"
        " VALUES ('USD', 'GBP', 'NaN', now(), '', now())",
    )


def test_refunds_do_not_exceed_their_original(wallet):
    charged = Transaction.objects.get(kind="sms_purchase")
    refund(original=charged, amount=Decimal(2), reference=reference())
    refused(
        "transaction_refunds_not_above_original", *insert(charged.credit_id, wallet.pk, "1.01", reverses_id=charged.pk)
    )


def test_a_refund_mirrors_its_original(wallet):
    charged = Transaction.objects.get(kind="sms_purchase")
    other = make_wallet("5")
    back = refund(original=charged, reference=reference())
    mirror = "transaction_refund_mirrors_original"
    refused(mirror, *insert(charged.credit_id, other.pk, reverses_id=charged.pk))
    refused(mirror, *insert(house("revenue:other"), wallet.pk, reverses_id=charged.pk))
    refused(mirror, *insert(wallet.pk, charged.credit_id, reverses_id=charged.pk))
    refused(mirror, *insert(wallet.pk, charged.credit_id, reverses_id=back.pk))
    refused(mirror, *insert(charged.credit_id, wallet.pk, reverses_id=10**12))
    refused(mirror, *insert(house("revenue:other"), charged.credit_id, reverses_id=charged.pk))


def test_a_chargeback_names_the_deposit_that_it_takes_back(wallet):
    named = "transaction_chargeback_names_its_deposit"
    refused(named, *insert(wallet.pk, house(), "100", kind="chargeback"))
    charged = Transaction.objects.get(kind="sms_purchase")
    refused(named, *insert(charged.credit_id, wallet.pk, "1", kind="chargeback", reverses_id=charged.pk))


def test_a_capture_takes_no_more_than_its_hold(wallet):
    hold = Hold.objects.get()
    refused("hold_captured_and_released_not_above_amount", *insert(wallet.pk, house(), "2.000001", hold_id=hold.pk))


def test_a_closed_hold_a_strangers_hold_and_no_hold_are_not_captured(wallet):
    hold, stranger = Hold.objects.get(), make_wallet("10")
    refused("transaction_hold_is_open", *insert(stranger.pk, house(), hold_id=hold.pk))
    refused("transaction_hold_is_open", *insert(house(), wallet.pk, hold_id=hold.pk))
    refused("transaction_hold_is_open", *insert(wallet.pk, house(), hold_id=10**12))
    release(hold=hold)
    refused("transaction_hold_is_open", *insert(wallet.pk, house(), hold_id=hold.pk))


def test_a_released_hold_is_not_released_again(wallet):
    hold = Hold.objects.get()
    release(hold=hold)
    refused(
        "release_hold_is_open",
        "INSERT INTO wallets_release (hold_id, amount, reference, cause, actor) VALUES (%s, 1, 'raw', 'released', '')",
        hold.pk,
    )


def test_a_wallet_opens_empty_on_an_account_of_its_currency():
    customer = open_customer(name="Acme")
    account = Account.objects.create(code="wallet:x", currency="GBP", type="liability", is_wallet=True)
    opens = "wallet_opens_empty_on_its_account"
    sql = (
        "INSERT INTO wallets_wallet (account_id, customer_id, currency, is_default, credit_limit, created_at, balance,"
        " held, debt, last_seq) VALUES (%s, %s, %s, false, 0, now(), %s, %s, %s, %s)"
    )
    refused(opens, sql, account.pk, customer.pk, "USD", 0, 0, 0, 0)
    refused(opens, sql, house(currency="GBP"), customer.pk, "GBP", 0, 0, 0, 0)
    for numbers in ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)):
        refused(opens, sql, account.pk, customer.pk, "GBP", *numbers)
    execute(sql, account.pk, customer.pk, "GBP", 0, 0, 0, 0)


# --- What is written without the services is right nevertheless ---------------------------


def test_forged_numbers_are_overwritten(wallet):
    forged = {"wallet_seq": 99, "wallet_delta": 50, "balance_after": 1000, "posted_at": "2001-01-01", "wallet_id": 7}
    execute(*insert(house(), wallet.pk, "5", **forged))
    row = Transaction.objects.get(kind="raw")
    assert (row.wallet_id, row.wallet_seq, row.wallet_delta, row.balance_after) == (wallet.pk, 3, 5, 12)
    assert row.posted_at > wallet.last_posted_at


@pytest.mark.parametrize(
    "lie",
    [
        {"wallet_seq": 4}, {"wallet_seq": 2}, {"balance_after": 13}, {"wallet_delta": 6}, {"wallet_delta": -5},
        {"posted_at": "2001-01-01"}, {"posted_at": "2101-01-01"}, {"xact": 7}, {"wallet_id": None},
        {"wallet_seq": None},
    ],
)  # fmt: skip
def test_numbers_of_ones_own_are_proven(wallet, lie):
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp(), pg_current_xact_id()::text::bigint")
        posted_at, xact = cursor.fetchone()
    true = {
        "wallet_id": wallet.pk, "wallet_seq": 3, "wallet_delta": 5, "balance_after": 12, "posted_at": posted_at,
        "xact": xact,
    }  # fmt: skip
    refused("transaction_", *insert(house(), wallet.pk, "5", **(true | lie)))
    execute(*insert(house(), wallet.pk, "5", **true))


def batch_of_ones_own(wallet, rows):
    """Deposits of 1 under numbers, balances after and microseconds of one's own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now = cursor.fetchone()[0]
    values = ", ".join(
        f"({house()}, {wallet.pk}, 1, 'USD', 'raw', 'raw:{seq}', '', '', '', '',"
        f" '{now + timedelta(microseconds=late)}', {wallet.pk}, {seq}, 1, {after}, pg_current_xact_id()::text::bigint)"
        for seq, after, late in rows
    )
    return (
        "INSERT INTO wallets_transaction (debit_id, credit_id, amount, currency, kind, reference, description, journal,"
        f" actor, credential, posted_at, wallet_id, wallet_seq, wallet_delta, balance_after, xact) VALUES {values}"
    )


@pytest.mark.parametrize(
    "rows",
    [
        [(3, 8, 1), (4, 100, 2), (5, 10, 3)],  # the balance lies in the middle
        [(3, 8, 1), (4, 9, 2), (5, 11, 3)],  # at the end
        [(3, 108, 1), (4, 109, 2), (5, 110, 3)],  # from the beginning
        [(4, 8, 1), (5, 9, 2), (6, 10, 3)],  # begins later
        [(3, 8, 1), (5, 9, 2), (6, 10, 3)],  # leaves a number out
        [(3, 8, 3), (4, 9, 1), (5, 10, 2)],  # goes back in time
    ],
)
def test_a_batch_that_does_not_continue_its_wallet_is_refused(wallet, rows):
    refused("transaction_continues_its_wallet", batch_of_ones_own(wallet, rows))


def test_a_batch_that_continues_its_wallet_is_posted(wallet):
    execute(batch_of_ones_own(wallet, [(3, 8, 1), (4, 9, 2), (5, 10, 3)]))
    assert Wallet.objects.get(pk=wallet.pk).balance == 10


def test_a_hold_opens_untouched_whatever_it_says(wallet):
    execute(
        "INSERT INTO wallets_hold (wallet_id, amount, reference, description, actor, credential, captured, released,"
        " status, closed_at) VALUES (%s, 1, 'raw', '', '', '', 1, 0, 'captured', now())",
        wallet.pk,
    )
    hold = Hold.objects.get(reference="raw")
    assert (hold.captured, hold.status, hold.closed_at) == (0, "active", None)
    assert Wallet.objects.get(pk=wallet.pk).held == 3


def test_a_wallet_opened_with_a_clock_in_the_future_does_not_keep_it():
    customer = Customer.objects.create(name="Acme")
    account = Account.objects.create(code="wallet:x", currency="USD", type="liability", is_wallet=True)
    Wallet.objects.create(account=account, customer=customer, currency="USD", last_posted_at="2101-01-01T00:00:00Z")
    assert Wallet.objects.get(pk=account.pk).last_posted_at.year < 2101


def test_a_temporary_table_of_the_same_name_moves_nothing(wallet):
    execute("CREATE TEMP TABLE wallets_wallet AS SELECT * FROM public.wallets_wallet")
    sql, *parameters = insert(wallet.pk, house(), "1")
    execute(sql, *parameters)
    execute("DROP TABLE pg_temp.wallets_wallet")
    assert Wallet.objects.get(pk=wallet.pk).balance == 6


# --- In any session -------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("promise", "sql"),
    [
        ("transaction_is_immutable", "UPDATE wallets_transaction SET amount = 1"),
        ("books_are_never_truncated", "TRUNCATE wallets_transaction CASCADE"),
        ("wallet_moves_only_by_the_books", "UPDATE wallets_wallet SET balance = 1000"),
        ("hold_moves_only_by_captures_and_releases", "UPDATE wallets_hold SET amount = 1"),
        ("account_is_immutable", "UPDATE wallets_account SET code = 'x'"),
        ("wallet_with_history_is_kept", "DELETE FROM wallets_wallet"),
        ("release_is_immutable", "DELETE FROM wallets_release"),
    ],
)
def test_a_session_that_plays_a_replica_is_refused_too(wallet, promise, sql):
    release(hold=Hold.objects.get())
    with superuser() as session:
        session.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.errors.CheckViolation) as error:
            session.execute(sql)
        assert error.value.diag.constraint_name == promise
        session.rollback()


@pytest.mark.django_db(transaction=True)
def test_money_moves_the_same_in_a_session_that_plays_a_replica(wallet):
    sql, *parameters = insert(wallet.pk, house(), "1")
    with superuser() as session:
        session.execute("SET session_replication_role = replica")
        session.execute(sql, parameters)
        session.commit()
    assert Wallet.objects.get(pk=wallet.pk).balance == 6


def test_no_trigger_of_the_books_can_be_left_out_by_a_replica():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'A' AND tgrelid::regclass::text IN"
            " ('wallets_transaction', 'wallets_hold', 'wallets_release', 'wallets_wallet', 'wallets_account')"
        )
        assert cursor.fetchall() == []


def test_a_chargeback_moves_below_zero_only_as_debt(wallet):
    deposit = Transaction.objects.get(kind="deposit")
    chargeback(original=deposit, amount=Decimal(10), reference="cb", description="", actor="staff:ann")
    found = Wallet.objects.get(pk=wallet.pk)
    assert (found.balance, found.held, found.debt) == (-3, 2, 5)
    captured = capture(hold=Hold.objects.get(), kind="sms_purchase", reference="c", account="revenue:sms")
    assert captured.balance_after == -5
