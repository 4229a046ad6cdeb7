from django.db import models


class ThrottleWindow(models.Model):
    """How often something happened in one fixed window of time. Written by one atomic statement."""

    bucket = models.CharField(max_length=120, help_text="What is counted, and the window's length in seconds.")
    window_start = models.DateTimeField()
    ends_at = models.DateTimeField(db_index=True)
    hits = models.PositiveBigIntegerField()

    class Meta:
        ordering = ("-id",)
        constraints = (models.UniqueConstraint(fields=("bucket", "window_start"), name="throttle_window_unique"),)

    def __str__(self) -> str:
        return f"{self.bucket}: {self.hits}"
