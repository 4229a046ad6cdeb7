import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from activations.models.activation import Activation


class InboundMessage(models.Model):
    """An SMS that arrived at one of our numbers, once, whatever it belongs to."""

    class State(models.TextChoices):
        MATCHED = "matched", "Matched"  # the activation was listening
        EXTRA = "extra", "Extra"  # its activation had its one SMS already
        LATE = "late", "Late"  # its activation was over: a case for staff
        UNMATCHED = "unmatched", "Unmatched"  # nobody had this number

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    provider = models.CharField(max_length=32)
    provider_message_id = models.CharField(max_length=100, help_text="The provider's id; repeats are dropped by it.")
    to = models.CharField(max_length=16, help_text="Our number, E.164.")
    sender = models.CharField(max_length=32, blank=True)
    text = models.TextField(blank=True)
    code = models.CharField(max_length=32, blank=True)
    activation = models.ForeignKey(Activation, on_delete=models.PROTECT, null=True, blank=True, related_name="messages")
    state = models.CharField(max_length=10, choices=State)
    received_at = models.DateTimeField(db_default=Now())
    erase_after = models.DateTimeField(help_text="When sender, text and code are erased.")
    erased_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True, help_text="When staff closed the late case.")
    resolution = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("provider", "provider_message_id"), name="inbound_message_once"),
        )
        indexes = (
            models.Index(fields=("activation", "id"), name="inbound_by_activation"),
            models.Index(fields=("to", "-id"), name="inbound_by_number"),
            models.Index(fields=("erase_after",), condition=Q(erased_at__isnull=True), name="inbound_to_erase"),
            models.Index(
                fields=("-id",), condition=Q(state="late", resolved_at__isnull=True), name="inbound_late_cases"
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} to {self.to}"

    @property
    def is_shown(self) -> bool:
        """Is it the customer's? Extra and late ones are staff's alone."""
        return self.state == self.State.MATCHED
