-- Take back what a credential spent at that moment: it counts no more for that day and that month.
CREATE OR REPLACE FUNCTION wallets_uncount_spend(payer bigint, who text, given numeric, at timestamptz) RETURNS void
LANGUAGE sql AS $$
    UPDATE wallets_spendcap
       SET day_spent = CASE WHEN day = (at AT TIME ZONE 'UTC')::date
                            THEN greatest(0, day_spent - given) ELSE day_spent END,
           month_spent = CASE WHEN month = date_trunc('month', at AT TIME ZONE 'UTC')::date
                              THEN greatest(0, month_spent - given) ELSE month_spent END
     WHERE credential = who AND wallet_id = payer
$$;

-- What a credential has spent since a moment, by the books: for a cap that is new, and for the audit.
CREATE OR REPLACE FUNCTION wallets_spent_since(payer bigint, who text, since timestamptz) RETURNS numeric
LANGUAGE sql STABLE AS $$
    WITH holds AS (
        SELECT id FROM wallets_hold WHERE wallet_id = payer AND status = 'active'
        UNION
        SELECT hold_id FROM wallets_transaction WHERE wallet_id = payer AND posted_at >= since AND hold_id IS NOT NULL
    )
    SELECT coalesce(sum(spent), 0) FROM (
        SELECT h.amount - h.released AS spent FROM wallets_hold h JOIN holds USING (id)
         WHERE h.credential = who AND h.created_at >= since
        UNION ALL
        SELECT amount FROM wallets_transaction
         WHERE wallet_id = payer AND posted_at >= since AND credential = who
           AND hold_id IS NULL AND reverses_id IS NULL AND wallet_delta < 0 AND actor NOT LIKE 'task:%'
        UNION ALL
        SELECT -r.amount
          FROM wallets_transaction r
          JOIN wallets_transaction o ON o.id = r.reverses_id
          LEFT JOIN wallets_hold h ON h.id = o.hold_id
         WHERE r.wallet_id = payer AND r.posted_at >= since AND o.credential = who
           AND coalesce(h.created_at, o.posted_at) >= since
           AND (o.hold_id IS NOT NULL OR o.actor NOT LIKE 'task:%')) movements
$$;
