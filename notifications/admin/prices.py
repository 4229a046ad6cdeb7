"""What a notification of each category costs: its price history, adding a price, the refund policy."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextInputWidget

from catalog.forms import PriceForm
from catalog.models import NotificationProduct, Price
from catalog.models.offer import CURRENCY
from catalog.services.notifications import create_notification_product
from catalog.services.prices import set_price
from wallets.admin.dialogs import Dialog, dialog
from wallets.admin.look import NOTHING, money, staff
from wallets.admin.pages import StaffPage

HISTORY_ROWS = 50


class NotificationPriceDialog(PriceForm, Dialog):
    model = NotificationProduct
    currency = forms.CharField(
        initial="NGN",
        validators=[CURRENCY],
        widget=UnfoldAdminTextInputWidget,
        help_text="Prices are shown and charged in NGN; another currency is converted to it.",
    )


@admin.register(NotificationProduct)
class NotificationProductAdmin(StaffPage):
    list_display = ("__str__", "base_money", "cost_money", "refund_undelivered", "is_active")
    fields = ("category", "cost", "cost_currency", "refund_undelivered", "is_active", "price_history")
    sortable_by = ()
    actions = None
    actions_detail = ("add_price",)

    def get_readonly_fields(self, request: HttpRequest, obj: NotificationProduct | None = None) -> tuple[str, ...]:
        return ("category", "price_history") if obj else ("price_history",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_add_price_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("catalog.add_price")

    def save_model(self, request: HttpRequest, obj: NotificationProduct, form: Any, change: bool) -> None:
        if change:
            obj.save()
            return
        made = create_notification_product(**{name: form.cleaned_data[name] for name in form.cleaned_data})
        obj.product = made.product
        obj.pk = made.pk

    @display(description="Base price")
    def base_money(self, row: NotificationProduct) -> str:
        latest = Price.objects.base().filter(product=row.pk, effective_from__lte=timezone.now()).newest_first().first()
        return money(latest.amount, latest.currency) if latest else NOTHING

    @display(description="Expected cost")
    def cost_money(self, row: NotificationProduct) -> str:
        return money(row.cost, row.cost_currency)

    @display(description="Prices")
    def price_history(self, row: NotificationProduct | None) -> SafeString:
        if row is None or row.pk is None:
            return SafeString("Save it first, then add its price.")
        prices = Price.objects.filter(product=row.pk)
        now = timezone.now()
        return render_to_string(
            "catalog/price_history.html",
            {
                "headings": ("From (UTC)", "For", "Price", "Why", "By"),
                "prices": prices.select_related("price_list", "customer").newest_first()[:HISTORY_ROWS],
                "holding": {price.pk for price in prices.in_force(now)},
                "now": now,
            },
        )

    @dialog(
        "Add a price", NotificationPriceDialog, submit="Add", icon="add", variant=ActionVariant.PRIMARY,
        permission="add_price", explain="The prices that were in force stay in the history.",
    )  # fmt: skip
    def add_price(self, request: HttpRequest, form: NotificationPriceDialog, row: NotificationProduct) -> str:
        price = set_price(product=row.pk, actor=staff(request), **form.price())
        says = f"{price} for {price.level} from {price.effective_from:%Y-%m-%d %H:%M:%S} UTC"
        self.log_change(request, row, f"Price: {says}: {form.cleaned_data['note']}")
        return f"{row}: {says}."
