from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class SandboxMessage(models.Model):
    """What the pretend provider remembers: it plays the carrier, in development and for test keys."""

    reference = models.CharField(max_length=64, unique=True)
    sid = models.CharField(max_length=64, unique=True)
    asked = models.PositiveSmallIntegerField(default=1, help_text="How often it was asked to send it: once, we hope.")
    to = models.CharField(max_length=254)
    plan: "models.JSONField[Any, Any]" = models.JSONField(help_text="[seconds after acceptance, status, error code] …")
    reported = models.PositiveSmallIntegerField(default=0, help_text="How many of these reports went out.")
    next_report_at = models.DateTimeField(null=True, help_text="Empty when nothing more will come.")
    accepted_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(
                fields=("next_report_at",), condition=Q(next_report_at__isnull=False), name="sandbox_message_due"
            ),
        )

    def __str__(self) -> str:
        return self.sid
