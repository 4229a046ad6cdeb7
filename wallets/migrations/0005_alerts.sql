-- The one threshold of a wallet becomes its first level; one it is below already has been shown to staff.
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE wallets_alertlevel ADD CONSTRAINT alert_level_is_a_number CHECK (amount <> 'NaN');
INSERT INTO wallets_alertlevel (wallet_id, amount, told_at)
SELECT account_id, low_balance_threshold, CASE WHEN balance - held + credit_limit < low_balance_threshold THEN now() END
  FROM wallets_wallet WHERE low_balance_threshold >= 0;

CREATE OR REPLACE FUNCTION wallets_wallet_limit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.credit_limit = 'NaN' THEN
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

DROP TRIGGER wallet_limit ON wallets_wallet;
CREATE TRIGGER wallet_limit AFTER INSERT OR UPDATE OF credit_limit ON wallets_wallet
    FOR EACH ROW EXECUTE FUNCTION wallets_wallet_limit();
ALTER TABLE wallets_wallet ENABLE ALWAYS TRIGGER wallet_limit;
