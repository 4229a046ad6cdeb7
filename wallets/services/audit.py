"""Proving the books: every invariant is a query that returns what breaks it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

SHOWN = 20  # differences named per check


@dataclass(frozen=True)
class Check:
    """A promise in words, and a query whose rows are sentences about what breaks it."""

    promise: str
    sql: str


@dataclass(frozen=True)
class Finding:
    promise: str
    differences: list[str] = field(default_factory=list)


CHECKS = (
    Check(
        "The entries of each currency add up to zero",
        """SELECT format('%s: %s', currency, sum(amount))
             FROM wallets_entry GROUP BY currency HAVING sum(amount) <> 0""",
    ),
    Check(
        "Both accounts of a transaction exist in its currency, and its wallet is one of them",
        """SELECT format('transaction %s: %s %s to %s %s, in %s', t.id, coalesce(d.code, 'no account'), d.currency,
                         coalesce(c.code, 'no account'), c.currency, t.currency)
             FROM wallets_transaction t
             LEFT JOIN wallets_account d ON d.id = t.debit_id
             LEFT JOIN wallets_account c ON c.id = t.credit_id
            WHERE d.currency IS DISTINCT FROM t.currency OR c.currency IS DISTINCT FROM t.currency
               OR (d.is_wallet AND c.is_wallet)
               OR t.wallet_id IS DISTINCT FROM CASE WHEN d.is_wallet THEN d.id WHEN c.is_wallet THEN c.id END
               OR t.wallet_delta IS DISTINCT FROM
                  CASE WHEN d.is_wallet THEN -t.amount WHEN c.is_wallet THEN t.amount END""",
    ),
    Check(
        "A wallet's balance is the sum of its entries",
        """SELECT format('wallet %s: balance %s, entries %s', w.account_id, w.balance, coalesce(e.total, 0))
             FROM wallets_wallet w
             LEFT JOIN (SELECT account_id, -sum(amount) AS total FROM wallets_entry GROUP BY account_id) e
               USING (account_id)
            WHERE w.balance <> coalesce(e.total, 0)""",
    ),
    Check(
        "A wallet's balance is its last balance_after",
        """SELECT format('wallet %s: balance %s, last movement says %s', w.account_id, w.balance, t.balance_after)
             FROM wallets_wallet w
             LEFT JOIN wallets_transaction t ON t.wallet_id = w.account_id AND t.wallet_seq = w.last_seq
            WHERE w.balance <> coalesce(t.balance_after, 0) OR (w.last_seq > 0 AND t.id IS NULL)""",
    ),
    Check(
        "A wallet's movements are numbered without gaps",
        """SELECT format('wallet %s: %s movements, last number %s', account_id, rows, last_seq) FROM (
               SELECT w.account_id, w.last_seq, count(t.id) AS rows,
                      coalesce(min(t.wallet_seq), 1) AS low, coalesce(max(t.wallet_seq), 0) AS high
                 FROM wallets_wallet w LEFT JOIN wallets_transaction t ON t.wallet_id = w.account_id
                GROUP BY w.account_id, w.last_seq) n
            WHERE rows <> last_seq OR high <> last_seq OR low <> 1""",
    ),
    Check(
        "Each movement continues the balance and the clock of the one before",
        """SELECT format('transaction %s of wallet %s', id, wallet_id) FROM (
               SELECT id, wallet_id, balance_after, wallet_delta, posted_at,
                      lag(balance_after, 1, 0) OVER along AS before, lag(posted_at) OVER along AS earlier
                 FROM wallets_transaction WHERE wallet_id IS NOT NULL
               WINDOW along AS (PARTITION BY wallet_id ORDER BY wallet_seq)) n
            WHERE balance_after <> before + wallet_delta OR posted_at < earlier""",
    ),
    Check(
        "Held money is the sum of open holds",
        """SELECT format('wallet %s: held %s, open holds %s', w.account_id, w.held, coalesce(h.total, 0))
             FROM wallets_wallet w
             LEFT JOIN (SELECT wallet_id, sum(amount - captured - released) AS total FROM wallets_hold
                         WHERE status = 'active' GROUP BY wallet_id) h ON h.wallet_id = w.account_id
            WHERE w.held <> coalesce(h.total, 0)""",
    ),
    Check(
        "What was captured and released of a hold is the sum of its rows",
        """SELECT format('hold %s: captured %s (rows %s), released %s (rows %s)', h.id, h.captured,
                         coalesce(c.total, 0), h.released, coalesce(r.total, 0))
             FROM wallets_hold h
             LEFT JOIN (SELECT hold_id, sum(amount) AS total FROM wallets_transaction
                         WHERE hold_id IS NOT NULL GROUP BY hold_id) c ON c.hold_id = h.id
             LEFT JOIN (SELECT hold_id, sum(amount) AS total FROM wallets_release GROUP BY hold_id) r
               ON r.hold_id = h.id
            WHERE h.captured <> coalesce(c.total, 0) OR h.released <> coalesce(r.total, 0)
               OR (h.status = 'active') <> (h.captured + h.released < h.amount)""",
    ),
    Check(
        "No wallet is below its limit, and debt is exactly what is missing",
        """SELECT format('wallet %s: balance %s, held %s, credit limit %s, debt %s',
                         account_id, balance, held, credit_limit, debt)
             FROM wallets_wallet
            WHERE balance - held + credit_limit + debt < 0 OR held < 0
               OR (debt > 0 AND balance - held + credit_limit + debt > 0)""",
    ),
    Check(
        "What counts against a spend cap is what its credential spent",
        """SELECT format('credential %s: %s on %s (books %s), %s in the month of %s (books %s)', credential,
                         day_spent, day, by_day, month_spent, month, by_month) FROM (
               SELECT *, wallets_spent_since(wallet_id, credential, day::timestamp AT TIME ZONE 'UTC') AS by_day,
                      wallets_spent_since(wallet_id, credential, month::timestamp AT TIME ZONE 'UTC') AS by_month
                 FROM wallets_spendcap) c
            WHERE day_spent <> by_day OR month_spent <> by_month""",
    ),
    Check(
        "Refunds never exceed what they give back",
        """SELECT format('transaction %s: %s given back of %s', o.id, sum(r.amount), o.amount)
             FROM wallets_transaction r JOIN wallets_transaction o ON o.id = r.reverses_id
            GROUP BY o.id, o.amount
           HAVING sum(r.amount) > o.amount OR bool_or(r.wallet_id IS DISTINCT FROM o.wallet_id)""",
    ),
    Check(
        "No hold is open past its deadline by more than the sweep",
        """SELECT format('hold %s (%s) expired %s', id, reference, expires_at)
             FROM wallets_hold WHERE status = 'active' AND expires_at < now() - interval '10 minutes'""",
    ),
    Check(
        "The roll-up is the sum of the entries it covers",
        """SELECT format('account %s: rolled up %s, entries %s', coalesce(t.account_id, e.account_id),
                         coalesce(t.amount, 0), coalesce(e.total, 0))
             FROM wallets_accounttotal t
             FULL JOIN (
                SELECT account_id, sum(amount) AS total FROM (
                    SELECT debit_id AS account_id, amount FROM wallets_transaction
                     WHERE xact < coalesce((SELECT horizon FROM wallets_rollup), 0)
                    UNION ALL
                    SELECT credit_id, -amount FROM wallets_transaction
                     WHERE xact < coalesce((SELECT horizon FROM wallets_rollup), 0)) s
                 GROUP BY account_id) e USING (account_id)
            WHERE coalesce(t.amount, 0) <> coalesce(e.total, 0)""",
    ),
)

COUNTED = {
    "wallets": "SELECT count(*) FROM wallets_wallet",
    "accounts": "SELECT count(*) FROM wallets_account",
    "transactions": "SELECT count(*) FROM wallets_transaction",
    "holds": "SELECT count(*) FROM wallets_hold",
    "open holds": "SELECT count(*) FROM wallets_hold WHERE status = 'active'",
}


def audit(*, progress: Callable[[str], None] = lambda _: None) -> Iterator[Finding]:
    """Run every check on one snapshot, so that work going on meanwhile is no difference.

    Inside a transaction that is already open the checks run one after the other on what it sees.
    """
    alone = not connection.in_atomic_block
    with transaction.atomic():
        with connection.cursor() as cursor:
            if alone:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                cursor.execute("SET LOCAL statement_timeout = 0")
        for check in all_checks():
            progress(check.promise)
            yield Finding(check.promise, _differences(check))


def all_checks() -> Iterator[Check]:
    """The ledger's own checks and what the apps above contribute (settings.LEDGER_CHECKS)."""
    yield from CHECKS
    for path in settings.LEDGER_CHECKS:
        yield from import_string(path)()


def counts() -> dict[str, int]:
    result = {}
    with connection.cursor() as cursor:
        for name, sql in COUNTED.items():
            cursor.execute(sql)
            result[name] = cursor.fetchone()[0]
    return result


def _differences(check: Check) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(check.sql)
        rows = [row[0] for row in cursor.fetchmany(SHOWN)]
        more = len(cursor.fetchall()) if len(rows) == SHOWN else 0
    return [*rows, *([f"and {more} more"] if more else [])]
