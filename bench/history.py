"""Reads and size as the history grows: neither may depend on how long it is."""

import random
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from functools import partial

from django.db import DEFAULT_DB_ALIAS as DEFAULT
from django.db import connection, connections
from django.db.models import Max

from bench.books import Books
from bench.report import Line, medians_ms, say
from wallets.models import Transaction, Wallet
from wallets.services import post_many

READS = 2_000
PAGE = 50


def history(books: Books, cluster: "object", transactions: int) -> None:
    """Grow the history and read it, in turns with a copy of the books from before it grew."""
    settle()
    short = Copy(books, cluster)
    grow(books, transactions)
    settle()
    reads = [partial(read, *of) for read in (balance, balance_as_of) for of in ((DEFAULT, books.wallets), short)]
    now, was, now_as_of, was_as_of = medians_ms(READS, *reads)
    for name, long, before in (("balance", now, was), ("balance at a moment", now_as_of, was_as_of)):
        against = f"{short.transactions:,}: {before:.2f} ms"
        say(Line(f"{name}, {count():,} transactions", f"{long:.2f} ms", against, long / before, at_most=1.3))
    pages(books)
    size()


class Copy:
    """The books as they are now, in a database of their own beside the one that grows."""

    alias = "short"

    def __init__(self, books: Books, cluster: "object") -> None:
        self.transactions, self.wallets = count(), list(Wallet.objects.order_by("pk"))
        connection.close()  # a database is copied while nobody uses it
        name = f"short_{books.run}"
        address = ("-h", str(cluster.socket_folder), "-U", "postgres", "-O", connection.settings_dict["USER"])
        copied = cluster.run("createdb", *address, "-S", "file_copy", "-T", connection.settings_dict["NAME"], name)
        assert copied.returncode == 0, copied.stderr
        connections.settings[self.alias] = connection.settings_dict | {"NAME": name}

    def __iter__(self) -> Iterator[object]:
        return iter((self.alias, self.wallets))


def balance(alias: str, wallets: list[Wallet]) -> Decimal:
    return Wallet.objects.using(alias).get(pk=random.choice(wallets).pk).available


def balance_as_of(alias: str, wallets: list[Wallet]) -> Decimal:
    wallet = random.choice(wallets)
    moment = wallet.created_at + (wallet.last_posted_at - wallet.created_at) * random.random()
    return Transaction.objects.using(alias).balance_as_of(wallet.pk, moment + timedelta(microseconds=1))


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
