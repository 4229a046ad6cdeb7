-- What was approved is what is sent: the words of a version never change, an edit is another version.

CREATE TRIGGER template_words_immutable BEFORE UPDATE OF template_id, number, category, body, examples
    ON notifications_templateversion
    FOR EACH ROW WHEN (
        (OLD.template_id, OLD.number, OLD.category, OLD.body, OLD.examples)
        IS DISTINCT FROM (NEW.template_id, NEW.number, NEW.category, NEW.body, NEW.examples)
    ) EXECUTE FUNCTION wallets_refuse('template_words_are_immutable', 'write another version');

CREATE TRIGGER template_life_cycle BEFORE UPDATE OF status ON notifications_templateversion
    FOR EACH ROW WHEN (
        OLD.status <> NEW.status AND NOT (
            (OLD.status = 'draft' AND NEW.status = 'submitted')
            OR (OLD.status = 'submitted' AND NEW.status IN ('approved', 'rejected'))
            OR (OLD.status = 'approved' AND NEW.status IN ('paused', 'disabled'))
            OR (OLD.status = 'paused' AND NEW.status IN ('approved', 'disabled'))
        )
    ) EXECUTE FUNCTION wallets_refuse('template_follows_its_life_cycle', 'write another version');

CREATE TRIGGER template_version_kept BEFORE DELETE ON notifications_templateversion
    FOR EACH ROW EXECUTE FUNCTION wallets_refuse('template_version_is_kept', 'disable it');

-- A final state never changes; a delivered message may still be read.

CREATE TRIGGER message_final_is_final BEFORE UPDATE OF state ON notifications_message
    FOR EACH ROW WHEN (
        OLD.state IN ('delivered', 'read', 'undelivered', 'failed', 'rejected', 'expired', 'canceled')
        AND NEW.state <> OLD.state AND NOT (OLD.state = 'delivered' AND NEW.state = 'read')
    ) EXECUTE FUNCTION wallets_refuse('message_final_state_is_final', 'keep the report');

CREATE TRIGGER message_kept BEFORE DELETE ON notifications_message
    FOR EACH ROW EXECUTE FUNCTION wallets_refuse('message_is_kept', 'erase its text');
CREATE TRIGGER delivery_report_kept BEFORE DELETE ON notifications_deliveryreport
    FOR EACH ROW EXECUTE FUNCTION wallets_refuse('delivery_report_is_kept', 'leave it');

-- Refusals hold in every session, also in one that plays a replica.
ALTER TABLE notifications_templateversion ENABLE ALWAYS TRIGGER template_words_immutable;
ALTER TABLE notifications_templateversion ENABLE ALWAYS TRIGGER template_life_cycle;
ALTER TABLE notifications_templateversion ENABLE ALWAYS TRIGGER template_version_kept;
ALTER TABLE notifications_message ENABLE ALWAYS TRIGGER message_final_is_final;
ALTER TABLE notifications_message ENABLE ALWAYS TRIGGER message_kept;
ALTER TABLE notifications_deliveryreport ENABLE ALWAYS TRIGGER delivery_report_kept;
