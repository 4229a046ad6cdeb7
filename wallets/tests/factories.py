"""Wallets to try things on, and ways around the services."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import count

import psycopg
import pytest
from django.db import connection

from wallets.models import Customer, Transaction, Wallet
from wallets.services import charge, deposit, open_customer, open_wallet

_numbers = count(1)
CENT = Decimal("0.01")


def reference(word: str = "test") -> str:
    return f"{word}:{next(_numbers)}"


def make_wallet(balance: Decimal | str = "0", currency: str = "USD", customer: Customer | None = None) -> Wallet:
    """An open wallet that holds `balance`."""
    if customer is None:
        customer = open_customer(name="Acme", currency=currency)
    wallet = open_wallet(customer=customer, currency=currency)
    if Decimal(balance):
        deposit(wallet=wallet, amount=Decimal(balance), reference=reference("deposit"))
        wallet.refresh_from_db()
    return wallet


def spend(wallet: Wallet, amount: Decimal | str, ref: str = "", kind: str = "sms_purchase") -> Transaction:
    return charge(
        wallet=wallet, amount=Decimal(amount), kind=kind, reference=ref or reference("charge"), account="revenue:sms"
    )


def balance_of(wallet: Wallet) -> Decimal:
    return Wallet.objects.get(pk=wallet.pk).balance


def execute(sql: str, *parameters: object) -> None:
    """Around every service, straight to the database."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


@contextmanager
def superuser() -> Iterator[psycopg.Connection]:
    """The embedded server's superuser in the test database; skipped where the server is not ours."""
    settings = connection.settings_dict
    try:
        connected = psycopg.connect(host=settings["HOST"], user="postgres", dbname=settings["NAME"])
    except psycopg.OperationalError as error:
        pytest.skip(f"needs a superuser: {error}")
    with connected:
        yield connected
