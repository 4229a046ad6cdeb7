-- 100,000 messages are one statement or ten: what they refer to is proved once for each, not once for each row.

CREATE FUNCTION notifications_message_belongs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT customer_id, wallet_id, sender_id, destination_id FROM made) m
          LEFT JOIN wallets_wallet w ON w.account_id = m.wallet_id AND w.customer_id = m.customer_id
          LEFT JOIN notifications_sender s ON s.id = m.sender_id
          LEFT JOIN catalog_product d ON d.id = m.destination_id
         WHERE w.account_id IS NULL
            OR (m.sender_id IS NOT NULL AND s.id IS NULL)
            OR (m.destination_id IS NOT NULL AND d.id IS NULL)) THEN
        RAISE EXCEPTION 'a message has a wallet of its customer, and a sender and a destination that exist'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'message_belongs';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER message_belongs AFTER INSERT ON notifications_message REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION notifications_message_belongs();
-- And it stays so.
CREATE TRIGGER message_stays BEFORE UPDATE OF customer_id, wallet_id, chunk_id, sender_id, destination_id
    ON notifications_message
    FOR EACH ROW WHEN (
        (OLD.customer_id, OLD.wallet_id, OLD.chunk_id, OLD.sender_id, OLD.destination_id)
        IS DISTINCT FROM (NEW.customer_id, NEW.wallet_id, NEW.chunk_id, NEW.sender_id, NEW.destination_id)
    ) EXECUTE FUNCTION wallets_refuse('message_stays_where_it_is', 'send another one');
-- Who is referred to is kept, as a foreign key would keep it.
CREATE FUNCTION notifications_keep_what_sent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM notifications_message WHERE sender_id = OLD.id) THEN
        RAISE EXCEPTION 'sender % has sent', OLD.id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'message_sender_is_kept';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER sender_with_messages_is_kept BEFORE DELETE ON notifications_sender
    FOR EACH ROW EXECUTE FUNCTION notifications_keep_what_sent();

-- Nobody searches these by prefix; every index is paid for with every row and every step it takes.
DROP INDEX IF EXISTS notifications_message_provider_message_id_da0cb200_like;
-- Room for the next versions of a row on its page.
ALTER TABLE notifications_message SET (fillfactor = 70);
