from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from notifications.models.message import Message


class DeliveryReport(models.Model):
    """What a carrier said of one of its messages. Every report is kept, whatever it changed.

    One that comes before we know its message is parked, and applied once the message appears.
    The same report again only counts up.
    """

    class Effect(models.TextChoices):
        PARKED = "parked", "Parked"  # its message is not known yet
        APPLIED = "applied", "Applied"  # the message climbed
        REPEATED = "repeated", "Nothing new"  # the message was there already
        LATE = "late", "Late"  # the message was further already
        CONTRADICTS = "contradicts", "Contradicts"  # the message had ended otherwise; it moved no money
        UNKNOWN = "unknown", "Unknown word"  # a status nobody knows

    provider_message_id = models.CharField(max_length=255)
    status = models.CharField(max_length=32, help_text="The carrier's own word.")
    error_code = models.CharField(max_length=32, blank=True)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, null=True, blank=True, related_name="reports")
    effect = models.CharField(max_length=12, choices=Effect, default=Effect.PARKED)
    times = models.PositiveIntegerField(default=1, help_text="How often it came.")
    received_at = models.DateTimeField(db_default=Now())
    last_received_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("provider_message_id", "status", "error_code"), name="delivery_report_kept_once"
            ),
            models.CheckConstraint(
                condition=Q(effect="parked") | Q(message__isnull=False), name="delivery_report_matched_has_a_message"
            ),
        )
        indexes = (
            models.Index(fields=("-id",), condition=Q(effect="parked"), name="delivery_report_parked"),
            models.Index(fields=("-id",), condition=Q(effect="contradicts"), name="delivery_report_contradicts"),
        )

    def __str__(self) -> str:
        return f"{self.status} of {self.provider_message_id}"
