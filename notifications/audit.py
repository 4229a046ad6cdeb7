"""What the books must say of every message (see settings.LEDGER_CHECKS)."""

from collections.abc import Iterator

from wallets.services.audit import Check

# What a message took in the end: its charge, less what was given back.
_TAKEN = """
    SELECT m.id, m.state, m.billing, m.mode, m.price, m.refund_undelivered, m.sent_at,
           coalesce(sum(-t.wallet_delta), 0) AS taken
      FROM notifications_message m
      LEFT JOIN wallets_transaction c ON c.id = m.charge_id
      LEFT JOIN wallets_transaction t ON t.id = c.id OR t.reverses_id = c.id
     WHERE m.chunk_id IS NULL
     GROUP BY m.id
"""
_GIVES_BACK = """(state IN ('failed', 'rejected', 'canceled')
                  OR (state IN ('undelivered', 'expired') AND refund_undelivered)
                  OR (state = 'expired' AND sent_at IS NULL))"""


def checks() -> Iterator[Check]:
    yield Check(
        "No message took more than its price",
        f"SELECT format('message %s took %s of %s', id, taken, price) FROM ({_TAKEN}) n WHERE taken > price",  # noqa: S608
    )
    yield Check(
        "A refunded message keeps nothing, and a free one took nothing",
        f"""SELECT format('message %s (%s) took %s of %s', id, billing, taken, price) FROM ({_TAKEN}) n
             WHERE (billing <> 'charged' OR mode <> 'live') AND taken <> 0""",  # noqa: S608
    )
    yield Check(
        "How a message ended and how it was billed agree",
        f"""SELECT format('message %s is %s and %s', id, state, billing) FROM ({_TAKEN}) n
             WHERE mode = 'live' AND (billing = 'refunded') <> {_GIVES_BACK}""",  # noqa: S608
    )
    yield Check(
        "A live message was charged the price it was quoted",
        """SELECT format('message %s of %s took %s', m.id, m.price, coalesce(c.amount, 0))
             FROM notifications_message m LEFT JOIN wallets_transaction c ON c.id = m.charge_id
            WHERE m.mode = 'live' AND m.channel = 'whatsapp' AND c.amount IS DISTINCT FROM m.price""",
    )
    yield Check(
        "What a provider took for a message on its own is booked once",
        """SELECT format('message %s cost %s, booked %s', m.id, m.cost, coalesce(t.amount, 0))
             FROM notifications_message m
             LEFT JOIN wallets_transaction t ON t.reference = format('message:%s:cost', m.id)
            WHERE m.chunk_id IS NULL AND coalesce(m.cost, 0) <> coalesce(t.amount, 0)""",
    )
    yield Check(
        "No message waits for a provider without being looked at",
        """SELECT format('message %s is %s, %s', id, state, dispatch) FROM notifications_message
            WHERE closed_at IS NULL AND (due_at IS NULL OR due_at < now() - interval '10 minutes')""",
    )
    yield Check(
        "No report is parked whose message is known",
        """SELECT format('report %s (%s) of message %s', r.id, r.status, m.id)
             FROM notifications_deliveryreport r
             JOIN notifications_message m ON m.provider_message_id = r.provider_message_id
            WHERE r.effect = 'parked'""",
    )
