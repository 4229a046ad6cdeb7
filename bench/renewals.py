"""How fast subscriptions renew: due ones, each on a wallet of its own, through the service that the tick calls.

    .venv/bin/python bench/renewals.py [--subscriptions 100000] [--data FOLDER]

Durable as in production (fsync on). Every renewal is a charge in the books, a period, a subscription moved on and
an event, priced anew; the books are proved at the end.
"""

import argparse
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench.report import Line, callers, durable_database, load, say, say_machine

FEW = 1_000
ROUNDS = 3
CHUNK = 10_000
PRICE = Decimal(6)
# To come, so that at the end nothing is overdue by the machine's own clock.
START = datetime(datetime.now(UTC).year + 1, 1, 31, 9, 30, tzinfo=UTC)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--subscriptions", type=int, default=100_000)
    options.add_argument("--data", type=Path, help="a folder to keep the database in")
    asked = options.parse_args()
    with durable_database(asked.data):
        say_machine()
        measure(asked.subscriptions)
        print(f"load average {load()}")


def measure(many: int) -> None:
    from django.db import connection

    plan = make_plan()
    # The few are due on days of their own, before the many.
    for number in range(ROUNDS):
        seed(plan, FEW, START.replace(day=10 + number), f"few{number}")
    seed(plan, many, START, "many")
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("VACUUM ANALYZE")

    few = sorted(renewed(FEW, START.replace(month=2, day=10 + number)) for number in range(ROUNDS))[ROUNDS // 2]
    all_of_them = renewed(many, START.replace(month=2, day=28))
    say(Line(f"{FEW:,} due, {FEW:,} wallets", f"{few:,.0f}/s"))
    say(Line(f"{many:,} due, {many:,} wallets", f"{all_of_them:,.0f}/s", "2,000/s", all_of_them / 2_000, at_least=1))
    say(Line("cost of one among all, against among few", f"{1e6 / all_of_them:,.0f} µs", f"{1e6 / few:,.0f} µs",
            few / all_of_them, at_most=1.3))  # fmt: skip
    everybody = ROUNDS * FEW + many
    two = by_two_workers(everybody, START.replace(month=3, day=31))
    say(Line(f"{everybody:,} due, two workers at once", f"{two:,.0f}/s", "one worker", two / all_of_them))
    prove(2 * everybody)


def make_plan():
    from catalog.models import Country, Price
    from catalog.services.countries import load_countries
    from catalog.services.number_plans import create_plan

    load_countries()
    plan = create_plan(country=Country.objects.get(code="US"), provider="pool")
    Price.objects.create(product_id=plan.pk, amount=PRICE, currency="USD", effective_from=START.replace(year=2020))
    return plan


def seed(plan, count: int, started: datetime, name: str) -> None:
    """Customers with a wallet, money for three months, and a number since `started`; the first month is paid."""
    for begin in range(0, count, CHUNK):
        seed_chunk(plan, min(CHUNK, count - begin), started, f"{name}-{begin}")


def seed_chunk(plan, count: int, started: datetime, name: str) -> None:
    from activations.models import Subscription, SubscriptionPeriod
    from activations.services.subscriptions.months import months_after
    from wallets.models import Account, Customer, Wallet
    from wallets.services import Posting, post_many

    customers = Customer.objects.bulk_create(Customer(name=f"{name}-{number}") for number in range(count))
    accounts = Account.objects.bulk_create(
        Account(code=f"wallet:{customer.uuid}", type="liability", currency="USD", is_wallet=True)
        for customer in customers
    )
    Wallet.objects.bulk_create(
        Wallet(account=account, customer=customer, currency="USD", is_default=True)
        for account, customer in zip(accounts, customers, strict=True)
    )
    end = months_after(started, 1, started.day)
    rows = Subscription.objects.bulk_create(
        Subscription(
            customer=customer, wallet_id=account.pk, plan=plan, country_id=plan.country_id, provider="pool",
            provider_number_id=str(account.pk), phone=f"+1{account.pk:010}", price=PRICE, currency="USD",
            status="active", auto_renew=True, anchor_day=started.day, started_at=started, period_started_at=started,
            expires_at=end, due_at=end,
        )
        for account, customer in zip(accounts, customers, strict=True)
    )  # fmt: skip
    SubscriptionPeriod.objects.bulk_create(
        SubscriptionPeriod(
            subscription=row, number=1, starts_at=started, ends_at=end, price=PRICE, currency="USD", charged_at=started
        )
        for row in rows
    )
    money = {"amount": PRICE, "currency": "USD"}
    post_many(
        Posting(debit="cash:bank", credit=row.wallet_id, amount=4 * PRICE, currency="USD", kind="deposit",
                reference=f"bench:{row.pk}")
        for row in rows
    )  # fmt: skip
    post_many(
        Posting(
            debit=row.wallet_id, credit="revenue:numbers", kind="number_purchase", reference=row.reference(1), **money
        )
        for row in rows
    )


def renewed(count: int, now: datetime) -> float:
    """Renewals a second of one worker."""
    from activations.services.subscriptions import renew_due

    began = time.perf_counter()
    looked = renew_due(now=now, seconds=3600)
    elapsed = time.perf_counter() - began
    assert looked == count, f"{looked} renewed, {count} were due"
    return count / elapsed


def by_two_workers(count: int, now: datetime) -> float:
    """Renewals a second of two at once, each taking what the other has not."""
    from activations.services.subscriptions import renew_due

    began = time.perf_counter()
    callers(2, 0.001, lambda caller, number: renew_due(now=now, seconds=3600) if number >= 0 else None)
    return count / (time.perf_counter() - began)


def prove(expected: int) -> None:
    from wallets.models import Transaction
    from wallets.services.audit import audit

    charged = Transaction.objects.filter(kind="number_renewal").count()
    wrong = [line for finding in audit() for line in finding.differences]
    print(f"{charged:,} renewals charged of {expected:,}; the audit finds {wrong or 'no difference'}")
    if charged != expected or wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
