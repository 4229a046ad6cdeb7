ALTER TABLE notifications_message RESET (fillfactor);
CREATE INDEX notifications_message_provider_message_id_da0cb200_like
    ON notifications_message (provider_message_id varchar_pattern_ops);
DROP TRIGGER sender_with_messages_is_kept ON notifications_sender;
DROP FUNCTION notifications_keep_what_sent();
DROP TRIGGER message_stays ON notifications_message;
DROP TRIGGER message_belongs ON notifications_message;
DROP FUNCTION notifications_message_belongs();
