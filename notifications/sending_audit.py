"""What the books must say of every sending, chunk by chunk (see settings.LEDGER_CHECKS)."""

from collections.abc import Iterator

from notifications.services.sendings.money import FREE_AND_SENT, GIVES_BACK, OWED
from wallets.services.audit import Check

# A chunk's messages, by what became of their money and of themselves.
_BY_CHUNK = """
    SELECT chunk_id,
           coalesce(sum(price) FILTER (WHERE billing = 'held'), 0) AS held,
           coalesce(sum(price) FILTER (WHERE billing IN ('charged', 'refunded')), 0) AS captured,
           coalesce(sum(price) FILTER (WHERE billing = 'released'), 0) AS released,
           coalesce(sum(price) FILTER (WHERE billing = 'refunded'), 0) AS refunded,
           coalesce(sum(tax) FILTER (WHERE billing = 'charged'), 0) AS tax,
           coalesce(sum(cost) FILTER (WHERE billing IN ('charged', 'refunded') OR is_free_cost_booked), 0) AS cost,
           count(*) AS messages,
           count(*) FILTER (WHERE dispatch = 'done') AS handed,
           count(*) FILTER (WHERE state IN ('delivered', 'read')) AS reached,
           count(*) FILTER (WHERE state IN ('undelivered', 'failed', 'rejected', 'expired', 'canceled')) AS failed
      FROM notifications_message WHERE chunk_id IS NOT NULL GROUP BY chunk_id
"""


def checks() -> Iterator[Check]:
    yield from _money_checks()
    yield from _count_checks()


def _money_checks() -> Iterator[Check]:
    yield Check(
        "A chunk's hold is what its messages hold, took and gave back",
        f"""SELECT format('chunk %s holds %s, took %s, gave back %s of %s; its messages %s, %s, %s', c.id,
                          h.amount - h.captured - h.released, h.captured, h.released, h.amount,
                          m.held, m.captured, m.released)
              FROM notifications_chunk c
              JOIN ({_BY_CHUNK}) m ON m.chunk_id = c.id
              LEFT JOIN wallets_hold h ON h.id = c.hold_id
             WHERE (coalesce(h.captured, 0), coalesce(h.released, 0),
                    coalesce(h.amount - h.captured - h.released, 0)) <> (m.captured, m.released, m.held)""",  # noqa: S608
    )
    yield Check(
        "What a chunk's captures gave back covers its refunded messages",
        f"""SELECT format('chunk %s refunded %s of %s', c.id, coalesce(r.amount, 0), m.refunded)
              FROM notifications_chunk c
              JOIN ({_BY_CHUNK}) m ON m.chunk_id = c.id
              LEFT JOIN (SELECT t.hold_id, sum(r.amount) AS amount FROM wallets_transaction t
                           JOIN wallets_transaction r ON r.reverses_id = t.id
                          WHERE t.hold_id IS NOT NULL GROUP BY t.hold_id) r ON r.hold_id = c.hold_id
             WHERE coalesce(r.amount, 0) < m.refunded""",  # noqa: S608
    )
    yield Check(
        "How a settled chunk's messages ended and how they were billed agree",
        f"""SELECT format('message %s of chunk %s is %s and %s', id, chunk_id, state, billing)
              FROM notifications_message
             WHERE chunk_id IN (SELECT id FROM notifications_chunk WHERE settle_at IS NULL) AND billing <> 'free'
               AND billing NOT IN (SELECT unnest(CASE WHEN {GIVES_BACK} THEN ARRAY['released', 'refunded']
                                                      WHEN {OWED} THEN ARRAY['charged'] ELSE ARRAY['held'] END))""",  # noqa: S608
    )
    yield Check(
        "The tax that is owed is the tax of what was charged",
        _booked("tax", "tax", "(t.credit_id = a.id)::int - (t.debit_id = a.id)::int", "payable:tax"),
    )
    yield Check(
        "What a provider is expected to take for a chunk is booked as it is captured",
        _booked("cost", "cost", "(t.debit_id = a.id)::int", "expense:provider"),
    )

    yield Check(
        "What a provider takes for settled messages that nobody pays for is booked",
        f"""SELECT format('message %s of chunk %s is not booked: %s', id, chunk_id, cost) FROM notifications_message
             WHERE chunk_id IN (SELECT id FROM notifications_chunk WHERE settle_at IS NULL)
               AND NOT is_free_cost_booked AND {FREE_AND_SENT}""",  # noqa: S608
    )


def _booked(column: str, word: str, sign: str, account: str) -> str:
    """Chunks whose messages' sum of `column` is not what their references `chunk:<id>:<word>…` moved on `account`."""
    return f"""SELECT format('chunk %s: {column} %s, booked %s', c.id, m.{column}, coalesce(b.amount, 0))
          FROM notifications_chunk c
          JOIN ({_BY_CHUNK}) m ON m.chunk_id = c.id
          LEFT JOIN (SELECT split_part(t.reference, ':', 2) AS chunk, sum(t.amount * ({sign})) AS amount
                       FROM wallets_transaction t
                       JOIN wallets_account a ON a.id IN (t.debit_id, t.credit_id) AND a.code = '{account}'
                      WHERE t.reference LIKE 'chunk:%%:{word}%%' GROUP BY 1) b ON b.chunk = c.id::text
         WHERE m.{column} <> coalesce(b.amount, 0)"""  # noqa: S608


def _count_checks() -> Iterator[Check]:
    yield Check(
        "A sending's price and tax are the sums of its messages'",
        """SELECT format('sending %s takes %s, tax %s; its messages %s, %s', s.id, s.price, s.tax, sum(m.price),
                         sum(m.tax))
             FROM notifications_sending s
             JOIN notifications_chunk c ON c.sending_id = s.id
             JOIN notifications_message m ON m.chunk_id = c.id
            GROUP BY s.id HAVING (s.price, s.tax) <> (sum(m.price), sum(m.tax))""",
    )
    yield Check(
        "A sending has a message for each recipient",
        """SELECT format('sending %s has %s recipients, %s in chunks, %s messages', s.id, s.recipients,
                         sum(c.recipients), sum(m.messages))
             FROM notifications_sending s
             LEFT JOIN notifications_chunk c ON c.sending_id = s.id
             LEFT JOIN (SELECT chunk_id, count(*) AS messages FROM notifications_message GROUP BY chunk_id) m
                    ON m.chunk_id = c.id
            WHERE s.status <> 'draft'
            GROUP BY s.id HAVING (s.recipients, s.recipients) IS DISTINCT FROM (sum(c.recipients), sum(m.messages))""",
    )
    yield Check(
        "A settled chunk counts its messages",
        f"""SELECT format('chunk %s counts %s, %s, %s; its messages %s, %s, %s', c.id, c.handed, c.reached, c.failed,
                          m.handed, m.reached, m.failed)
              FROM notifications_chunk c JOIN ({_BY_CHUNK}) m ON m.chunk_id = c.id
             WHERE c.settle_at IS NULL AND (c.handed, c.reached, c.failed) <> (m.handed, m.reached, m.failed)""",  # noqa: S608
    )
    yield Check(
        "No chunk waits to be settled without being looked at",
        """SELECT format('chunk %s waits since %s', id, settle_at) FROM notifications_chunk
            WHERE settle_at < now() - interval '10 minutes'""",
    )
