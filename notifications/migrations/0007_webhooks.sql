-- The outbox: every event becomes a delivery for each endpoint that listens, in the event's own transaction. So none
-- is lost, whatever commits in which order, and nothing has to look for new ones. Events of customers without
-- endpoints cost one look at an index per statement, however many rows it writes.

CREATE FUNCTION notifications_tell_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notifications_webhookdelivery
           (endpoint_id, event_id, status, attempts, tries, next_attempt_at, erase_after)
    SELECT e.id, n.id, 'pending', 0, 0, clock_timestamp(), n.erase_after
      FROM news n
      JOIN notifications_webhookendpoint e ON e.customer_id = n.customer_id AND e.is_enabled
     WHERE n.kind <> 'webhook.test' AND (e.kinds = '{}' OR n.kind = ANY (e.kinds));
    RETURN NULL;
END $$;

CREATE TRIGGER event_told_to_webhooks AFTER INSERT ON wallets_event REFERENCING NEW TABLE AS news
    FOR EACH STATEMENT EXECUTE FUNCTION notifications_tell_webhooks();
