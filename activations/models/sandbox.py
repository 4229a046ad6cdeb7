from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class SandboxNumber(models.Model):
    """What the pretend provider remembers: it plays the outside world, in development only."""

    reference = models.CharField(max_length=64, unique=True)
    phone = models.CharField(max_length=16)
    service_name = models.CharField(max_length=100)
    code = models.CharField(max_length=16)
    texts = models.PositiveSmallIntegerField(default=1, help_text="How many SMS will come.")
    texts_delivered = models.PositiveSmallIntegerField(default=0)
    next_text_at = models.DateTimeField(null=True, help_text="Empty when nothing more will come.")
    ordered_at = models.DateTimeField(db_default=Now())
    canceled_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("next_text_at",), condition=Q(next_text_at__isnull=False), name="sandbox_number_due"),
        )

    def __str__(self) -> str:
        return self.phone
