"""Where SMS are sold to, with prefixes and prices; and sheets of rates to take home."""

import csv
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from catalog.admin.catalogue import PricedAdmin
from catalog.models import Price, PriceList, SmsDestination, SmsPrefix
from catalog.services.rate_sheets import sheet_lines
from catalog.services.sms_destinations import create_destinations
from wallets.admin.dialogs import leave
from wallets.models import Customer

FEW_PREFIXES = 4


class LevelForm(BaseDialogForm):
    """Whose prices: everybody's, a list's, or one customer's."""

    price_list = forms.ModelChoiceField(
        PriceList.objects.all(), required=False, widget=UnfoldAdminSelectWidget, help_text="Empty: the base prices."
    )
    customer = forms.ModelChoiceField(
        Customer.objects.all(), required=False, widget=UnfoldAdminIntegerFieldWidget,
        help_text="Number of the one customer whose own prices they are.",
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("price_list") and cleaned.get("customer"):
            self.add_error("customer", "Choose a price list or a customer, not both.")
        return cleaned

    def query(self) -> str:
        chosen = {name: self.cleaned_data[name] for name in ("price_list", "customer")}
        return urlencode({name: row.pk for name, row in chosen.items() if row})


class PrefixInline(TabularInline):
    model = SmsPrefix
    fields = ("digits",)
    extra = 0
    per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is not None and super().has_add_permission(request, obj)


@admin.register(SmsDestination)
class SmsDestinationAdmin(PricedAdmin):
    """Destinations of SMS: switched off, the next shorter prefix decides."""

    list_display = ("destination", "codes", "prefixes_shown", "base_money", "cost_money", "is_active")
    list_filter = ("is_active", ("country", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("country",)
    list_per_page = 50
    ordering = ("country__name", "mcc", "mnc")
    search_fields = ("country__name", "=country__code", "operator", "=mcc", "^prefixes__digits")
    search_help_text = "Country, network, MCC, or start of a prefix"
    autocomplete_fields = ("country",)
    fields = ("country", "mcc", "mnc", "operator", "cost", "cost_currency", "is_active", "price_history")
    inlines = (PrefixInline,)
    actions_list = ("export_rates",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SmsDestination]:
        now = timezone.now()
        latest = Price.objects.base().filter(product=OuterRef("pk"), effective_from__lte=now).newest_first()
        return (
            super()
            .get_queryset(request)
            .annotate(
                base_amount=Subquery(latest.values("amount")[:1]), base_currency=Subquery(latest.values("currency")[:1])
            )
            .prefetch_related("prefixes")
        )

    def get_readonly_fields(self, request: HttpRequest, obj: SmsDestination | None = None) -> tuple[str, ...]:
        # What a destination is stays: its prices and messages are about exactly that.
        return ("country", "mcc", "mnc", "price_history") if obj else ("price_history",)

    def get_inlines(self, request: HttpRequest, obj: SmsDestination | None) -> tuple[type[TabularInline], ...]:
        return self.inlines if obj else ()  # a new one gets the prefixes that are known to be its own

    def save_model(self, request: HttpRequest, obj: SmsDestination, form: Any, change: bool) -> None:
        if change:
            obj.save()
        else:
            create_destinations([obj], {})

    @display(description="Destination", ordering="country__name")
    def destination(self, row: SmsDestination) -> str:
        return f"{row.country.name} {row.operator}".strip() if row.country else "Everywhere else"

    @display(description="MCC / MNC", ordering="mcc")
    def codes(self, row: SmsDestination) -> str:
        return " / ".join(code for code in (row.mcc, row.mnc) if code) or "–"

    @display(description="Prefixes")
    def prefixes_shown(self, row: SmsDestination) -> str:
        known = [str(prefix) for prefix in row.prefixes.all()]
        more = f" and {len(known) - FEW_PREFIXES:,} more" if len(known) > FEW_PREFIXES else ""
        return (" ".join(known[:FEW_PREFIXES]) + more) or "–"

    # Sheets to take home

    def get_urls(self) -> list[URLPattern]:
        export = path("sheet.csv", self.admin_site.admin_view(self.sheet), name="catalog_smsdestination_sheet")
        return [export, *super().get_urls()]

    @action(
        description="Export rates",
        url_path="export-rates",
        icon="download",
        variant=ActionVariant.DEFAULT,
        dialog={
            "title": "Export rates",
            "description": "A CSV that can be edited and imported again.",
            "form_class": LevelForm,
            "form_submit_text": "Export",
        },
    )
    def export_rates(self, request: HttpRequest, form: LevelForm) -> HttpResponse:
        return leave(request, f"{reverse('admin:catalog_smsdestination_sheet')}?{form.query()}")

    def sheet(self, request: HttpRequest) -> StreamingHttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        level = {
            "price_list": _chosen(request, "price_list", PriceList), "customer": _chosen(request, "customer", Customer)
        }  # fmt: skip
        owner = next((f"-{name}-{row.pk}" for name, row in level.items() if row), "")
        name = f"sms-rates{owner}-{timezone.now():%Y-%m-%d}.csv"
        return StreamingHttpResponse(
            _written(sheet_lines(**level)),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def _chosen(request: HttpRequest, name: str, model: Any) -> Any:
    number = request.GET.get(name, "")
    if not number:
        return None
    return get_object_or_404(model, pk=number if number.isascii() and number.isdigit() and len(number) < 19 else 0)


class _Echo:
    """What a CSV writer needs of a file."""

    def write(self, text: str) -> str:
        return text


def _written(lines: Iterator[list[str]]) -> Iterator[str]:
    writer = csv.writer(_Echo(), quoting=csv.QUOTE_ALL)
    return (writer.writerow(line) for line in lines)
