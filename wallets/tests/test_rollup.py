"""The totals of house accounts: every entry counted once, however late it commits."""

import re
import time
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Max, Sum

from wallets.models import Account, AccountTotal, Transaction
from wallets.services.accounts import house_accounts
from wallets.tasks import roll_up_accounts
from wallets.tests.factories import make_wallet, spend
from wallets.tests.racing import Caller, while_open, with_function_changed

pytestmark = pytest.mark.django_db(transaction=True)


def total(code="revenue:sms"):
    return AccountTotal.objects.get(account__code=code).amount


def balance(code="revenue:sms"):
    with connection.cursor() as cursor:
        cursor.execute("SELECT wallets_account_balance(%s)", [Account.objects.get(code=code).pk])
        return cursor.fetchone()[0]


def roll_up():
    """Roll up once nothing older runs: another suite's transaction on this server may hold the horizon back."""
    passed = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint > max(xact) FROM wallets_transaction"
    deadline = time.monotonic() + 60
    with connection.cursor() as cursor:
        cursor.execute(passed)
        while not cursor.fetchone()[0]:
            assert time.monotonic() < deadline, "a transaction on this server never ends"
            cursor.execute("SELECT pg_sleep(0.02)")
            cursor.execute(passed)
    return roll_up_accounts()


class RollUpByHighestId:
    """How it must not be done."""

    def __init__(self):
        self.seen = 0
        self.total = Decimal(0)

    def __call__(self):
        fresh = Transaction.objects.filter(kind="sms_purchase", id__gt=self.seen)
        self.total -= fresh.aggregate(total=Sum("amount"))["total"] or 0
        self.seen = fresh.aggregate(last=Max("id"))["last"] or self.seen


def test_totals_grow_by_what_is_new():
    wallet = make_wallet("10")
    spend(wallet, "1")
    assert roll_up() == 4
    spend(wallet, "2")
    assert roll_up() == 2
    assert roll_up() == 0
    assert (total(), total("cash:bank")) == (-3, 10)


def test_a_row_that_commits_after_a_later_one_is_not_lost():
    wallet, other = make_wallet("10"), make_wallet("10")
    house_accounts({("revenue:sms", "USD")})
    by_id = RollUpByHighestId()

    def charge_and_roll_up():
        spend(other, "2")
        roll_up_accounts()
        by_id()

    with transaction.atomic():
        early = spend(wallet, "1")  # the lower id …
        assert not isinstance(Caller(charge_and_roll_up).ended(), Exception)
    assert Transaction.objects.filter(id__gt=early.pk).exists()  # … commits last
    roll_up()
    by_id()
    assert total() == -3
    assert by_id.total == -2  # the control lost one


def test_two_roll_ups_at_once_add_once():
    spend(make_wallet("10"), "1")
    roll_up()
    spend(make_wallet("10"), "1")
    while_open(roll_up, roll_up)
    assert total() == -2

    with (
        with_function_changed("wallets_roll_up", "INSERT INTO wallets_rollup", "-- INSERT INTO wallets_rollup"),
        with_function_changed("wallets_roll_up", "FROM wallets_rollup FOR UPDATE", "FROM wallets_rollup"),
    ):
        spend(make_wallet("10"), "1")
        while_open(roll_up, roll_up)
        assert total() == -4


def test_an_account_balance_is_the_roll_up_and_what_came_since():
    wallet = make_wallet("10")
    spend(wallet, "1")
    assert balance() == -1
    roll_up()
    spend(wallet, "2")
    assert (total(), balance(), balance("cash:bank")) == (-1, -3, 10)


def test_after_a_restored_dump_the_readmes_statements_let_the_roll_up_go_on():
    spend(make_wallet("10"), "1")
    roll_up()
    statements = re.search(r"### Restoring.*?```sql\n(.*?)```", Path(settings.BASE_DIR, "README.md").read_text(), re.S)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE wallets_rollup SET horizon = 9000000000000000000")  # another server's numbers
        with pytest.raises(DatabaseError, match="ahead"):
            cursor.execute("SELECT wallets_roll_up()")
        cursor.execute(statements[1])
    assert roll_up() == 4
    assert (total(), total("cash:bank")) == (-1, 10)
    with pytest.raises(DatabaseError, match="never changed"):
        Transaction.objects.update(kind="other")
