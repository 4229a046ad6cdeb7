"""Offers and their base prices as a CSV sheet: what staff edit at home and bring back.

One row for each offer and currency. A price that differs from the one that holds becomes a new
row of the history; nothing is ever edited. Empty cells change nothing.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from import_export import fields, resources
from import_export.instance_loaders import BaseInstanceLoader
from import_export.widgets import Widget

from catalog.cells import (
    CURRENCY,
    WORD,
    AmountCell,
    Cell,
    KnownCell,
    MomentCell,
    PriceCell,
    WholeCell,
    YesNoCell,
)
from catalog.models import Country, Offer, Price, Service
from catalog.services.offers import save_offer
from catalog.services.prices import price_at, set_price
from catalog.services.sheet_rows import safe_cell

KEY_COLUMNS = ("service", "country", "provider")
NUMERIC_COLUMNS = {"cost", "price", "ttl_seconds"}


class Loader(BaseInstanceLoader):
    """Finds a row's offer among those read once, with the price that holds in the row's currency."""

    def get_instance(self, row: Any) -> Any:
        try:
            key = tuple(self.resource.fields[column].clean(row) for column in KEY_COLUMNS)
        except ValueError:
            return None  # said once more, under the column's name, when the row is read
        return self.resource.find(key, str(row.get("currency") or "").strip())


def _column(name: str, widget: Widget) -> fields.Field:
    return fields.Field(column_name=name, attribute=name, widget=widget, saves_null_values=False)


class OfferResource(resources.ModelResource):
    service = _column("service", KnownCell(Service, "slug"))
    country = _column("country", KnownCell(Country, "code"))
    provider = _column("provider", Cell(WORD, "A provider is small letters, digits and _."))
    cost = _column("cost", AmountCell())
    cost_currency = _column("cost_currency", Cell(CURRENCY, "Not a currency like USD."))
    price = _column("price", PriceCell())
    currency = _column("currency", Cell(CURRENCY, "Not a currency like USD."))
    ttl_seconds = _column("ttl_seconds", WholeCell())
    multiple_sms = _column("multiple_sms", YesNoCell())
    is_active = _column("is_active", YesNoCell())
    effective_from = _column("effective_from", MomentCell())

    class Meta:
        model = Offer
        import_id_fields = KEY_COLUMNS
        fields = export_order = (
            "service", "country", "provider", "cost", "cost_currency", "price", "currency",
            "ttl_seconds", "multiple_sms", "is_active", "effective_from",
        )  # fmt: skip
        instance_loader_class = Loader
        clean_model_instances = True
        skip_unchanged = True
        report_skipped = True
        use_transactions = True
        store_instance = False

    def import_data(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        """All rows or none, also when something changed between the preview and its confirmation."""
        return super().import_data(dataset, *args, **{**kwargs, "rollback_on_validation_errors": True})

    # Reading what is there

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        missing = [column for column in KEY_COLUMNS if column not in (dataset.headers or [])]
        if missing:
            raise ValidationError(f"The sheet lacks these columns: {', '.join(missing)}.")
        self.now = timezone.now()
        self.actor = f"staff:{kwargs.get('user')}"[:80]
        offers = Offer.objects.select_related("service", "country", "product")
        self.offers = {(offer.service, offer.country, offer.provider): offer for offer in offers}
        self.prices = _base_prices(self.now)

    def find(self, key: tuple[Any, ...], currency: str) -> Any:
        """The offer of a row, showing its price in `currency` (by default the one it has)."""
        offer = self.offers.get(key)
        return offer and _show(offer, self.prices.get(offer.pk, {}), currency)

    def init_instance(self, row: Any = None) -> Any:
        return _show(Offer(), {}, "")

    # Deciding what changes

    def import_instance(self, instance: Any, row: Any, **kwargs: Any) -> None:
        shown = (instance.price, instance.effective_from)
        is_new = instance.product_id is None
        super().import_instance(instance, row, **kwargs)
        if is_new and not row.get("cost_currency") and instance.currency:
            instance.cost_currency = instance.currency
        instance.is_repriced = self._is_repriced(instance, shown[0], is_new)
        if not instance.is_repriced:
            instance.price, instance.effective_from = shown
        elif not self._is_later(instance):
            # What an exported sheet says of the old price, or nothing: the new one holds from now on.
            instance.effective_from = self.now

    def _is_repriced(self, offer: Any, holding: Decimal | None, is_new: bool) -> bool:
        if offer.price is None:
            return False
        if not offer.currency:
            raise ValidationError({"currency": "A price needs its currency."})
        if self._is_later(offer) and not is_new:
            like = Price(product_id=offer.product_id, currency=offer.currency)
            scheduled = price_at(like, offer.effective_from)
            holding = scheduled.amount if scheduled else None
        return bool(offer.price != holding)

    def _is_later(self, offer: Any) -> bool:
        return offer.effective_from is not None and offer.effective_from > self.now

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        errors = dict(import_validation_errors or {})
        try:
            # A new offer becomes a product when it is saved.
            instance.full_clean(exclude={"product", *errors}, validate_unique=validate_unique)
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        if errors:
            raise ValidationError(errors)

    # Writing

    def do_instance_save(self, instance: Any, is_create: bool) -> None:
        save_offer(instance)
        self.offers[(instance.service, instance.country, instance.provider)] = instance
        if instance.is_repriced:
            price = set_price(
                product=instance.pk,
                amount=instance.price,
                currency=instance.currency,
                effective_from=instance.effective_from if self._is_later(instance) else None,
                note="CSV import",
                actor=self.actor,
            )
            if not self._is_later(instance):
                self.prices.setdefault(instance.pk, {})[price.currency] = price

    # Out again

    def iter_queryset(self, queryset: Any) -> Iterator[Any]:
        prices = _base_prices(timezone.now())
        for offer in queryset.select_related("service", "country").order_by("pk"):
            for currency in prices.get(offer.pk) or [""]:
                yield _show(offer, prices.get(offer.pk, {}), currency)

    def export_resource(self, instance: Any, selected_fields: Any = None, **kwargs: Any) -> list[str]:
        columns = self.get_export_headers(selected_fields)
        cells = super().export_resource(instance, selected_fields, **kwargs)
        return [
            cell if column in NUMERIC_COLUMNS else safe_cell(str(cell))
            for column, cell in zip(columns, cells, strict=True)
        ]


BasePrices = dict[int, dict[str, Price]]


def _base_prices(at: datetime) -> BasePrices:
    """The base prices in force, by product and currency; the latest of a product first."""
    prices: BasePrices = {}
    rows: Iterable[Price] = Price.objects.base().in_force(at).latest_last().reverse()
    for price in rows:
        prices.setdefault(price.product_id, {})[price.currency] = price
    return prices


def _show(offer: Any, prices: dict[str, Price], currency: str) -> Any:
    """Give the offer the three columns that are not its own."""
    price = prices.get(currency) if currency else next(iter(prices.values()), None)
    offer.price = price.amount if price else None
    offer.currency = price.currency if price else currency
    offer.effective_from = price.effective_from if price else None
    offer.is_repriced = False
    return offer
