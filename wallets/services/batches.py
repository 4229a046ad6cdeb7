"""Writing many transactions: each wallet locked once, one COPY, one update for each wallet."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, DataError, IntegrityError, connection, transaction

from config.errors import DomainError
from wallets.errors import ReferenceConflict
from wallets.models import Hold
from wallets.services.accounts import HouseAccounts, house_accounts
from wallets.services.amounts import check_amount
from wallets.services.posting import COLUMNS, Posting, already_posted, house_of
from wallets.services.refusals import constraint_of, detail_of, domain_error, insufficient_funds

# In one statement, so that a large batch does not meet the connection's statement_timeout.
ROWS_PER_COPY = 20_000
NUMBERS = "posted_at, xact, wallet_id, wallet_seq, wallet_delta, balance_after"


def post_many(postings: Iterable[Posting]) -> int:
    """Write many transactions, all or none; returns how many are new.

    A wallet must afford what the batch does to it in sum. A reference that was posted before is
    skipped if it is the same request; if not, ReferenceConflict is raised. Else raises what `post` does.
    """
    batch = sorted(postings, key=lambda posting: posting.wallet_id)
    for posting in batch:
        check_amount(posting.amount)
    _refuse_repeated_references(batch)
    while batch:  # each round without those that turned out to be posted already
        try:
            _write(batch)
        except (IntegrityError, DataError) as refusal:
            already = already_posted(batch)
            if not already:
                raise _refused(batch, refusal) from refusal
            batch = [posting for posting in batch if posting.reference not in already]
        else:
            break
    return len(batch)


@transaction.atomic
def _write(batch: Sequence[Posting]) -> None:
    house = house_accounts(house_of(batch))
    # Holds before wallets, and each in id order, as everywhere: two batches never wait in a circle.
    _lock_holds(batch)
    for start in range(0, len(batch), ROWS_PER_COPY):
        _copy(batch[start : start + ROWS_PER_COPY], house)


def _lock_holds(batch: Sequence[Posting]) -> None:
    holds = {posting.hold_id for posting in batch if posting.hold_id}
    if holds:
        list(Hold.objects.select_for_update(no_key=True).filter(id__in=holds).order_by("id").values_list("id"))


def _copy(rows: Sequence[Posting], house: HouseAccounts) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT account_id, last_seq, balance, last_posted_at FROM wallets_wallet"
            " WHERE account_id = ANY(%s::bigint[]) ORDER BY account_id FOR NO KEY UPDATE",
            [list({posting.wallet_id for posting in rows})],
        )
        wallets = {wallet: state for wallet, *state in cursor.fetchall()}
        # The clock is read inside the locks, as a single posting reads it.
        cursor.execute("SELECT greatest(clock_timestamp(), now()), pg_current_xact_id()::text::bigint")
        now, xact = cursor.fetchone()
        statement = f"COPY wallets_transaction ({COLUMNS}, {NUMBERS}) FROM STDIN"
        with connection.wrap_database_errors, cursor.copy(statement) as copy:  # Django does not wrap copy()
            for posting, numbers in _numbered(rows, wallets, now, xact):
                copy.write_row(posting.row(house) + numbers)


def _numbered(
    rows: Sequence[Posting], wallets: dict[int, list[Any]], now: datetime, xact: int
) -> Iterator[tuple[Posting, tuple[Any, ...]]]:
    """Each row with the numbers that carry its wallet on; the database proves every one of them."""
    # In words: as one of 100,000 dates, each would be written out anew.
    stamp = now.isoformat()
    current, seq, balance, posted_at = 0, 0, Decimal(0), stamp
    for posting in rows:
        wallet = posting.wallet_id
        if wallet not in wallets:
            yield posting, (stamp, xact, None, None, None, None)
            continue
        if wallet != current:
            current, (seq, balance, last_posted_at) = wallet, wallets[wallet]
            posted_at = stamp if last_posted_at <= now else last_posted_at.isoformat()
        seq += 1
        delta = posting.wallet_delta
        balance += delta
        yield posting, (posted_at, xact, wallet, seq, delta, balance)


def _refuse_repeated_references(batch: Sequence[Posting]) -> None:
    if len({posting.reference for posting in batch}) != len(batch):
        counts = Counter(posting.reference for posting in batch)
        raise ReferenceConflict(reference=counts.most_common(1)[0][0])


def _refused(batch: Sequence[Posting], refusal: DatabaseError) -> DomainError:
    """The refusal with its facts: the wallet that could not pay is named by the row that failed."""
    row = re.search(r"\((\d+),", detail_of(refusal))
    if constraint_of(refusal) != "wallet_available_not_negative" or row is None:
        return domain_error(refusal, None)
    wallet = int(row[1])
    required = -sum((posting.wallet_delta for posting in batch if posting.wallet_id == wallet), Decimal(0))
    return insufficient_funds(wallet, required)
