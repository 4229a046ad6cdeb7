"""Sheets of SMS rates: uploaded, looked at, imported as one batch, and kept."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
)

from catalog.models import RateSheet
from catalog.services.rate_sheets import Plan, plan_of
from catalog.services.sheet_imports import want_import
from catalog.services.sheet_rows import check_sheet
from config.errors import DomainError
from wallets.admin.dialogs import sentence
from wallets.admin.look import badge, moment, staff
from wallets.admin.pages import StaffPage

MOST_BYTES = 10 * 1024 * 1024
SHOWN_LINES = 200
MAY_IMPORT = ("catalog.add_ratesheet", "catalog.change_smsdestination", "catalog.add_price")


class RateSheetForm(forms.ModelForm):
    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget,
        help_text="CSV with the columns country, mcc, mnc, price, currency; also network, prefixes, cost, "
        "cost_currency, active. An export has them all. Nothing is imported yet: you see first what would change.",
    )
    effective_from = forms.SplitDateTimeField(
        required=False, widget=UnfoldAdminSplitDateTimeWidget, help_text="When its prices begin, UTC; empty: at once."
    )

    class Meta:
        model = RateSheet
        fields = ("file", "price_list", "customer", "effective_from")
        widgets = {  # noqa: RUF012
            "price_list": UnfoldAdminSelectWidget, "customer": UnfoldAdminIntegerFieldWidget,
        }  # fmt: skip

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError("A sheet has at most 10 MiB.")
        try:
            self.instance.text = file.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise forms.ValidationError("This is no text in UTF-8. Save it as “CSV UTF-8”.") from None
        if "\0" in self.instance.text:
            raise forms.ValidationError("This is no text.")
        self.instance.file_name = (file.name or "sheet.csv")[-200:]
        return file

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("price_list") and cleaned.get("customer"):
            self.add_error("customer", "Choose a price list or a customer, not both.")
        elif cleaned.get("file"):
            self._check()
        return cleaned

    def _check(self) -> None:
        """What is no sheet at all is said at the upload."""
        try:
            check_sheet(self.instance.text)
        except DomainError as refusal:
            self.add_error("file", refusal.message)


@admin.register(RateSheet)
class RateSheetAdmin(StaffPage):
    """Every sheet that was uploaded: what it would change, or what it changed, when and by whom."""

    list_display = ("file_name", "level", "begins", "state", "uploaded", "uploaded_by")
    list_select_related = ("price_list", "customer")
    list_filter_submit = False
    sortable_by = ()
    actions = None
    form = RateSheetForm
    fields = ("file", "price_list", "customer", "effective_from")
    change_form_outer_before_template = "catalog/rate_sheet.html"

    def get_fields(self, request: HttpRequest, obj: RateSheet | None = None) -> tuple[str, ...]:
        return ("level", "begins", "uploaded", "uploaded_by", "imported", "imported_by") if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: RateSheet | None = None) -> tuple[str, ...]:
        return self.get_fields(request, obj) if obj else ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perms(MAY_IMPORT)

    def has_change_permission(self, request: HttpRequest, obj: RateSheet | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: RateSheet | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: RateSheet, form: Any, change: bool) -> None:
        obj.uploaded_by = staff(request)
        obj.save()

    def response_add(self, request: HttpRequest, obj: RateSheet, post_url_continue: str | None = None) -> HttpResponse:
        return HttpResponseRedirect(_page(obj))

    def get_urls(self) -> list[URLPattern]:
        importing = self.admin_site.admin_view(self.import_view)
        return [path("<int:pk>/import/", importing, name="catalog_ratesheet_import"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        sheet = self.get_object(request, object_id)
        shown = preview(sheet) if isinstance(sheet, RateSheet) else {}
        shown["may_import"] = self.has_add_permission(request)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def import_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Have what the preview showed imported, as one batch."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_add_permission(request):
            raise PermissionDenied
        sheet = get_object_or_404(RateSheet, pk=pk)
        try:
            want_import(sheet=sheet, fingerprint=request.POST.get("fingerprint", ""), actor=staff(request))
        except DomainError as refusal:
            self.message_user(request, sentence(refusal), messages.ERROR)
        else:
            self.log_change(request, sheet, "Confirmed, to be imported.")
        return HttpResponseRedirect(_page(sheet))

    @display(description="For")
    def level(self, sheet: RateSheet) -> str:
        return sheet.level

    @display(description="Prices begin")
    def begins(self, sheet: RateSheet) -> str:
        return moment(sheet.effective_from) if sheet.effective_from else "When it is imported"

    @display(description="State")
    def state(self, sheet: RateSheet) -> str:
        if sheet.imported_at:
            return badge("imported", "success")
        if sheet.wanted_at:
            return badge("being imported", "info")
        return badge("not imported", "danger") if sheet.refusal else badge("uploaded", "warning")

    @display(description="Uploaded")
    def uploaded(self, sheet: RateSheet) -> str:
        return moment(sheet.uploaded_at)

    @display(description="Imported")
    def imported(self, sheet: RateSheet) -> str:
        return moment(sheet.imported_at)


def preview(sheet: RateSheet) -> dict[str, Any]:
    """What the page shows of a sheet: what it did, that it waits, or what it would do now."""
    counts: dict[str, int | None] = {"added": sheet.added, "changed": sheet.changed, "unchanged": sheet.unchanged}
    plan: Plan | None = None
    if sheet.imported_at is None and sheet.wanted_at is None:
        plan = plan_of(sheet)
        counts = {"added": len(plan.new), "changed": len(plan.changed), "unchanged": plan.unchanged}
    return {
        "sheet": sheet, "plan": plan, "counts": counts, "shown_lines": SHOWN_LINES,
        "changes": (counts["added"] or 0) + (counts["changed"] or 0),
        "import_url": reverse("admin:catalog_ratesheet_import", args=[sheet.pk]),
    }  # fmt: skip


def _page(sheet: RateSheet) -> str:
    return reverse("admin:catalog_ratesheet_change", args=[sheet.pk])
