from django.db import models
from django.db.models import Q

from notifications.models.channel import Channel


class Route(models.Model):
    """A way for messages to travel that customers choose by name: regular, otp, or a carrier's name.

    Where no row says otherwise `services.routes` knows `regular` and `otp`.
    """

    class Priority(models.IntegerChoices):
        URGENT = 0, "Before all others"  # one-time passwords
        REGULAR = 1, "In its turn"

    channel = models.CharField(max_length=10, choices=Channel, default=Channel.SMS)
    name = models.SlugField(max_length=32, help_text="What API clients send: regular, otp, twilio …")
    provider = models.CharField(
        max_length=32, blank=True, help_text="Who carries it; empty: the sender's own provider."
    )
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.REGULAR)
    refund_undelivered = models.BooleanField(
        default=False, help_text="Give the money back when a sent message is undelivered, or unreported for 72 hours."
    )
    is_active = models.BooleanField(default=True, help_text="Off: refused where a customer asks for it.")

    class Meta:
        ordering = ("channel", "name")
        constraints = (
            models.UniqueConstraint(fields=("channel", "name"), name="route_unique_per_channel"),
            models.CheckConstraint(condition=Q(priority__in=[0, 1]), name="route_priority_known"),
        )

    def __str__(self) -> str:
        return f"{self.get_channel_display()} {self.name}"
