from django.db import models


class ProviderPace(models.Model):
    """How many messages a provider was handed in the current second, over all processes (see `services.pace`)."""

    provider = models.CharField(max_length=32, primary_key=True)
    second = models.DateTimeField()
    used = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("provider",)

    def __str__(self) -> str:
        return f"{self.provider}: {self.used}"
