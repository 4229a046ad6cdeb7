-- The books, kept by PostgreSQL even where Python forgets.
--
-- A transaction row is a whole double entry. Inserting one moves its wallet (and the hold it
-- captures) in the same statement; nothing else can move them. Rows are never changed.
-- Refusals are raised as check violations whose CONSTRAINT names the broken promise.


-- Refusals ---------------------------------------------------------------------------

CREATE FUNCTION wallets_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: %', TG_OP, TG_TABLE_NAME, TG_ARGV[1]
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_ARGV[0];
END $$;

-- The flush between tests truncates; its connection says so with `SET LOCAL`.
CREATE FUNCTION wallets_refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('saldo.allow_truncate', true) IS DISTINCT FROM 'on' THEN
        RAISE EXCEPTION 'TRUNCATE of % is refused: the books are kept for ever', TG_TABLE_NAME
            USING ERRCODE = 'check_violation', CONSTRAINT = 'books_are_never_truncated';
    END IF;
    RETURN NULL;
END $$;


-- Amounts ----------------------------------------------------------------------------

-- To PostgreSQL, NaN is a numeric, and greater than every other: it would pass `> 0`, and a
-- balance that became NaN would pay for anything.
ALTER TABLE wallets_transaction ADD CONSTRAINT transaction_amount_is_a_number
    CHECK (amount <> 'NaN' AND original_amount <> 'NaN' AND rate <> 'NaN');
ALTER TABLE wallets_hold ADD CONSTRAINT hold_amount_is_a_number CHECK (amount <> 'NaN');
ALTER TABLE wallets_release ADD CONSTRAINT release_amount_is_a_number CHECK (amount <> 'NaN');
ALTER TABLE wallets_exchangerate ADD CONSTRAINT exchange_rate_is_a_number CHECK (rate <> 'NaN');

-- Whoever closes a hold names it and adds a word: `activation:91:release`.
ALTER TABLE wallets_hold ADD CONSTRAINT hold_reference_leaves_room CHECK (length(reference) <= 110);

-- Django adds a second index to every unique text column, for LIKE. Nobody searches
-- references by prefix, and on these tables each index is paid for with every row.
DROP INDEX wallets_transaction_reference_0a54ebc3_like;
DROP INDEX wallets_hold_reference_0dfae230_like;
DROP INDEX wallets_release_reference_9ff7033e_like;


-- Transactions -----------------------------------------------------------------------

-- Which database transaction wrote the row: the roll-up goes by it, because ids commit
-- out of order. BRIN: the column grows with the table, the index stays a few pages.
ALTER TABLE wallets_transaction ADD COLUMN xact bigint NOT NULL DEFAULT 0;
CREATE INDEX transaction_xact ON wallets_transaction USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
ALTER TABLE wallets_transaction SET (fillfactor = 100);
-- Room on each page for the next versions, so that moving a wallet touches no index.
ALTER TABLE wallets_wallet SET (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE wallets_hold SET (fillfactor = 70);

-- A row that comes without `xact` (every row but those of a batch) is numbered here, whatever it
-- says itself, from the wallet it touches. That wallet is locked from here to the commit, which
-- puts its movements in one order, and the clock is read inside that lock.
-- This only numbers: wallets_transaction_move() below proves the numbers, and moves the money.
CREATE FUNCTION wallets_transaction_number() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wallet wallets_wallet;
BEGIN
    IF NEW.debit_id IS NULL OR NEW.credit_id IS NULL THEN
        RAISE EXCEPTION 'a transaction has two accounts'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_has_two_accounts';
    END IF;
    -- Hold before wallet, as everywhere: the other order deadlocks.
    IF NEW.hold_id IS NOT NULL THEN
        PERFORM 1 FROM wallets_hold WHERE id = NEW.hold_id FOR NO KEY UPDATE;
    END IF;
    SELECT * INTO wallet FROM wallets_wallet WHERE account_id = NEW.debit_id FOR NO KEY UPDATE;
    NEW.wallet_delta := CASE WHEN FOUND THEN -NEW.amount END;
    IF NOT FOUND THEN
        SELECT * INTO wallet FROM wallets_wallet WHERE account_id = NEW.credit_id FOR NO KEY UPDATE;
        NEW.wallet_delta := CASE WHEN FOUND THEN NEW.amount END;
    END IF;
    NEW.wallet_id := wallet.account_id;
    NEW.wallet_seq := wallet.last_seq + 1;
    NEW.balance_after := wallet.balance + NEW.wallet_delta;
    -- Never backwards along a wallet, even where the machine's clock was put back.
    NEW.posted_at := greatest(clock_timestamp(), now(), wallet.last_posted_at);
    NEW.xact := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END $$;

-- The one place where money moves: all rows of a statement at once, so that a batch costs one
-- update for each wallet and not one for each row.
CREATE FUNCTION wallets_transaction_move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    this_xact bigint := pg_current_xact_id()::text::bigint;
    seen record;
    missing bigint;
BEGIN
    -- Instead of foreign keys, whose triggers cost two thirds of a batch's time.
    SELECT count(*) AS rows,
           count(*) FILTER (WHERE d.currency = p.currency AND c.currency = p.currency) AS one_currency,
           count(*) FILTER (WHERE d.is_wallet AND c.is_wallet) AS two_wallets,
           count(*) FILTER (
               WHERE p.wallet_id IS NOT DISTINCT FROM CASE WHEN d.is_wallet THEN d.id WHEN c.is_wallet THEN c.id END
                 AND p.wallet_delta IS NOT DISTINCT FROM
                     CASE WHEN d.is_wallet THEN -p.amount WHEN c.is_wallet THEN p.amount END
                 AND num_nulls(p.wallet_id, p.wallet_seq, p.balance_after) IN (0, 3)
                 AND p.xact = this_xact AND p.posted_at >= now()
                 AND (p.wallet_id IS NOT NULL OR p.posted_at <= greatest(clock_timestamp(), now()))) AS numbered,
           count(*) FILTER (WHERE d.id IS NULL OR c.id IS NULL) AS no_account,
           -- It alone may overdraw a wallet, so it must name the deposit that it takes back.
           count(*) FILTER (WHERE p.kind = 'chargeback' AND (p.reverses_id IS NULL OR NOT d.is_wallet)) AS loose_chargebacks,
           count(p.hold_id) AS captures,
           count(p.reverses_id) AS reversals,
           count(p.wallet_id) AS movements
      INTO seen
      FROM posted p
      LEFT JOIN wallets_account d ON d.id = p.debit_id
      LEFT JOIN wallets_account c ON c.id = p.credit_id;
    IF seen.no_account > 0 THEN
        RAISE EXCEPTION 'an account does not exist'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_accounts_exist';
    ELSIF seen.one_currency < seen.rows THEN
        RAISE EXCEPTION 'a transaction and its two accounts have one currency'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_one_currency';
    ELSIF seen.two_wallets > 0 THEN
        RAISE EXCEPTION 'a transaction touches at most one wallet'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_one_wallet';
    ELSIF seen.loose_chargebacks > 0 THEN
        RAISE EXCEPTION 'a chargeback takes back a deposit'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_chargeback_names_its_deposit';
    ELSIF seen.numbered < seen.rows THEN
        RAISE EXCEPTION 'a transaction continues its wallet'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_continues_its_wallet';
    END IF;

    IF seen.captures > 0 THEN
        WITH taken AS (
            SELECT hold_id, debit_id, sum(amount) AS amount FROM posted WHERE hold_id IS NOT NULL GROUP BY hold_id, debit_id
        ), captured AS (
            UPDATE wallets_hold h
               SET captured = h.captured + t.amount,
                   status = CASE WHEN h.captured + t.amount + h.released = h.amount THEN 'captured' ELSE 'active' END,
                   closed_at = CASE WHEN h.captured + t.amount + h.released = h.amount THEN clock_timestamp() END
              FROM taken t
             WHERE h.id = t.hold_id AND h.wallet_id = t.debit_id AND h.status = 'active'
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM taken) - (SELECT count(*) FROM captured) INTO missing;
        IF missing > 0 THEN
            RAISE EXCEPTION 'a hold is not open on the wallet that pays'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_hold_is_open';
        END IF;
    END IF;

    -- Several rows of one wallet carry on from one another, the first of them from the wallet. Nobody need hold
    -- its lock yet: whoever moves it in between takes its next number, and then the update below finds none.
    -- Looked up, not joined: the join was planned as all rows for each of all wallets (10,000: 20 s).
    IF seen.movements > 1 AND EXISTS (
        SELECT 1 FROM (
            SELECT wallet_id, wallet_seq, balance_after - wallet_delta AS balance_before, posted_at,
                   lag(balance_after) OVER along AS carried, lag(posted_at) OVER along AS earlier
              FROM posted WHERE wallet_id IS NOT NULL
            WINDOW along AS (PARTITION BY wallet_id ORDER BY wallet_seq)) row
         WHERE posted_at < earlier
            OR balance_before IS DISTINCT FROM
               coalesce(carried, (SELECT balance FROM wallets_wallet
                                   WHERE account_id = row.wallet_id AND last_seq = row.wallet_seq - 1))) THEN
        RAISE EXCEPTION 'a transaction continues its wallet'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_continues_its_wallet';
    END IF;

    IF seen.movements > 0 THEN
        WITH sums AS (
            SELECT wallet_id, sum(wallet_delta) AS delta, count(*) AS movements, min(balance_after) AS balance_after,
                   coalesce(sum(amount) FILTER (WHERE hold_id IS NOT NULL), 0) AS taken,
                   bool_or(kind = 'chargeback') AS charged_back,
                   min(wallet_seq) AS first_seq, max(wallet_seq) AS last_seq,
                   min(posted_at) AS first_posted_at, max(posted_at) AS last_posted_at
              FROM posted WHERE wallet_id IS NOT NULL GROUP BY wallet_id
        ), moves AS (
            UPDATE wallets_wallet w
               SET balance = w.balance + s.delta,
                   held = w.held - s.taken,
                   debt = CASE
                       -- Only a chargeback may make debt; whatever comes in pays it first.
                       WHEN s.charged_back
                           THEN greatest(0, w.held - w.credit_limit - w.balance - s.delta - s.taken)
                       WHEN w.debt = 0 THEN 0
                       ELSE least(w.debt, greatest(0, w.held - w.credit_limit - w.balance - s.delta - s.taken))
                   END,
                   last_seq = s.last_seq,
                   last_posted_at = s.last_posted_at
              FROM sums s
             WHERE w.account_id = s.wallet_id
               AND s.first_seq = w.last_seq + 1 AND s.last_seq = w.last_seq + s.movements
               AND (s.movements > 1 OR s.balance_after = w.balance + s.delta)
               AND s.first_posted_at >= w.last_posted_at
               AND s.last_posted_at <= greatest(clock_timestamp(), now(), w.last_posted_at)
            RETURNING s.movements
        )
        SELECT seen.movements - coalesce(sum(movements), 0) INTO missing FROM moves;
        IF missing > 0 THEN
            RAISE EXCEPTION 'a transaction continues its wallet'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_continues_its_wallet';
        END IF;
    END IF;

    -- Under the wallet's lock, so the sum of the refunds given so far is exact.
    IF seen.reversals > 0 THEN
        IF EXISTS (
            SELECT 1 FROM posted p LEFT JOIN wallets_transaction o ON o.id = p.reverses_id
             WHERE p.reverses_id IS NOT NULL
               AND (o.id IS NULL OR p.wallet_id IS NULL OR o.reverses_id IS NOT NULL
                    OR o.debit_id <> p.credit_id OR o.credit_id <> p.debit_id)) THEN
            RAISE EXCEPTION 'a refund mirrors a movement of its wallet that is no refund itself'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_refund_mirrors_original';
        END IF;
        IF EXISTS (
            SELECT 1 FROM (SELECT DISTINCT reverses_id AS id FROM posted WHERE reverses_id IS NOT NULL) o
             WHERE (SELECT amount FROM wallets_transaction WHERE id = o.id)
                 < (SELECT sum(amount) FROM wallets_transaction WHERE reverses_id = o.id)) THEN
            RAISE EXCEPTION 'the refunds of a transaction would exceed it'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_refunds_not_above_original';
        END IF;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER transaction_number BEFORE INSERT ON wallets_transaction
    FOR EACH ROW WHEN (NEW.xact = 0) EXECUTE FUNCTION wallets_transaction_number();
CREATE TRIGGER transaction_move AFTER INSERT ON wallets_transaction REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION wallets_transaction_move();
CREATE TRIGGER transaction_immutable BEFORE UPDATE OR DELETE ON wallets_transaction
    FOR EACH ROW EXECUTE FUNCTION wallets_refuse(
        'transaction_is_immutable', 'a transaction is never changed; post another one');
CREATE TRIGGER transaction_kept BEFORE TRUNCATE ON wallets_transaction
    FOR EACH STATEMENT EXECUTE FUNCTION wallets_refuse_truncate();


-- Holds and releases -----------------------------------------------------------------

CREATE FUNCTION wallets_hold_place() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.captured := 0;
    NEW.released := 0;
    NEW.status := 'active';
    NEW.closed_at := NULL;
    UPDATE wallets_wallet SET held = held + NEW.amount WHERE account_id = NEW.wallet_id;
    RETURN NEW;
END $$;

CREATE FUNCTION wallets_release_post() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    holder bigint;
BEGIN
    UPDATE wallets_hold
       SET released = released + NEW.amount,
           status = CASE
               WHEN captured + released + NEW.amount < amount THEN 'active'
               WHEN captured > 0 THEN 'captured'
               ELSE NEW.cause
           END,
           closed_at = CASE WHEN captured + released + NEW.amount = amount THEN clock_timestamp() END
     WHERE id = NEW.hold_id AND status = 'active'
    RETURNING wallet_id INTO holder;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'hold % is not open', NEW.hold_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'release_hold_is_open';
    END IF;
    UPDATE wallets_wallet
       SET held = held - NEW.amount,
           debt = CASE WHEN debt = 0 THEN 0
                       ELSE least(debt, greatest(0, held - NEW.amount - credit_limit - balance)) END
     WHERE account_id = holder;
    RETURN NEW;
END $$;

CREATE TRIGGER hold_place BEFORE INSERT ON wallets_hold
    FOR EACH ROW EXECUTE FUNCTION wallets_hold_place();
-- Inside another trigger (a capture, a release) the depth is 1: only those move a hold.
CREATE TRIGGER hold_moves_by_rows BEFORE UPDATE OF
    wallet_id, amount, captured, released, status, reference, closed_at ON wallets_hold
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION wallets_refuse(
        'hold_moves_only_by_captures_and_releases', 'insert a capture or a release');
CREATE TRIGGER hold_kept BEFORE DELETE ON wallets_hold
    FOR EACH ROW EXECUTE FUNCTION wallets_refuse('hold_is_kept', 'release it');
CREATE TRIGGER hold_not_truncated BEFORE TRUNCATE ON wallets_hold
    FOR EACH STATEMENT EXECUTE FUNCTION wallets_refuse_truncate();

CREATE TRIGGER release_post BEFORE INSERT ON wallets_release
    FOR EACH ROW EXECUTE FUNCTION wallets_release_post();
CREATE TRIGGER release_immutable BEFORE UPDATE OR DELETE ON wallets_release
    FOR EACH ROW EXECUTE FUNCTION wallets_refuse('release_is_immutable', 'a release is never changed');
CREATE TRIGGER release_not_truncated BEFORE TRUNCATE ON wallets_release
    FOR EACH STATEMENT EXECUTE FUNCTION wallets_refuse_truncate();


-- Wallets and accounts ---------------------------------------------------------------

CREATE FUNCTION wallets_wallet_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM wallets_account
      WHERE id = NEW.account_id AND is_wallet AND currency = NEW.currency;
    IF NOT FOUND OR NEW.balance <> 0 OR NEW.held <> 0 OR NEW.debt <> 0 OR NEW.last_seq <> 0 THEN
        RAISE EXCEPTION 'a wallet opens empty, on a wallet account of its currency'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'wallet_opens_empty_on_its_account';
    END IF;
    NEW.last_posted_at := clock_timestamp();  -- a later one would stamp every movement to come
    RETURN NEW;
END $$;

CREATE FUNCTION wallets_wallet_limit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.credit_limit = 'NaN' OR NEW.low_balance_threshold = 'NaN' THEN
        RAISE EXCEPTION 'a limit is a number'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'wallet_limits_are_numbers';
    END IF;
    -- Credit granted to a wallet in debt pays the debt first: it must not be there to spend.
    IF NEW.debt > 0 THEN
        UPDATE wallets_wallet SET debt = least(debt, greatest(0, held - credit_limit - balance))
         WHERE account_id = NEW.account_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION wallets_account_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Postings take no lock on accounts: wait for those under way, and let none begin.
    LOCK TABLE wallets_transaction IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT 1 FROM wallets_transaction WHERE debit_id = OLD.id)
       OR EXISTS (SELECT 1 FROM wallets_transaction WHERE credit_id = OLD.id) THEN
        RAISE EXCEPTION 'account % has history', OLD.code
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_with_history_is_kept';
    END IF;
    RETURN OLD;
END $$;

CREATE TRIGGER wallet_open BEFORE INSERT ON wallets_wallet
    FOR EACH ROW EXECUTE FUNCTION wallets_wallet_open();
-- FOR EACH STATEMENT: a BEFORE ROW trigger would lock and fetch the row once more at every movement.
CREATE TRIGGER wallet_moves_by_rows BEFORE UPDATE OF
    account_id, customer_id, currency, balance, held, debt, last_seq, last_posted_at ON wallets_wallet
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION wallets_refuse(
        'wallet_moves_only_by_the_books', 'post a transaction or place a hold');
CREATE TRIGGER wallet_limit AFTER INSERT OR UPDATE OF credit_limit, low_balance_threshold ON wallets_wallet
    FOR EACH ROW EXECUTE FUNCTION wallets_wallet_limit();
CREATE TRIGGER wallet_kept BEFORE DELETE ON wallets_wallet
    FOR EACH ROW WHEN (OLD.last_seq > 0) EXECUTE FUNCTION wallets_refuse(
        'wallet_with_history_is_kept', 'close the customer instead');
CREATE TRIGGER wallet_not_truncated BEFORE TRUNCATE ON wallets_wallet
    FOR EACH STATEMENT EXECUTE FUNCTION wallets_refuse_truncate();
CREATE TRIGGER account_immutable BEFORE UPDATE ON wallets_account
    FOR EACH ROW EXECUTE FUNCTION wallets_refuse('account_is_immutable', 'open another account');
CREATE TRIGGER account_kept BEFORE DELETE ON wallets_account
    FOR EACH ROW EXECUTE FUNCTION wallets_account_keep();
CREATE TRIGGER account_not_truncated BEFORE TRUNCATE ON wallets_account
    FOR EACH STATEMENT EXECUTE FUNCTION wallets_refuse_truncate();

-- The connections plan every statement anew, for wallets of very different sizes. These only ever
-- look rows up by their keys, so they are planned once, and every plan is made of index look-ups:
-- one made while a table is empty, or for a batch of 100,000 rows, serves single rows as well.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['wallets_transaction_number', 'wallets_transaction_move',
                                'wallets_hold_place', 'wallets_release_post'] LOOP
        EXECUTE format('ALTER FUNCTION %I() SET plan_cache_mode = force_generic_plan', name);
        EXECUTE format('ALTER FUNCTION %I() SET enable_seqscan = off', name);
        EXECUTE format('ALTER FUNCTION %I() SET enable_hashjoin = off', name);
        EXECUTE format('ALTER FUNCTION %I() SET enable_mergejoin = off', name);
        -- Else a session's temporary table called wallets_wallet would be moved in place of ours.
        EXECUTE format('ALTER FUNCTION %I() SET search_path = %I, pg_temp', name, current_schema());
    END LOOP;
END $$;

-- Refusals hold in every session, also in one that plays a replica.
ALTER TABLE wallets_transaction ENABLE ALWAYS TRIGGER transaction_number;
ALTER TABLE wallets_transaction ENABLE ALWAYS TRIGGER transaction_move;
ALTER TABLE wallets_transaction ENABLE ALWAYS TRIGGER transaction_immutable;
ALTER TABLE wallets_transaction ENABLE ALWAYS TRIGGER transaction_kept;
ALTER TABLE wallets_hold ENABLE ALWAYS TRIGGER hold_place;
ALTER TABLE wallets_hold ENABLE ALWAYS TRIGGER hold_moves_by_rows;
ALTER TABLE wallets_hold ENABLE ALWAYS TRIGGER hold_kept;
ALTER TABLE wallets_hold ENABLE ALWAYS TRIGGER hold_not_truncated;
ALTER TABLE wallets_release ENABLE ALWAYS TRIGGER release_post;
ALTER TABLE wallets_release ENABLE ALWAYS TRIGGER release_immutable;
ALTER TABLE wallets_release ENABLE ALWAYS TRIGGER release_not_truncated;
ALTER TABLE wallets_wallet ENABLE ALWAYS TRIGGER wallet_open;
ALTER TABLE wallets_wallet ENABLE ALWAYS TRIGGER wallet_moves_by_rows;
ALTER TABLE wallets_wallet ENABLE ALWAYS TRIGGER wallet_limit;
ALTER TABLE wallets_wallet ENABLE ALWAYS TRIGGER wallet_kept;
ALTER TABLE wallets_wallet ENABLE ALWAYS TRIGGER wallet_not_truncated;
ALTER TABLE wallets_account ENABLE ALWAYS TRIGGER account_immutable;
ALTER TABLE wallets_account ENABLE ALWAYS TRIGGER account_kept;
ALTER TABLE wallets_account ENABLE ALWAYS TRIGGER account_not_truncated;


-- Reading ----------------------------------------------------------------------------

-- Both sides of each transaction: debit above zero, credit below. Filter, order and limit
-- reach the indexes on (debit, id) and (credit, id).
CREATE VIEW wallets_entry AS
    SELECT 2 * t.id AS id, t.id AS transaction_id, t.debit_id AS account_id, t.amount, t.currency, t.kind, t.posted_at
      FROM wallets_transaction t
    UNION ALL
    SELECT 2 * t.id + 1, t.id, t.credit_id, -t.amount, t.currency, t.kind, t.posted_at
      FROM wallets_transaction t;

-- How far the roll-up has come: every row written by a database transaction below the
-- horizon is in the totals, and no other. One row, made on demand.
CREATE TABLE wallets_rollup (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    horizon bigint NOT NULL
);

-- Add what has been committed since the last roll-up to the accounts' totals; returns how many
-- entries that was. Running it twice at once adds once: the second waits for the first.
-- The new horizon is the oldest transaction still running, so a late commit is never skipped.
CREATE FUNCTION wallets_roll_up() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    old_horizon bigint;
    new_horizon bigint;
    counted bigint;
BEGIN
    INSERT INTO wallets_rollup (horizon) VALUES (0) ON CONFLICT DO NOTHING;
    SELECT horizon INTO old_horizon FROM wallets_rollup FOR UPDATE;
    new_horizon := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
    IF new_horizon < old_horizon THEN
        RAISE EXCEPTION 'the roll-up is ahead of this database''s clock of transactions'
            USING HINT = 'After restoring a dump into a new server see "Restoring" in the README.';
    END IF;
    WITH fresh AS (
        SELECT debit_id, credit_id, amount FROM wallets_transaction
         WHERE xact >= old_horizon AND xact < new_horizon
    ), sums AS (
        SELECT account_id, sum(amount) AS amount, count(*) AS entries
          FROM (SELECT debit_id AS account_id, amount FROM fresh
                UNION ALL SELECT credit_id, -amount FROM fresh) sides
         GROUP BY account_id
    ), added AS (
        INSERT INTO wallets_accounttotal AS t (account_id, amount, entries, updated_at)
        SELECT account_id, amount, entries, clock_timestamp() FROM sums
        ON CONFLICT (account_id) DO UPDATE
           SET amount = t.amount + excluded.amount,
               entries = t.entries + excluded.entries,
               updated_at = excluded.updated_at
        RETURNING 1
    )
    SELECT coalesce(sum(entries), 0) INTO counted FROM sums WHERE (SELECT count(*) FROM added) >= 0;
    UPDATE wallets_rollup SET horizon = new_horizon;
    RETURN counted;
END $$;

-- An account's signed total now: the roll-up plus what came since.
CREATE FUNCTION wallets_account_balance(account bigint) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT amount FROM wallets_accounttotal WHERE account_id = account), 0)
         + coalesce((SELECT sum(CASE WHEN debit_id = account THEN amount ELSE -amount END)
                       FROM wallets_transaction
                      WHERE xact >= coalesce((SELECT horizon FROM wallets_rollup), 0)
                        AND (debit_id = account OR credit_id = account)), 0)
$$;
