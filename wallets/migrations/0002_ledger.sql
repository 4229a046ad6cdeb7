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


-- Transactions -----------------------------------------------------------------------

-- Which database transaction wrote the row: the roll-up goes by it, because ids commit
-- out of order. BRIN: the column grows with the table, the index stays a few pages.
ALTER TABLE wallets_transaction ADD COLUMN xact bigint NOT NULL DEFAULT 0;
CREATE INDEX transaction_xact ON wallets_transaction USING brin (xact) WITH (pages_per_range = 32);
ALTER TABLE wallets_transaction SET (fillfactor = 100);
-- Room on each page for the next versions, so that moving a wallet touches no index.
ALTER TABLE wallets_wallet SET (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE wallets_hold SET (fillfactor = 70);

CREATE FUNCTION wallets_transaction_post() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    debit_currency text;
    debit_is_wallet boolean;
    credit_currency text;
    credit_is_wallet boolean;
    taken numeric := 0;  -- from a hold
    original wallets_transaction;
BEGIN
    -- Instead of foreign keys, whose triggers cost two thirds of a batch's time.
    SELECT d.currency, d.is_wallet, c.currency, c.is_wallet
      INTO debit_currency, debit_is_wallet, credit_currency, credit_is_wallet
      FROM wallets_account d, wallets_account c
     WHERE d.id = NEW.debit_id AND c.id = NEW.credit_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'account % or % does not exist', NEW.debit_id, NEW.credit_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_accounts_exist';
    END IF;
    IF debit_currency <> NEW.currency OR credit_currency <> NEW.currency THEN
        RAISE EXCEPTION 'a transaction in % cannot move % to %', NEW.currency, debit_currency, credit_currency
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_one_currency';
    END IF;

    NEW.xact := pg_current_xact_id()::text::bigint;
    NEW.wallet_id := NULL;
    NEW.wallet_seq := NULL;
    NEW.wallet_delta := NULL;
    NEW.balance_after := NULL;

    IF debit_is_wallet THEN
        IF credit_is_wallet THEN
            RAISE EXCEPTION 'a transaction touches at most one wallet'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_one_wallet';
        END IF;
        NEW.wallet_id := NEW.debit_id;
        NEW.wallet_delta := -NEW.amount;
    ELSIF credit_is_wallet THEN
        NEW.wallet_id := NEW.credit_id;
        NEW.wallet_delta := NEW.amount;
    END IF;

    -- Hold before wallet, as everywhere: the other order deadlocks.
    IF NEW.hold_id IS NOT NULL THEN
        UPDATE wallets_hold
           SET captured = captured + NEW.amount,
               status = CASE WHEN captured + NEW.amount + released = amount THEN 'captured' ELSE 'active' END,
               closed_at = CASE WHEN captured + NEW.amount + released = amount THEN clock_timestamp() END
         WHERE id = NEW.hold_id AND wallet_id = NEW.debit_id AND status = 'active';
        IF NOT FOUND THEN
            RAISE EXCEPTION 'hold % is not open on wallet %', NEW.hold_id, NEW.debit_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_hold_is_open';
        END IF;
        taken := NEW.amount;
    END IF;

    IF NEW.wallet_id IS NULL THEN
        IF NEW.reverses_id IS NOT NULL THEN
            RAISE EXCEPTION 'only a movement of a wallet can be reversed'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_refund_mirrors_original';
        END IF;
        NEW.posted_at := clock_timestamp();
        RETURN NEW;
    END IF;

    -- The row lock this takes puts the wallet's movements in one order; the clock is read
    -- inside it (and never runs backwards, even if the machine's does).
    UPDATE wallets_wallet
       SET balance = balance + NEW.wallet_delta,
           held = held - taken,
           debt = CASE
               -- Only a chargeback may make debt; whatever comes in pays it first.
               WHEN NEW.kind = 'chargeback' AND NEW.wallet_delta < 0
                   THEN greatest(0, held - credit_limit - balance - NEW.wallet_delta - taken)
               WHEN debt = 0 THEN 0
               ELSE least(debt, greatest(0, held - credit_limit - balance - NEW.wallet_delta - taken))
           END,
           last_seq = last_seq + 1,
           last_posted_at = greatest(clock_timestamp(), last_posted_at)
     WHERE account_id = NEW.wallet_id
    RETURNING last_seq, balance, last_posted_at
      INTO NEW.wallet_seq, NEW.balance_after, NEW.posted_at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'account % has no wallet', NEW.wallet_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_accounts_exist';
    END IF;

    -- Under the wallet's lock, so the sum of the refunds given so far is exact.
    IF NEW.reverses_id IS NOT NULL THEN
        SELECT * INTO original FROM wallets_transaction WHERE id = NEW.reverses_id;
        IF NOT FOUND OR original.debit_id <> NEW.credit_id OR original.credit_id <> NEW.debit_id
           OR original.reverses_id IS NOT NULL THEN
            RAISE EXCEPTION 'transaction % cannot be reversed by this one', NEW.reverses_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_refund_mirrors_original';
        END IF;
        IF NEW.amount + (SELECT coalesce(sum(amount), 0) FROM wallets_transaction
                          WHERE reverses_id = NEW.reverses_id) > original.amount THEN
            RAISE EXCEPTION 'refunds of transaction % would exceed it', NEW.reverses_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_refunds_not_above_original';
        END IF;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER transaction_post BEFORE INSERT ON wallets_transaction
    FOR EACH ROW EXECUTE FUNCTION wallets_transaction_post();
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
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION wallets_refuse(
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
    RETURN NEW;
END $$;

CREATE FUNCTION wallets_account_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM wallets_transaction WHERE debit_id = OLD.id)
       OR EXISTS (SELECT 1 FROM wallets_transaction WHERE credit_id = OLD.id) THEN
        RAISE EXCEPTION 'account % has history', OLD.code
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_with_history_is_kept';
    END IF;
    RETURN OLD;
END $$;

CREATE TRIGGER wallet_open BEFORE INSERT ON wallets_wallet
    FOR EACH ROW EXECUTE FUNCTION wallets_wallet_open();
CREATE TRIGGER wallet_moves_by_rows BEFORE UPDATE OF
    account_id, customer_id, currency, balance, held, debt, last_seq, last_posted_at ON wallets_wallet
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION wallets_refuse(
        'wallet_moves_only_by_the_books', 'post a transaction or place a hold');
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

-- Refusals hold in every session, also in one that plays a replica.
ALTER TABLE wallets_transaction ENABLE ALWAYS TRIGGER transaction_post;
ALTER TABLE wallets_transaction ENABLE ALWAYS TRIGGER transaction_immutable;
ALTER TABLE wallets_transaction ENABLE ALWAYS TRIGGER transaction_kept;
ALTER TABLE wallets_hold ENABLE ALWAYS TRIGGER hold_place;
ALTER TABLE wallets_hold ENABLE ALWAYS TRIGGER hold_moves_by_rows;
ALTER TABLE wallets_hold ENABLE ALWAYS TRIGGER hold_kept;
ALTER TABLE wallets_release ENABLE ALWAYS TRIGGER release_post;
ALTER TABLE wallets_release ENABLE ALWAYS TRIGGER release_immutable;
ALTER TABLE wallets_wallet ENABLE ALWAYS TRIGGER wallet_moves_by_rows;
ALTER TABLE wallets_wallet ENABLE ALWAYS TRIGGER wallet_kept;


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
