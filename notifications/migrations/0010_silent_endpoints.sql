-- Customers who have left are told nothing, whatever still happens to what they had.

CREATE OR REPLACE FUNCTION notifications_tell_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notifications_webhookdelivery
           (endpoint_id, event_id, status, attempts, tries, next_attempt_at, erase_after)
    SELECT e.id, n.id, 'pending', 0, 0, clock_timestamp(), n.erase_after
      FROM news n
      JOIN notifications_webhookendpoint e ON e.customer_id = n.customer_id AND e.is_enabled
      JOIN wallets_customer c ON c.id = e.customer_id AND c.status <> 'closed'
     WHERE n.kind <> 'webhook.test' AND (e.kinds = '{}' OR n.kind = ANY (e.kinds));
    RETURN NULL;
END $$;
