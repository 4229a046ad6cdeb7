-- The highest level becomes the one threshold again.
UPDATE wallets_wallet w SET low_balance_threshold = l.highest
  FROM (SELECT wallet_id, max(amount) AS highest FROM wallets_alertlevel GROUP BY wallet_id) l
 WHERE l.wallet_id = w.account_id;
SET CONSTRAINTS ALL IMMEDIATE;

CREATE OR REPLACE FUNCTION wallets_wallet_limit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.credit_limit = 'NaN' OR NEW.low_balance_threshold = 'NaN' THEN
        RAISE EXCEPTION 'a limit is a number'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'wallet_limits_are_numbers';
    END IF;
    IF NEW.debt > 0 THEN
        UPDATE wallets_wallet SET debt = least(debt, greatest(0, held - credit_limit - balance))
         WHERE account_id = NEW.account_id;
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER wallet_limit ON wallets_wallet;
CREATE TRIGGER wallet_limit AFTER INSERT OR UPDATE OF credit_limit, low_balance_threshold ON wallets_wallet
    FOR EACH ROW EXECUTE FUNCTION wallets_wallet_limit();
ALTER TABLE wallets_wallet ENABLE ALWAYS TRIGGER wallet_limit;
ALTER TABLE wallets_alertlevel DROP CONSTRAINT alert_level_is_a_number;
