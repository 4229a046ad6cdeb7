from django.db import models
from django.db.models import Q

from notifications.models.channel import Channel
from wallets.models import Customer


class SenderQuerySet(models.QuerySet["Sender"]):
    def usable_by(self, customer_id: int) -> "SenderQuerySet":
        """Approved ones of this customer and of the house, the customer's own first, then the newest."""
        own_first = models.F("customer").asc(nulls_last=True)
        mine = Q(customer=customer_id) | Q(customer=None)
        return self.filter(mine, status=Sender.Status.APPROVED).order_by(own_first, "-id")


class Sender(models.Model):
    """Who a message comes from: a WhatsApp number, a name on an SMS, an e-mail address. Staff approve it."""

    class Status(models.TextChoices):
        REQUESTED = "requested", "Requested"  # by the customer; nothing is sent from it yet
        APPROVED = "approved", "Approved"  # may be sent from
        REJECTED = "rejected", "Rejected"  # final, with a reason; it may be requested anew
        DISABLED = "disabled", "Disabled"  # was approved; may be resumed

    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, null=True, blank=True, related_name="senders",
        help_text="Empty: a house sender, for every customer without one of their own.",
    )  # fmt: skip
    channel = models.CharField(max_length=10, choices=Channel)
    address = models.CharField(max_length=254, help_text="E.164 number, name or e-mail address, by the channel.")
    provider = models.CharField(max_length=32, blank=True, help_text="Who carries it; set when it is approved.")
    status = models.CharField(max_length=10, choices=Status, default=Status.REQUESTED)
    reason = models.CharField(max_length=200, blank=True, help_text="Why it was rejected or disabled.")
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=80, blank=True, help_text="In words: staff:….")

    objects = SenderQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("customer", "channel", "address"),
                condition=~Q(status="rejected"),
                nulls_distinct=False,
                name="sender_unique_per_customer_and_channel",
            ),
            models.CheckConstraint(
                condition=~Q(status="approved") | ~Q(provider=""), name="sender_approved_has_a_provider"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["rejected", "disabled"]) | ~Q(reason=""), name="sender_refused_has_a_reason"
            ),
        )

    def __str__(self) -> str:
        return self.address
