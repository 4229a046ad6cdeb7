from django.db import models
from django.db.models import Q

from notifications.models.channel import Channel
from notifications.models.message import Message
from wallets.models import Customer


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def in_force(self) -> "SuppressionQuerySet":
        return self.filter(lifted_at=None)


class Suppression(models.Model):
    """Somebody who is not to be sent to, and why. Each reason is a row of its own: lifting one leaves the others.

    `address` is as `services.suppressions.normal` writes it.
    """

    class Reason(models.TextChoices):
        BOUNCED = "bounced", "Bounced"  # there is nobody at this address
        COMPLAINED = "complained", "Complained"  # the recipient called a message spam
        OPTED_OUT = "opted_out", "Opted out"  # the recipient said STOP, or unsubscribed
        MANUAL = "manual", "Manual"  # the customer or staff said so

    BY_RECIPIENT = (Reason.COMPLAINED, Reason.OPTED_OUT)

    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, null=True, blank=True, related_name="suppressions",
        help_text="Whose messages are held back; empty: everybody's.",
    )  # fmt: skip
    channel = models.CharField(max_length=10, choices=Channel)
    address = models.CharField(max_length=254, help_text="E.164, or an e-mail address.")
    reason = models.CharField(max_length=10, choices=Reason)
    note = models.CharField(max_length=200, blank=True, help_text="In words, for whoever looks.")
    message = models.ForeignKey(
        Message, on_delete=models.SET_NULL, null=True, blank=True, related_name="suppressions",
        help_text="What the recipient bounced, complained of or unsubscribed from.",
    )  # fmt: skip
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=80, help_text="In words: staff:…, key:…, recipient, provider:….")
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.CharField(max_length=80, blank=True)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("channel", "address", "customer", "reason"),
                condition=Q(lifted_at=None),
                nulls_distinct=False,
                name="suppression_in_force_once",
            ),
            models.CheckConstraint(
                condition=Q(lifted_at=None, lifted_by="") | Q(lifted_at__isnull=False) & ~Q(lifted_by=""),
                name="suppression_lifted_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(channel="email") | Q(address__regex=r"^[^A-Z]+$"), name="suppression_email_lower_case"
            ),
            models.CheckConstraint(
                condition=Q(channel="email") | Q(address__regex=r"^\+[0-9]+$"), name="suppression_number_e164"
            ),
        )
        indexes = (
            models.Index(fields=("customer", "-id"), name="suppression_by_customer"),
            models.Index(fields=("address",), name="suppression_by_address"),
        )

    def __str__(self) -> str:
        return self.address

    @property
    def is_lifted(self) -> bool:
        return self.lifted_at is not None
