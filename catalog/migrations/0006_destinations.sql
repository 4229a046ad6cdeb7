-- Whoever changes what the map of destinations is read from renews its stamp, in the same transaction: a process that
-- kept the map sees another stamp and reads it anew. The stamp is random, so that no rollback or restore repeats one.

CREATE FUNCTION catalog_stamp_destinations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog_destinationmap (id, stamp) VALUES (1, gen_random_uuid())
        ON CONFLICT (id) DO UPDATE SET stamp = excluded.stamp;
    RETURN NULL;
END $$;

CREATE TRIGGER sms_destination_stamped AFTER INSERT OR UPDATE OR DELETE ON catalog_smsdestination
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_stamp_destinations();
CREATE TRIGGER sms_prefix_stamped AFTER INSERT OR UPDATE OR DELETE ON catalog_smsprefix
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_stamp_destinations();
CREATE TRIGGER country_stamped AFTER INSERT OR UPDATE OR DELETE ON catalog_country
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_stamp_destinations();
