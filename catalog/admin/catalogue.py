"""Staff's view of what is sold. Prices are added, never edited; the history stays."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from import_export.admin import ImportExportModelAdmin
from unfold.admin import ModelAdmin
from unfold.contrib.import_export.forms import ExportForm, ImportForm
from unfold.decorators import action, display

from catalog.cells import QuotedCSV
from catalog.forms import PriceForm
from catalog.models import (
    Country,
    CustomerPricing,
    MarkupRule,
    MonthlyNumberPlan,
    Offer,
    Operator,
    Price,
    PriceList,
    Service,
)
from catalog.resources import OfferResource
from catalog.services.number_plans import save_plan
from catalog.services.offers import save_offer
from catalog.services.prices import set_price
from config.errors import DomainError
from wallets.admin.dialogs import leave
from wallets.admin.look import link, moment, money, page_of, staff

HISTORY_ROWS = 50


class KeptAdmin(ModelAdmin):
    """What orders, prices or the world refer to is switched off, never deleted."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Country)
class CountryAdmin(KeptAdmin):
    """Loaded from ISO 3166; staff switch countries on and off."""

    list_display = ("name", "code", "dial_code", "is_enabled", "operators", "offers")
    list_editable = ("is_enabled",)
    list_filter = ("is_enabled",)
    search_fields = ("name", "code")
    search_help_text = "Name or ISO code"
    readonly_fields = ("code", "alpha3", "name", "dial_code")
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Country]:
        counts = {
            "operators_known": Count("operators", distinct=True),
            "offers_made": Count("offers", distinct=True),
        }
        return super().get_queryset(request).annotate(**counts)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @display(description="Operators")
    def operators(self, country: Any) -> int:
        return int(country.operators_known)

    @display(description="Offers")
    def offers(self, country: Any) -> int:
        return int(country.offers_made)


@admin.register(Operator)
class OperatorAdmin(ModelAdmin):
    list_display = ("name", "country", "mcc", "mnc", "is_active")
    list_filter = ("is_active",)
    list_select_related = ("country",)
    search_fields = ("name", "mcc", "country__name", "country__code")
    search_help_text = "Name, MCC, or country"
    autocomplete_fields = ("country",)


@admin.register(Service)
class ServiceAdmin(KeptAdmin):
    list_display = ("name", "slug", "min_quantity", "max_quantity", "is_active")
    list_filter = ("is_active",)
    search_fields = ("name", "slug")
    search_help_text = "Name, or the word that customers send"
    prepopulated_fields = {"slug": ("name",)}  # noqa: RUF012


class PricedAdmin(KeptAdmin):
    """What carries prices: their history on its page, and a dialog that adds to it."""

    actions_detail = ("add_price",)
    show_full_result_count = False

    @display(description="Base price", ordering="base_amount")
    def base_money(self, product: Any) -> str:
        return money(product.base_amount, product.base_currency or "")

    @display(description="Cost", ordering="cost")
    def cost_money(self, product: Any) -> str:
        return money(product.cost, product.cost_currency)

    @display(description="Prices")
    def price_history(self, product: Any) -> SafeString:
        if product is None or product.product_id is None:
            return SafeString("Save it first, then add its price.")
        return price_history(product.product_id)

    def has_add_price_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("catalog.add_price")

    @action(
        description="Add a price",
        permissions=["add_price"],
        url_path="add-price",
        dialog={
            "title": "Add a price",
            "description": "The prices that were in force stay in the history.",
            "form_class": PriceForm,
            "form_submit_text": "Add",
        },
    )
    def add_price(self, request: HttpRequest, form: PriceForm, object_id: str) -> HttpResponse:
        product = get_object_or_404(self.model, pk=object_id)
        try:
            price = set_price(product=product.pk, actor=staff(request), **form.price())
        except DomainError as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
        else:
            says = f"{price} for {price.level} from {price.effective_from:%Y-%m-%d %H:%M:%S} UTC"
            self.log_change(request, product, f"Price: {says}: {form.cleaned_data['note']}")
            self.message_user(request, f"{product}: {says}.", messages.SUCCESS)
        return leave(request, reverse(f"admin:catalog_{self.opts.model_name}_change", args=[product.pk]))


@admin.register(Offer)
class OfferAdmin(PricedAdmin, ImportExportModelAdmin):
    """Offers, with their price history below; the dialog and the CSV import add prices."""

    resource_classes = (OfferResource,)
    formats = (QuotedCSV,)
    import_form_class = ImportForm
    export_form_class = ExportForm

    list_display = ("__str__", "country", "provider", "base_money", "cost_money", "stock", "ttl_seconds", "is_active")
    list_filter = ("is_active", "provider", "multiple_sms", ("service", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("service", "country")
    search_fields = ("service__name", "service__slug", "country__name", "country__code")
    search_help_text = "Service or country"
    autocomplete_fields = ("service", "country")
    fields = (
        "service", "country", "provider", "cost", "cost_currency", "ttl_seconds", "multiple_sms", "stock",
        "is_active", "price_history",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Offer]:
        return Offer.objects.with_base_price(timezone.now())

    def get_readonly_fields(self, request: HttpRequest, obj: Offer | None = None) -> tuple[str, ...]:
        # What an offer is stays: its prices and orders are about exactly that.
        return ("service", "country", "provider", "price_history") if obj else ("price_history",)

    def save_model(self, request: HttpRequest, obj: Offer, form: Any, change: bool) -> None:
        save_offer(obj)

    # CSV

    def has_import_permission(self, request: HttpRequest) -> bool:
        wanted = ("catalog.add_offer", "catalog.change_offer", "catalog.add_price")
        return request.user.has_perms(wanted)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def process_result(self, result: Any, request: HttpRequest) -> HttpResponse:
        if result.has_errors() or result.has_validation_errors():
            says = "The catalogue changed since the preview and the sheet no longer fits: nothing was imported."
            self.message_user(request, says, messages.ERROR)
            return HttpResponseRedirect(reverse("admin:catalog_offer_import"))
        return super().process_result(result, request)


@admin.register(MonthlyNumberPlan)
class MonthlyNumberPlanAdmin(PricedAdmin):
    """Monthly numbers by country and provider, with their price history. Switched off, they are sold no more."""

    list_display = ("__str__", "country", "provider", "base_money", "cost_money", "is_active")
    list_filter = ("is_active", "provider")
    list_select_related = ("country",)
    search_fields = ("country__name", "country__code", "provider")
    search_help_text = "Country or provider"
    autocomplete_fields = ("country",)
    fields = ("country", "provider", "cost", "cost_currency", "is_active", "price_history")

    def get_queryset(self, request: HttpRequest) -> QuerySet[MonthlyNumberPlan]:
        return MonthlyNumberPlan.objects.with_base_price()

    def get_readonly_fields(self, request: HttpRequest, obj: MonthlyNumberPlan | None = None) -> tuple[str, ...]:
        # What a plan is stays: its prices and subscriptions are about exactly that.
        return ("country", "provider", "price_history") if obj else ("price_history",)

    def save_model(self, request: HttpRequest, obj: MonthlyNumberPlan, form: Any, change: bool) -> None:
        save_plan(obj)


@admin.register(Price)
class PriceAdmin(KeptAdmin):
    """The history of every price, to look at: customers' own ones, lists', and base prices."""

    list_display = ("product", "level", "amount_money", "begins", "note", "actor")
    fields = ("product", "level", "shown_customer", "amount_money", "begins", "note", "actor")
    readonly_fields = ("level", "shown_customer", "amount_money", "begins")
    list_filter = (
        ("customer", admin.EmptyFieldListFilter),
        ("price_list", admin.RelatedOnlyFieldListFilter),
        "currency",
    )
    list_select_related = (
        "product__offer__service", "product__offer__country", "product__smm_service",
        "product__number_plan__country", "product__sms_destination__country", "product__notification", "price_list",
        "customer",
    )  # fmt: skip
    search_fields = ("product__offer__service__slug", "product__offer__country__code", "customer__name", "note")
    search_help_text = "Service, country code, customer, or why"
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Price | None = None) -> bool:
        return False

    @display(description="Customer")
    def shown_customer(self, price: Price) -> str:
        return link(page_of("wallets_customer", price.customer_id), price.customer) if price.customer else "Everybody"

    @display(description="Price")
    def amount_money(self, price: Price) -> str:
        return money(price.amount, price.currency) if price.amount is not None else f"None in {price.currency}"

    @display(description="From", ordering="effective_from")
    def begins(self, price: Price) -> str:
        return moment(price.effective_from)


@admin.register(PriceList)
class PriceListAdmin(KeptAdmin):
    list_display = ("name", "is_default")
    search_fields = ("name",)
    search_help_text = "Name"


@admin.register(CustomerPricing)
class CustomerPricingAdmin(ModelAdmin):
    """Which list a customer is on. Taken off it, the default list holds."""

    list_display = ("customer", "price_list")
    list_filter = ("price_list",)
    list_select_related = ("customer", "price_list")
    search_fields = ("customer__name", "customer__email")
    search_help_text = "Customer"
    raw_id_fields = ("customer",)

    def get_readonly_fields(self, request: HttpRequest, obj: CustomerPricing | None = None) -> tuple[str, ...]:
        return ("customer",) if obj else ()


@admin.register(MarkupRule)
class MarkupRuleAdmin(KeptAdmin):
    """Written once, then only ended."""

    list_display = (
        "price_list", "kind", "service", "country", "provider", "basis", "percent", "fixed", "fixed_currency",
        "effective_from", "effective_until",
    )  # fmt: skip
    list_display_links = ("price_list", "percent")
    list_filter = ("price_list", "basis", ("effective_until", admin.EmptyFieldListFilter))
    list_select_related = ("price_list", "service", "country")
    autocomplete_fields = ("price_list", "service", "country")

    def get_readonly_fields(self, request: HttpRequest, obj: MarkupRule | None = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        return tuple(field.name for field in obj._meta.fields if field.name != "effective_until")


def price_history(product_id: int) -> SafeString:
    """Every price a product of any kind had, has and will have, the newest first."""
    now = timezone.now()
    prices = Price.objects.filter(product=product_id)
    return render_to_string(
        "catalog/price_history.html",
        {
            "headings": ("From (UTC)", "For", "Price", "Why", "By"),
            "prices": prices.select_related("price_list", "customer").newest_first()[:HISTORY_ROWS],
            "holding": {price.pk for price in prices.in_force(now)},
            "now": now,
        },
    )
