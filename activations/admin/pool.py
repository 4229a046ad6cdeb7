"""The operator's own numbers: taken in one by one or by the thousand, switched on and off, and who has them."""

import re
from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from activations.admin.finding import phone_in
from activations.models import Activation, PoolLease, PoolNumber
from activations.providers.pool import free_numbers
from activations.services.pool_numbers import add_numbers, e164, region_of, set_active
from catalog.models import Country, Operator
from wallets.admin import finding
from wallets.admin.dialogs import Dialog, dialog
from wallets.admin.look import NOTHING, badge, link, moment, page_of
from wallets.admin.pages import ReadOnlyRows, StaffPage

SEPARATORS = re.compile(r"[\n\r,;\t\"]+")
AT_ONCE = 20_000


class PoolNumberForm(forms.ModelForm):
    """One number; its country is read from it."""

    class Meta:
        model = PoolNumber
        fields = ("phone", "operator", "is_active")

    def clean_phone(self) -> str:
        phone = e164(self.cleaned_data["phone"])
        country = Country.objects.filter(code=region_of(phone)).first()
        if country is None:
            raise forms.ValidationError("A whole number with + and country code, such as +12025550123.")
        self.instance.country = country
        return phone

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        operator = cleaned.get("operator")
        country_id = getattr(self.instance, "country_id", None)
        if operator and country_id and operator.country_id != country_id:
            self.add_error("operator", "This operator is of another country.")
        return cleaned


class ManyNumbersDialog(Dialog):
    phones = forms.CharField(
        label="Numbers",
        max_length=500_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 8, "placeholder": "+12025550123\n+447400123456"}),
        help_text="With + and country code; one a line, or by commas. Their countries are read from them.",
    )
    operator = forms.ModelChoiceField(
        Operator.objects.select_related("country"),
        required=False,
        empty_label="Unknown",
        widget=UnfoldAdminSelectWidget,
    )

    def clean_phones(self) -> list[str]:
        phones = [part.strip() for part in SEPARATORS.split(self.cleaned_data["phones"]) if part.strip()]
        if len(phones) > AT_ONCE:
            raise forms.ValidationError(f"At most {AT_ONCE:,} numbers at once.")
        return phones


class StockFilter(DropdownFilter):
    title = "stock"
    parameter_name = "stock"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("free", "Free now"), ("leased", "Leased"), ("quarantine", "In quarantine"), ("off", "Switched off")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        leased = PoolLease.objects.filter(ended_at=None).values("number_id")
        narrowed = {
            "free": lambda: queryset.filter(pk__in=free_numbers().values("pk")),
            "leased": lambda: queryset.filter(pk__in=leased),
            "quarantine": lambda: queryset.filter(free_from__gt=timezone.now()),
            "off": lambda: queryset.filter(is_active=False),
        }
        return narrowed[self.value()]() if self.value() in narrowed else queryset


class LeaseRows(ReadOnlyRows):
    model = PoolLease
    verbose_name_plural = "Leases"
    show_change_link = False
    fields = ("order", "started", "ended")

    def order(self, lease: PoolLease) -> str:
        reference = finding.uuid_in(lease.reference)
        found = Activation.objects.filter(uuid=reference).first() if reference else None
        return link(page_of("activations_activation", found.pk), f"#{found.pk}") if found else lease.reference

    @display(description="Since")
    def started(self, lease: PoolLease) -> str:
        return moment(lease.started_at)

    @display(description="Until")
    def ended(self, lease: PoolLease) -> str:
        return moment(lease.ended_at)


@admin.register(PoolNumber)
class PoolNumberAdmin(StaffPage):
    form = PoolNumberForm
    list_display = ("phone", "shown_country", "operator", "state", "leased_since", "quarantine")
    list_filter = (StockFilter, ("country", RelatedDropdownFilter))
    list_select_related = ("country", "operator__country")
    search_fields = ("phone",)
    search_help_text = "Start of a number"
    sortable_by = ("phone",)
    inlines = (LeaseRows,)
    actions = ("switch_on", "switch_off")
    actions_list = ("add_many",)
    autocomplete_fields = ()

    def search(self, term: str) -> Q:
        whole = phone_in(term)
        return Q(phone=whole) if whole else Q(phone__startswith=term if term.startswith("+") else f"+{term}")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PoolNumber]:
        lease = PoolLease.objects.filter(number=OuterRef("pk"), ended_at=None)
        return super().get_queryset(request).annotate(leased_at=Subquery(lease.values("started_at")[:1]))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("phone", "operator")
        return ("phone", "shown_country", "operator", "is_active", "state", "leased_since", "quarantine")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("phone", "shown_country", "state", "leased_since", "quarantine") if obj else ()

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: PoolNumber, form: forms.ModelForm, change: bool) -> None:
        if change:
            # Only what was edited: a lease that ends meanwhile sets the quarantine.
            obj.save(update_fields=form.changed_data)
        else:
            super().save_model(request, obj, form, change)

    @display(description="Country", ordering="country__name")
    def shown_country(self, number: PoolNumber) -> str:
        return str(number.country)

    def state(self, number: PoolNumber) -> str:
        if number.leased_at:  # type: ignore[attr-defined]
            return badge("Leased", "primary")
        if not number.is_active:
            return badge("Switched off", "danger")
        in_quarantine = number.free_from > timezone.now()
        return badge("In quarantine", "warning") if in_quarantine else badge("Free", "success")

    @display(description="Leased since")
    def leased_since(self, number: PoolNumber) -> str:
        return moment(number.leased_at)  # type: ignore[attr-defined]

    @display(description="In quarantine until")
    def quarantine(self, number: PoolNumber) -> str:
        return moment(number.free_from) if number.free_from > timezone.now() else NOTHING

    def has_take_in_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("activations.add_poolnumber")

    @dialog(
        "Add many", ManyNumbersDialog, submit="Add", permission="take_in", icon="playlist_add", on_list=True,
        explain="All of them, or none: a line that is no number is named. Numbers already here stay as they are.",
    )  # fmt: skip
    def add_many(self, request: HttpRequest, form: ManyNumbersDialog) -> str:
        added = add_numbers(phones=form.cleaned_data["phones"], operator=form.cleaned_data["operator"])
        return f"{added.new} numbers added, {added.known} were here already."

    @admin.action(description="Switch on: lease them", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[PoolNumber]) -> None:
        self._switch(request, queryset, active=True)

    @admin.action(description="Switch off: lease them no more", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[PoolNumber]) -> None:
        self._switch(request, queryset, active=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[PoolNumber], *, active: bool) -> None:
        changed = set_active(ids=queryset.values_list("pk", flat=True), active=active)
        self.message_user(request, f"{changed} numbers switched {'on' if active else 'off'}.")
