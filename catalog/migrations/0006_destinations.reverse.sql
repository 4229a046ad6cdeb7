DROP TRIGGER country_stamped ON catalog_country;
DROP TRIGGER sms_prefix_stamped ON catalog_smsprefix;
DROP TRIGGER sms_destination_stamped ON catalog_smsdestination;
DROP FUNCTION catalog_stamp_destinations();
