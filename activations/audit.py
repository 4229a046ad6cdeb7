"""What the books must say of every activation (see settings.LEDGER_CHECKS)."""

from collections.abc import Iterator

from wallets.services.audit import Check

# What an order took in the end: its capture or charge, less what was given back.
_TAKEN = """
    SELECT a.id, a.status, a.price, a.mode,
           coalesce(sum(-t.wallet_delta), 0) AS taken
      FROM activations_activation a
      LEFT JOIN wallets_transaction c ON c.id = a.charge_id
      LEFT JOIN wallets_transaction t ON t.id = c.id OR t.reverses_id = c.id
     GROUP BY a.id
"""


def checks() -> Iterator[Check]:
    yield Check(
        "No activation took more than its price",
        f"SELECT format('activation %s took %s of %s', id, taken, price) FROM ({_TAKEN}) n WHERE taken > price",  # noqa: S608
    )
    yield Check(
        "An activation without an SMS took nothing, and no test moved money",
        f"""SELECT format('activation %s (%s) took %s of %s', id, status, taken, price) FROM ({_TAKEN}) n
             WHERE (status IN ('expired', 'canceled', 'failed') AND taken <> 0)
                OR (mode <> 'live' AND taken <> 0)""",  # noqa: S608
    )
    yield Check(
        "An activation with an SMS was paid",
        """SELECT format('activation %s is %s and has no charge', id, status) FROM activations_activation
            WHERE status IN ('received', 'finished') AND mode = 'live' AND price > 0 AND charge_id IS NULL""",
    )
    yield Check(
        "What an activation set aside or took is the price it was quoted",
        """SELECT format('activation %s of %s held %s and took %s', a.id, a.price, h.amount, c.amount)
             FROM activations_activation a
             LEFT JOIN wallets_hold h ON h.id = a.hold_id LEFT JOIN wallets_transaction c ON c.id = a.charge_id
            WHERE h.amount <> a.price OR c.amount <> a.price""",
    )
    yield Check(
        "An open live activation has set its price aside or taken it",
        """SELECT format('activation %s is %s, with neither a hold nor a charge', id, status)
             FROM activations_activation
            WHERE mode = 'live' AND price > 0 AND hold_id IS NULL AND charge_id IS NULL""",
    )
    yield Check(
        "A closed activation holds nothing, and an open one holds its price",
        """SELECT format('activation %s is %s, its hold %s', a.id, a.status, h.status)
             FROM activations_activation a JOIN wallets_hold h ON h.id = a.hold_id
            WHERE (h.status = 'active') <> (a.status IN ('requested', 'calling', 'unknown', 'waiting', 'closing'))""",
    )
    yield Check(
        "No activation waits past its deadline by more than the sweep",
        """SELECT format('activation %s is %s since %s', id, status, expires_at) FROM activations_activation
            WHERE status = 'waiting' AND expires_at < now() - interval '10 minutes'""",
    )
