"""django-hordak 2.0 doing the same work: run by bench/ledger.py with the Python of an environment that has it.

    python hordak_books.py HOST DATABASE prepare|single|charge|bulk AMOUNT

`single` makes transfers for AMOUNT seconds; `charge` makes what a wallet needs of them: one that cannot overdraw, its
balance read under a lock. `bulk` writes AMOUNT transactions at once. All print a rate a second.
"""

import random
import sys
import time

import django
from django.conf import settings


def configure(host: str, name: str) -> None:
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "hordak"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql", "HOST": host, "USER": "saldo", "NAME": name,
                "CONN_MAX_AGE": None, "OPTIONS": {"options": "-c statement_timeout=0"},
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DEFAULT_CURRENCY="USD",
        HORDAK_CURRENCIES=["USD"],
        HORDAK_DECIMAL_PLACES=6,
        HORDAK_MAX_DIGITS=20,
        USE_TZ=True,
    )  # fmt: skip
    django.setup()


def prepare(wallets: int) -> None:
    from django.core.management import call_command
    from hordak.models import Account, AccountType

    call_command("migrate", verbosity=0)
    if not Account.objects.exists():
        # All at once: a trigger goes through every account at each statement.
        tree = {"lft": 1, "rght": 2, "level": 0, "currencies": ["USD"]}
        Account.objects.bulk_create(
            [
                Account(name="Revenue", code="1", type=AccountType.income, tree_id=1, **tree),
                *(
                    Account(name="Wallet", code=str(number), type=AccountType.liability, tree_id=number, **tree)
                    for number in range(2, wallets + 2)
                ),
            ]
        )


def accounts() -> tuple[object, list[object]]:
    from hordak.models import Account

    revenue, *wallets = Account.objects.order_by("pk")
    return revenue, wallets


def single(seconds: float) -> float:
    from moneyed import Money

    revenue, wallets = accounts()
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        random.choice(wallets).transfer_to(revenue, Money("0.035", "USD"), description="SMS to Kenya")
        count += 1
    return count / (time.perf_counter() - began)


def charge(seconds: float) -> float:
    from django.db import transaction
    from hordak.models import Account
    from moneyed import Money

    revenue, wallets = accounts()
    price, limit = Money("0.035", "USD"), Money("-1000000", "USD")
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        with transaction.atomic():
            wallet = Account.objects.select_for_update().get(pk=random.choice(wallets).pk)
            assert wallet.get_balance()["USD"] > limit
            wallet.transfer_to(revenue, price, description="SMS to Kenya")
        count += 1
    return count / (time.perf_counter() - began)


def bulk(rows: int) -> float:
    from django.db import transaction
    from hordak.models import Leg, Transaction
    from moneyed import Money

    revenue, wallets = accounts()
    price = Money("0.035", "USD")
    began = time.perf_counter()
    with transaction.atomic():
        made = Transaction.objects.bulk_create([Transaction(description="SMS to Kenya") for _ in range(rows)])
        Leg.objects.bulk_create(
            leg
            for number, one in enumerate(made)
            for leg in (
                Leg(transaction=one, account=wallets[number % len(wallets)], credit=price),
                Leg(transaction=one, account=revenue, debit=price),
            )
        )
    return rows / (time.perf_counter() - began)


if __name__ == "__main__":
    host, name, what, amount = sys.argv[1:]
    configure(host, name)
    print({"prepare": prepare, "single": single, "charge": charge, "bulk": bulk}[what](int(amount)))
