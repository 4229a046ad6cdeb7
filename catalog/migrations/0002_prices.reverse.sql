DROP TRIGGER markup_kept ON catalog_markuprule;
DROP TRIGGER markup_only_ended ON catalog_markuprule;
DROP TRIGGER price_not_truncated ON catalog_price;
DROP TRIGGER price_immutable ON catalog_price;
