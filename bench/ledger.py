"""What the ledger does in a second, beside its limits and a peer.

    python bench/ledger.py                      all but the long history: some minutes
    python bench/ledger.py --quick              a smoke of seconds, whose figures mean nothing
    python bench/ledger.py --history 10000000   only reads and size, with that many transactions

It runs on a PostgreSQL of its own with fsync, in a temporary folder (or `--data`). Every figure is the median of
rounds in which ours, its limit and the peer take turns, so that other work on the machine hits all of them.

Limits: single posts against pgbench -M prepared inserting the bare row into the same table (whose triggers keep the
books); batches against a bare COPY of the same finished rows into a copy of the table without triggers.
The peer, django-hordak, is measured where an environment has it:

    python -m venv .data/bench/hordak
    .data/bench/hordak/bin/pip install 'django-hordak==2.0.*' 'Django==5.2.*' 'psycopg[binary]'
"""

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.report import ROOT, callers, durable_database, load, pgbench, say_machine, say_rate, timed

BATCHES = (1_000, 10_000, 100_000)
HORDAK_ROWS = 10_000  # its rate does not grow any more; 100,000 take minutes


class Hordak:
    """The peer in a database of its own on the same server."""

    def __init__(self, python: Path, cluster: "object", wallets: int) -> None:
        self.python, self.cluster = python, cluster
        cluster.run("createdb", "-h", str(cluster.socket_folder), "-U", "postgres", "-O", "saldo", "bench_hordak")
        self.do("prepare", wallets)

    def do(self, what: str, amount: int) -> str:
        answer = subprocess.run(
            [self.python, Path(__file__).parent / "peers" / "hordak_books.py", self.cluster.socket_folder,
             "bench_hordak", what, str(amount)],
            stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        return answer.stdout.strip()

    def rate(self, what: str, amount: int) -> float:
        return float(self.do(what, amount))


def singles(books: "object", cluster: "object", hordak: Hordak | None, rounds: int, seconds: float) -> None:
    """One transaction a call."""
    one, eight, account, wallet, crowd = [], [], [], [], []
    limit_one, limit_eight, peer, bare_peer = [], [], [], []
    for _ in range(rounds):
        one.append(callers(1, seconds, books.charge_any))
        limit_one.append(pgbench(cluster, 1, seconds, books.bare_insert()))
        peer.append(hordak.rate("charge", max(1, round(seconds))) if hordak else 0)
        bare_peer.append(hordak.rate("single", max(1, round(seconds))) if hordak else 0)
        eight.append(callers(8, seconds, books.charge_any))
        limit_eight.append(pgbench(cluster, 8, seconds, books.bare_insert()))
        account.append(callers(8, seconds, books.charge_to_one_account))
        wallet.append(callers(1, seconds, books.charge_one_wallet))
        crowd.append(callers(32, seconds, books.charge_one_wallet))
    say_rate("single posts, 1 caller", one, limit_one, "pgbench", 0.55)
    if hordak:
        say_rate("single posts, 1 caller", one, peer, "hordak, balance checked under a lock", 3.5)
        say_rate("single posts, 1 caller", one, bare_peer, "hordak, transfer_to alone")
    say_rate("single posts, 8 callers", eight, limit_eight, "pgbench", 0.4)
    say_rate("8 callers, all into one revenue account", account, eight, "spread over 100", 0.9)
    say_rate("32 callers on one wallet", crowd, wallet, "1 caller on it", 0.6)


def batches(books: "object", hordak: Hordak | None, rounds: int, sizes: tuple[int, ...]) -> None:
    """Many transactions a call, over all wallets."""
    from bench.books import BareCopy
    from wallets.services import post_many

    bare = BareCopy()
    for rows in sizes:
        ours, limit, peer = [], [], []
        for _ in range(rounds):
            postings = books.batch(rows)
            ours.append(rows / timed(lambda postings=postings: post_many(postings)))
            data = bare.last_rows(rows)
            limit.append(rows / timed(lambda data=data: bare.write(data)))
            peer.append(hordak.rate("bulk", min(rows, HORDAK_ROWS)) if hordak else 0)
        largest = rows == max(BATCHES)
        say_rate(f"batch of {rows:,}", ours, limit, "bare COPY", 0.4 if largest else None)
        if hordak:
            name = f"hordak bulk_create of {min(rows, HORDAK_ROWS):,}"
            say_rate(f"batch of {rows:,}", ours, peer, name, 8 if largest else None)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smoke of seconds")
    parser.add_argument("--history", type=int, help="only reads and size, with so many transactions")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement of a rate")
    parser.add_argument("--data", type=Path, help="a folder to keep the database in")
    parser.add_argument("--hordak", type=Path, default=ROOT / ".data/bench/hordak/bin/python", help="its Python")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    wallets = 200 if asked.quick else 10_000
    rounds, seconds = (1, 0.2) if asked.quick else (asked.rounds, asked.seconds)
    with durable_database(asked.data) as cluster:
        from bench.books import Books
        from bench.history import history

        say_machine()
        books = Books(wallets)
        if asked.history:
            history(books, cluster, asked.history)
            return
        hordak = Hordak(asked.hordak, cluster, wallets) if asked.hordak.exists() and not asked.quick else None
        if hordak is None:
            print("(django-hordak is not measured: see --help)")
        singles(books, cluster, hordak, rounds, seconds)
        batches(books, hordak, rounds, (100, 1_000) if asked.quick else BATCHES)
        history(books, cluster, 5_000 if asked.quick else 1_000_000)
        print(f"load average {load()}")


if __name__ == "__main__":
    main()
