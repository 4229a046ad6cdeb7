-- Spend caps of credentials, kept inside the lock of the wallet that pays.
--
-- A credential spends from one wallet, and whoever spends from a wallet holds its lock until the
-- commit. So a cap's counters are moved last, after the wallet, and two spends at once cannot
-- both fit under what is left for one. A credential without a row here costs one look-up (tried: 15 µs
-- of the 250 µs that a charge takes in the database; counting by an UPDATE that finds nothing, 25).

ALTER TABLE wallets_spendcap ADD CONSTRAINT spend_cap_is_a_number CHECK (daily <> 'NaN' AND monthly <> 'NaN');

-- Count what a credential spends, and refuse what is above its cap. The day of a cap never goes back.
CREATE FUNCTION wallets_count_spend(payer bigint, who text, spent numeric, at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    today date := (at AT TIME ZONE 'UTC')::date;
    this_month date := date_trunc('month', at AT TIME ZONE 'UTC')::date;
    cap wallets_spendcap;
    full_cap text;
BEGIN
    UPDATE wallets_spendcap
       SET day_spent = CASE WHEN day >= today THEN day_spent ELSE 0 END + spent,
           day = greatest(day, today),
           month_spent = CASE WHEN month >= this_month THEN month_spent ELSE 0 END + spent,
           month = greatest(month, this_month)
     WHERE credential = who AND wallet_id = payer
    RETURNING * INTO cap;
    full_cap := CASE WHEN cap.day_spent > cap.daily THEN 'day' WHEN cap.month_spent > cap.monthly THEN 'month' END;
    IF full_cap IS NOT NULL THEN
        RAISE EXCEPTION 'the spend cap of % would be exceeded', who
            USING ERRCODE = 'check_violation', CONSTRAINT = 'spend_cap_not_exceeded', DETAIL = json_build_object(
                'period', full_cap,
                'currency', (SELECT currency FROM wallets_wallet WHERE account_id = payer),
                'cap', CASE full_cap WHEN 'day' THEN cap.daily ELSE cap.monthly END::text,
                'spent', (CASE full_cap WHEN 'day' THEN cap.day_spent ELSE cap.month_spent END - spent)::text,
                'required', spent::text,
                'resets_on', CASE full_cap WHEN 'day' THEN cap.day + 1
                                  ELSE (cap.month + interval '1 month')::date END)::text;
    END IF;
END $$;

-- Take back what a credential spent at that moment: it counts no more for that day and that month.
CREATE FUNCTION wallets_uncount_spend(payer bigint, who text, given numeric, at timestamptz) RETURNS void
LANGUAGE sql AS $$
    UPDATE wallets_spendcap
       SET day_spent = CASE WHEN day = (at AT TIME ZONE 'UTC')::date
                            THEN greatest(0, day_spent - given) ELSE day_spent END,
           month_spent = CASE WHEN month = date_trunc('month', at AT TIME ZONE 'UTC')::date
                              THEN greatest(0, month_spent - given) ELSE month_spent END
     WHERE credential = who AND wallet_id = payer
$$;

-- What a credential has spent since a moment, by the books: for a cap that is new, and for the audit.
CREATE FUNCTION wallets_spent_since(payer bigint, who text, since timestamptz) RETURNS numeric
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

CREATE FUNCTION wallets_hold_spend() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := greatest(clock_timestamp(), now());
BEGIN
    -- The moment inside the lock, so that what is given back finds the day that it was counted for.
    IF EXISTS (SELECT 1 FROM wallets_spendcap WHERE credential = NEW.credential) THEN
        PERFORM wallets_count_spend(NEW.wallet_id, NEW.credential, NEW.amount, moment);
        NEW.created_at := moment;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION wallets_release_spend() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM wallets_uncount_spend(h.wallet_id, h.credential, NEW.amount, h.created_at)
       FROM wallets_hold h WHERE h.id = NEW.hold_id AND h.credential <> '';
    RETURN NEW;
END $$;

-- All rows of a statement at once, so that a batch costs one look-up for each spender and not one for each row.
-- A cap is looked up (LATERAL, OFFSET 0), never joined: no plan may begin with all caps, or with all transactions.
CREATE FUNCTION wallets_transaction_spend() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- What comes back first: the rows of a batch count in sum, as the wallet pays for them in sum.
    PERFORM wallets_uncount_spend(p.wallet_id, spent.credential, p.amount, spent.at)
       FROM posted p CROSS JOIN LATERAL (
            SELECT o.credential, coalesce(h.created_at, o.posted_at) AS at
              FROM wallets_transaction o LEFT JOIN wallets_hold h ON h.id = o.hold_id
             WHERE o.id = p.reverses_id AND o.credential <> '' AND (o.hold_id IS NOT NULL OR o.actor NOT LIKE 'task:%')
            OFFSET 0) spent
      WHERE p.reverses_id IS NOT NULL;
    -- A capture was counted when its money was held. What a task charges (a renewal) is a standing order:
    -- it names the key, but no key's cap may stop it.
    PERFORM wallets_count_spend(s.wallet_id, s.credential, s.amount, s.at)
       FROM (SELECT wallet_id, credential, sum(amount) AS amount, max(posted_at) AS at
               FROM posted
              WHERE credential <> '' AND hold_id IS NULL AND reverses_id IS NULL
                AND wallet_delta < 0 AND actor NOT LIKE 'task:%'
              GROUP BY wallet_id, credential, (posted_at AT TIME ZONE 'UTC')::date
              ORDER BY wallet_id, credential, at) s
      CROSS JOIN LATERAL (SELECT FROM wallets_spendcap WHERE credential = s.credential OFFSET 0) cap;
    RETURN NULL;
END $$;

-- By their names these fire after hold_place, release_post and transaction_move, which lock the wallet.
CREATE TRIGGER hold_spend BEFORE INSERT ON wallets_hold
    FOR EACH ROW WHEN (NEW.credential <> '') EXECUTE FUNCTION wallets_hold_spend();
CREATE TRIGGER release_spend BEFORE INSERT ON wallets_release
    FOR EACH ROW EXECUTE FUNCTION wallets_release_spend();
CREATE TRIGGER transaction_spend AFTER INSERT ON wallets_transaction REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION wallets_transaction_spend();

-- For what they call, too: planned once, for look-ups by key.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['wallets_hold_spend', 'wallets_release_spend', 'wallets_transaction_spend'] LOOP
        EXECUTE format('ALTER FUNCTION %I() SET plan_cache_mode = force_generic_plan', name);
        EXECUTE format('ALTER FUNCTION %I() SET enable_seqscan = off', name);
        EXECUTE format('ALTER FUNCTION %I() SET search_path = %I, pg_temp', name, current_schema());
    END LOOP;
END $$;

ALTER TABLE wallets_hold ENABLE ALWAYS TRIGGER hold_spend;
ALTER TABLE wallets_release ENABLE ALWAYS TRIGGER release_spend;
ALTER TABLE wallets_transaction ENABLE ALWAYS TRIGGER transaction_spend;
