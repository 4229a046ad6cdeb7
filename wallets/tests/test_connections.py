"""What every connection runs under."""

import pytest
from django.db import OperationalError, connection, transaction

from wallets.models import Wallet
from wallets.tests.factories import make_wallet, spend
from wallets.tests.racing import Caller

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("lock_timeout", "5s"),
        ("statement_timeout", "20s"),
        ("idle_in_transaction_session_timeout", "30s"),
        ("plan_cache_mode", "force_custom_plan"),
        ("random_page_cost", "1.1"),
        ("TimeZone", "UTC"),
        ("transaction_isolation", "read committed"),
    ],
)
def test_a_connection_waits_and_plans_as_it_should(setting, value):
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {setting}")
        assert cursor.fetchone()[0] == value


def test_the_functions_of_the_books_are_planned_once_and_only_by_index():
    with connection.cursor() as cursor:
        cursor.execute("SELECT proconfig FROM pg_proc WHERE proname = 'wallets_transaction_move'")
        assert set(cursor.fetchone()[0]) == {
            "plan_cache_mode=force_generic_plan", "enable_seqscan=off", "enable_hashjoin=off", "enable_mergejoin=off",
            "search_path=public, pg_temp",
        }  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_a_charge_behind_a_lock_that_stays_gives_up():
    def charge_with_little_patience():
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        spend(wallet, "1")

    wallet = make_wallet("10")
    with transaction.atomic():
        Wallet.objects.select_for_update(no_key=True).get(pk=wallet.pk)
        outcome = Caller(charge_with_little_patience).ended()
    assert isinstance(outcome, OperationalError)


@pytest.mark.django_db(transaction=True)
def test_the_lock_of_a_wallet_does_not_stop_rows_that_refer_to_it():
    """Why it is FOR NO KEY UPDATE: a hold refers to its wallet."""
    wallet = make_wallet("10")
    with transaction.atomic():
        Wallet.objects.select_for_update(no_key=True).get(pk=wallet.pk)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        outcome = Caller(lambda: refer_to(wallet)).ended()
    assert outcome == "referred"


def refer_to(wallet):
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
        cursor.execute("SELECT 1 FROM wallets_wallet WHERE account_id = %s FOR KEY SHARE", [wallet.pk])
    return "referred"
