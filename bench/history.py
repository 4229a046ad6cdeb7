"""Reads and size as the history grows: neither may depend on how long it is."""

import random
from datetime import timedelta
from decimal import Decimal

from django.db import connection
from django.db.models import Max

from bench.books import Books
from bench.report import Line, medians_ms, say
from wallets.models import Transaction, Wallet
from wallets.services import post_many

READS = 2_000
PAGE = 50


def history(books: Books, transactions: int) -> None:
    """Measure reads on the history that is there, grow it, and measure them again."""
    settle()
    short = count()
    before = reads_ms(books)
    grow(books, transactions)
    settle()
    for word, was, now in zip(("balance", "balance at a moment"), before, reads_ms(books), strict=True):
        name = f"{word}, {count():,} transactions"
        say(Line(name, f"{now:.2f} ms", f"{short:,}: {was:.2f} ms", now / was, at_most=1.3))
    pages(books)
    size()


def reads_ms(books: Books) -> list[float]:
    return medians_ms(READS, lambda: balance(books), lambda: balance_as_of(books))


def balance(books: Books) -> Decimal:
    return Wallet.objects.get(pk=random.choice(books.ids)).available


def balance_as_of(books: Books) -> Decimal:
    wallet = random.choice(books.wallets)
    moment = wallet.created_at + (wallet.last_posted_at - wallet.created_at) * random.random()
    return Transaction.objects.balance_as_of(wallet.pk, moment + timedelta(microseconds=1))


def pages(books: Books) -> None:
    """The newest page of the longest statement, and its oldest."""
    longest = books.ids[0]
    last = Transaction.objects.filter(wallet=longest).aggregate(last=Max("wallet_seq"))["last"]
    statement = Transaction.objects.statement(longest)
    first, deep = medians_ms(
        READS // 4, lambda: list(statement[:PAGE]), lambda: list(statement.filter(wallet_seq__lte=PAGE)[:PAGE])
    )
    name = f"statement page {last // PAGE:,} of a wallet's {last:,}"
    say(Line(name, f"{deep:.2f} ms", f"page 1: {first:.2f} ms", deep / first, at_most=1.5))


def size() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_table_size('wallets_transaction'), pg_indexes_size('wallets_transaction')")
        table, indexes = (value / count() for value in cursor.fetchone())
    total = table + indexes
    say(
        Line(
            "disk for a transaction",
            f"{total:.0f} bytes",
            f"table {table:.0f}, indexes {indexes:.0f}",
            total / 700,
            at_most=1,
        )
    )


def grow(books: Books, transactions: int) -> None:
    """Post batches until there are so many; one wallet in 10,000 gets a tenth of each."""
    while (missing := transactions - count()) > 0:
        batch = books.batch(min(missing, 100_000))
        tenth = len(batch) // 10
        post_many([*batch[tenth:], *books.batch_of_one(tenth)])
    books.wallets = list(Wallet.objects.order_by("pk"))


def count() -> int:
    return Transaction.objects.count()


def settle() -> None:
    """What autovacuum does in its own time."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) wallets_transaction, wallets_wallet")
