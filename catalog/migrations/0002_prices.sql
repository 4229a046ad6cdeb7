-- What was once in force stays as it was: a new price is a new row, a rule is only ended.

CREATE TRIGGER price_immutable BEFORE UPDATE OR DELETE ON catalog_price
    FOR EACH ROW EXECUTE FUNCTION wallets_refuse('price_is_immutable', 'add another price');
CREATE TRIGGER price_not_truncated BEFORE TRUNCATE ON catalog_price
    FOR EACH STATEMENT EXECUTE FUNCTION wallets_refuse_truncate();

CREATE TRIGGER markup_only_ended BEFORE UPDATE OF
    price_list_id, kind, service_id, country_id, provider, basis, percent, fixed, fixed_currency, effective_from
    ON catalog_markuprule
    FOR EACH ROW WHEN (
        (OLD.price_list_id, OLD.kind, OLD.service_id, OLD.country_id, OLD.provider, OLD.basis,
         OLD.percent, OLD.fixed, OLD.fixed_currency, OLD.effective_from)
        IS DISTINCT FROM
        (NEW.price_list_id, NEW.kind, NEW.service_id, NEW.country_id, NEW.provider, NEW.basis,
         NEW.percent, NEW.fixed, NEW.fixed_currency, NEW.effective_from)
    ) EXECUTE FUNCTION wallets_refuse('markup_rule_is_immutable', 'end it and write another rule');
CREATE TRIGGER markup_kept BEFORE DELETE ON catalog_markuprule
    FOR EACH ROW EXECUTE FUNCTION wallets_refuse('markup_rule_is_kept', 'end it instead');

-- Refusals hold in every session, also in one that plays a replica.
ALTER TABLE catalog_price ENABLE ALWAYS TRIGGER price_immutable;
ALTER TABLE catalog_price ENABLE ALWAYS TRIGGER price_not_truncated;
ALTER TABLE catalog_markuprule ENABLE ALWAYS TRIGGER markup_only_ended;
ALTER TABLE catalog_markuprule ENABLE ALWAYS TRIGGER markup_kept;
