"""Templates: the queue of versions that wait for approval, shown as recipients would read them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from notifications.models import TemplateVersion
from notifications.services import approve, disable, hand_to_provider, pause, reject, resume_template, texts
from wallets.admin import finding
from wallets.admin.dialogs import Dialog, ReasonDialog, dialog
from wallets.admin.filters import CustomerFilter
from wallets.admin.look import badge, link, moment, page_of, staff
from wallets.admin.pages import ReadOnlyPage

Status = TemplateVersion.Status
TONES = {
    "draft": "", "submitted": "warning", "approved": "success", "rejected": "danger", "paused": "info", "disabled": "",
}  # fmt: skip
FITTING = {
    "approve_it": {Status.SUBMITTED},
    "reject_it": {Status.SUBMITTED},
    "hand_over": {Status.SUBMITTED, Status.APPROVED, Status.PAUSED},
    "pause_it": {Status.APPROVED},
    "resume_it": {Status.PAUSED},
    "disable_it": {Status.APPROVED, Status.PAUSED},
}


def preview_of(version: TemplateVersion) -> str:
    """What a recipient would read, with the example values; a placeholder without one stays as it is."""
    examples = {name: version.examples.get(name, f"{{{{{name}}}}}") for name in texts.placeholders(version.body)}
    return texts.render(version.body, examples)


class VersionDialog(Dialog):
    model = TemplateVersion

    def about(self) -> list[tuple[str, Any]]:
        row = self.row
        return [
            ("Template", row),
            ("Customer", row.template.customer),
            ("Category", row.get_category_display()),
            ("Reads", preview_of(row)),
        ]


class ApproveDialog(VersionDialog):
    provider_template_id = forms.CharField(
        max_length=64,
        required=False,
        label="Content SID",
        widget=UnfoldAdminTextInputWidget,
        help_text="HX… at Twilio. Without it, it cannot be sent from a Twilio sender.",
    )


class HandOverDialog(VersionDialog):
    provider_template_id = forms.CharField(
        max_length=64,
        label="Content SID",
        widget=UnfoldAdminTextInputWidget,
        help_text="HX… at Twilio: WhatsApp’s own verdict is followed from then on.",
    )


class RefuseDialog(VersionDialog):
    reason = forms.CharField(
        max_length=200, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}), help_text="The customer reads it."
    )


class ResumeDialog(ReasonDialog, VersionDialog):
    pass


class TemplateCustomerFilter(CustomerFilter):
    path = "template__customer_id__in"


@admin.register(TemplateVersion)
class TemplateVersionAdmin(ReadOnlyPage):
    list_display = ("number_of", "shown_status", "category", "shown_customer", "preview", "submitted", "reason")
    list_display_links = ("number_of",)
    list_filter = (("status", ChoicesDropdownFilter), ("category", ChoicesDropdownFilter), TemplateCustomerFilter)
    list_select_related = ("template__customer",)
    search_fields = ("template__name",)
    search_help_text = "Template’s number or name, Content SID, or customer"
    sortable_by = ()
    ordering = ("-id",)
    fieldsets = (
        ("Template", {"fields": ("number_of", "shown_status", "reason", "category", "shown_customer")}),
        ("Reads", {"fields": ("preview", "body", "shown_examples")}),
        ("Provider", {"fields": ("provider", "provider_template_id", "asked")}),
        ("Clock", {"fields": ("created", "submitted", "decided", "decided_by")}),
    )
    actions_detail = ("approve_it", "reject_it", "hand_over", "pause_it", "resume_it", "disable_it")

    def search(self, term: str) -> Q:
        number = finding.number_in(term)
        found = Q(template__name__icontains=term) | Q(provider_template_id=term)
        found |= Q(template__customer_id__in=finding.customer_ids(term))
        return found | Q(template_id=number) if number is not None else found

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        version = self.get_object(request, str(object_id))
        if not isinstance(version, TemplateVersion):
            return []
        offered = super().get_actions_detail(request, object_id)
        prefix = "notifications_templateversion_"
        return [each for each in offered if version.status in FITTING[each.action_name.partition(prefix)[2]]]

    @display(description="Template")
    def number_of(self, row: TemplateVersion) -> str:
        return f"#{row.template_id} {row}"

    @display(description="Status")
    def shown_status(self, row: TemplateVersion) -> str:
        return badge(row.get_status_display(), TONES[row.status])

    @display(description="Customer")
    def shown_customer(self, row: TemplateVersion) -> str:
        return link(page_of("wallets_customer", row.template.customer_id), row.template.customer)

    @display(description="Reads")
    def preview(self, row: TemplateVersion) -> SafeString:
        return format_html('<span style="white-space: pre-wrap">{}</span>', preview_of(row))

    @display(description="Examples")
    def shown_examples(self, row: TemplateVersion) -> str:
        return ", ".join(f"{{{{{name}}}}} = {value}" for name, value in sorted(row.examples.items())) or "none"

    @display(description="Written")
    def created(self, row: TemplateVersion) -> str:
        return moment(row.created_at)

    @display(description="Submitted")
    def submitted(self, row: TemplateVersion) -> str:
        return moment(row.submitted_at)

    @display(description="Decided")
    def decided(self, row: TemplateVersion) -> str:
        return moment(row.decided_at)

    @display(description="Provider last asked")
    def asked(self, row: TemplateVersion) -> str:
        return moment(row.asked_at)

    @dialog(
        "Approve", ApproveDialog, submit="Approve", icon="check", variant=ActionVariant.PRIMARY,
        explain="It may be sent at once, in place of the version before.",
    )  # fmt: skip
    def approve_it(self, request: HttpRequest, form: ApproveDialog, row: TemplateVersion) -> str:
        content = form.cleaned_data["provider_template_id"]
        approve(version=row, actor=staff(request), provider_template_id=content)
        self.log_change(request, row, f"Approved {content}".strip())
        return f"{row} is approved."

    @dialog("Reject", RefuseDialog, submit="Reject", icon="block", variant=ActionVariant.DANGER)
    def reject_it(self, request: HttpRequest, form: RefuseDialog, row: TemplateVersion) -> str:
        reject(version=row, reason=form.cleaned_data["reason"], actor=staff(request))
        self.log_change(request, row, f"Rejected: {form.cleaned_data['reason']}")
        return f"{row} is rejected."

    @dialog("Name it at Twilio", HandOverDialog, submit="Save", icon="link")
    def hand_over(self, request: HttpRequest, form: HandOverDialog, row: TemplateVersion) -> str:
        hand_to_provider(version=row, provider_template_id=form.cleaned_data["provider_template_id"])
        self.log_change(request, row, f"At its provider: {form.cleaned_data['provider_template_id']}")
        return f"{row} is followed at its provider."

    @dialog("Pause", RefuseDialog, submit="Pause", icon="pause", explain="Nothing is sent from it until it is resumed.")
    def pause_it(self, request: HttpRequest, form: RefuseDialog, row: TemplateVersion) -> str:
        pause(version=row, reason=form.cleaned_data["reason"], actor=staff(request))
        self.log_change(request, row, f"Paused: {form.cleaned_data['reason']}")
        return f"{row} is paused."

    @dialog("Resume", ResumeDialog, submit="Resume", icon="play_arrow")
    def resume_it(self, request: HttpRequest, form: ResumeDialog, row: TemplateVersion) -> str:
        resume_template(version=row, actor=staff(request))
        self.log_change(request, row, f"Resumed: {form.cleaned_data['reason']}")
        return f"{row} may be sent again."

    @dialog(
        "Disable", RefuseDialog, submit="Disable", icon="delete_forever", variant=ActionVariant.DANGER,
        explain="For ever: only another version can be sent.",
    )  # fmt: skip
    def disable_it(self, request: HttpRequest, form: RefuseDialog, row: TemplateVersion) -> str:
        disable(version=row, reason=form.cleaned_data["reason"], actor=staff(request))
        self.log_change(request, row, f"Disabled: {form.cleaned_data['reason']}")
        return f"{row} is disabled."
