from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property

from catalog.models import NotificationProduct
from notifications.models.channel import Channel
from wallets.models import Customer


class MessageTemplate(models.Model):
    """A customer's template by name and language: what `template_id` means. Its words are in its versions."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="templates")
    name = models.CharField(max_length=100)
    channel = models.CharField(max_length=10, choices=Channel, default=Channel.WHATSAPP)
    language = models.CharField(max_length=10, default="en", help_text="en, en_US, pt_BR …")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("customer", "channel", "name", "language"), name="template_unique_per_customer_and_language"
            ),
            models.CheckConstraint(condition=Q(name__regex=r"^[a-z0-9_]+$"), name="template_name_word"),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.language})"

    @cached_property
    def all_versions(self) -> "list[TemplateVersion]":
        """Newest first; read once."""
        return sorted(self.versions.all(), key=lambda version: -version.number)

    @property
    def latest(self) -> "TemplateVersion":
        return self.all_versions[0]

    @property
    def in_force(self) -> "TemplateVersion | None":
        """The newest version that was ever approved: paused or disabled, it does not fall back to an older one."""
        return next((each for each in self.all_versions if each.status in TemplateVersion.DECIDED_FOR), None)

    @property
    def shown(self) -> "TemplateVersion":
        """What the template is at present: the version in force, else the latest."""
        return self.in_force or self.latest


class TemplateVersion(models.Model):
    """The words of a template, once and for ever: an edit is another version, approved anew.

    `0002_templates.sql` refuses to change the words, and any way round the life cycle.
    """

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"  # the customer's own; nobody has looked at it
        SUBMITTED = "submitted", "Submitted"  # waits for staff, and for the provider where it decides too
        APPROVED = "approved", "Approved"  # may be sent
        REJECTED = "rejected", "Rejected"  # final, with a reason
        PAUSED = "paused", "Paused"  # was approved; may be resumed
        DISABLED = "disabled", "Disabled"  # final: was approved, never again

    DECIDED_FOR = (Status.APPROVED, Status.PAUSED, Status.DISABLED)

    template = models.ForeignKey(MessageTemplate, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField("version")
    category = models.CharField(max_length=16, choices=NotificationProduct.TEMPLATE_CATEGORIES)
    body = models.CharField(max_length=1024, help_text="{{1}}, {{2}} … are replaced by the variables.")
    examples: "models.JSONField[Any, Any]" = models.JSONField(
        default=dict, blank=True, help_text="An example value for each placeholder."
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    reason = models.CharField(max_length=200, blank=True, help_text="Why it was rejected, paused or disabled.")
    provider = models.CharField(max_length=32, blank=True, help_text="Who knows it by the id below.")
    provider_template_id = models.CharField(max_length=64, blank=True, help_text="At Twilio its Content SID, HX….")
    created_at = models.DateTimeField(auto_now_add=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=80, blank=True, help_text="In words: staff:…, provider:….")
    asked_at = models.DateTimeField(null=True, blank=True, help_text="When its provider was last asked about it.")

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("template", "number"), name="template_version_numbered_once"),
            models.CheckConstraint(
                condition=~Q(status__in=["rejected", "paused", "disabled"]) | ~Q(reason=""),
                name="template_refused_has_a_reason",
            ),
        )
        indexes = (
            models.Index(fields=("id",), condition=Q(status="submitted"), name="template_version_queue"),
            models.Index(fields=("asked_at",), condition=~Q(provider_template_id=""), name="template_version_to_ask"),
        )

    def __str__(self) -> str:
        return f"{self.template} v{self.number}"
