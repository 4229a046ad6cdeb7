from django.db import models


class Tick(models.Model):
    """A periodic job's heartbeat: when it was last asked for through the queue, and when it answered.

    It lives here because every app above may have ticks.
    """

    name = models.CharField(max_length=100, primary_key=True)
    enqueued_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    duration_seconds = models.FloatField(null=True)
    error = models.CharField(max_length=200, blank=True, help_text="Class of the last run's error, if it failed.")

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
