import uuid

from django.db import models
from django.db.models.functions import Now

from wallets.models.customer import Customer


class Event(models.Model):
    """The outbox: what happened, written in the same transaction as what it tells.

    `sequence` counts the events of one object from 1, so a receiver can put them in order.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=64, help_text="activation.code_received, wallet.deposited …")
    object_type = models.CharField(max_length=32)
    object_id = models.BigIntegerField()
    sequence = models.IntegerField()
    payload = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())
    erase_after = models.DateTimeField(null=True, help_text="When the payload's personal content is erased.")

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("object_type", "object_id", "sequence"), name="event_sequence_unique"),
        )
        indexes = (
            models.Index(fields=("customer", "id"), name="event_by_customer"),
            models.Index(fields=("erase_after",), condition=models.Q(erase_after__isnull=False), name="event_to_erase"),
        )

    def __str__(self) -> str:
        return f"{self.kind} #{self.object_id}"
