"""What the books must say of every subscription."""

from collections.abc import Iterator

from wallets.services.audit import Check


def subscription_checks() -> Iterator[Check]:
    yield from _money()
    yield from _time()


def _money() -> Iterator[Check]:
    yield Check(
        "Each period of a subscription was charged what was quoted, once",
        """SELECT format('subscription %s, period %s of %s %s: charged %s', s.id, p.number, p.price, p.currency,
                         coalesce(t.amount::text, 'nothing'))
             FROM activations_subscriptionperiod p
             JOIN activations_subscription s ON s.id = p.subscription_id AND s.mode = 'live'
             LEFT JOIN wallets_transaction t ON t.reference = format('subscription:%s:period:%s', s.id, p.number)
            WHERE t.id IS NULL OR t.amount <> p.price OR t.currency <> p.currency OR t.wallet_id <> s.wallet_id
               OR t.kind <> CASE p.number WHEN 1 THEN 'number_purchase' ELSE 'number_renewal' END""",
    )
    yield Check(
        "Nothing was charged for a subscription but its periods",
        """SELECT format('transaction %s (%s)', t.id, t.reference)
             FROM wallets_transaction t
             LEFT JOIN (SELECT format('subscription:%s:period:%s', s.id, p.number) AS reference
                          FROM activations_subscriptionperiod p
                          JOIN activations_subscription s ON s.id = p.subscription_id AND s.mode = 'live') known
               USING (reference)
            WHERE t.kind IN ('number_purchase', 'number_renewal') AND known.reference IS NULL""",
    )
    yield Check(
        "A subscription without a number gave its month back, and no other did",
        """SELECT format('subscription %s (%s): %s of %s given back', s.id, s.status, coalesce(r.amount, 0), t.amount)
             FROM activations_subscription s
             JOIN wallets_transaction t ON t.reference = format('subscription:%s:period:1', s.id)
             LEFT JOIN wallets_transaction r ON r.reference = format('subscription:%s:refund', s.id)
            WHERE (s.status = 'failed') <> (coalesce(r.amount, 0) = t.amount)
               OR (s.status <> 'failed' AND r.id IS NOT NULL)""",
    )


def _time() -> Iterator[Check]:
    yield Check(
        "A subscription's periods follow each other without a gap, up to its current one",
        """SELECT format('subscription %s: period %s', id, number) FROM (
               SELECT s.id, s.period, s.expires_at, p.number, p.starts_at, p.ends_at,
                      row_number() OVER along AS expected, lag(p.ends_at) OVER along AS before,
                      max(p.number) OVER (PARTITION BY s.id) AS last
                 FROM activations_subscription s JOIN activations_subscriptionperiod p ON p.subscription_id = s.id
                WHERE s.started_at IS NOT NULL
               WINDOW along AS (PARTITION BY s.id ORDER BY p.number)) n
            WHERE number <> expected OR last <> period OR starts_at <> before
               OR (number = last AND ends_at <> expires_at)""",
    )
    yield Check(
        "No subscription runs past its end by more than the sweep, unless staff have to look",
        """SELECT format('subscription %s is %s since %s', id, status, coalesce(grace_until, expires_at))
             FROM activations_subscription
            WHERE NOT needs_staff AND (
                  (status = 'active' AND expires_at < now() - interval '10 minutes')
               OR (status = 'grace' AND grace_until < now() - interval '10 minutes'))""",
    )
    yield Check(
        "An ended subscription has given its number back, or staff have to look",
        """SELECT format('subscription %s is %s since %s and keeps %s', id, status, closed_at, provider_number_id)
             FROM activations_subscription
            WHERE status IN ('expired', 'canceled', 'released', 'failed') AND provider_number_id <> ''
              AND returned_at IS NULL AND NOT needs_staff AND closed_at < now() - interval '1 hour'""",
    )
    yield Check(
        "A pool number is leased for a subscription only while it is the customer's",
        """SELECT format('subscription %s is %s, its lease %s of number %s %s', s.id, s.status, l.id, l.number_id,
                         CASE WHEN l.ended_at IS NULL THEN 'runs' ELSE 'has ended' END)
             FROM activations_subscription s JOIN activations_poollease l ON l.reference = s.uuid::text
            WHERE s.provider = 'pool' AND (
                  (s.returned_at IS NOT NULL AND l.ended_at IS NULL)
               OR (s.status IN ('active', 'grace') AND l.ended_at IS NOT NULL))""",
    )
