DROP TRIGGER event_told_to_webhooks ON wallets_event;
DROP FUNCTION notifications_tell_webhooks();
