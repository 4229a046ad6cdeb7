from django.db import models
from django.utils import timezone


class ExchangeRate(models.Model):
    """One unit of `base` is worth `rate` units of `quote`, from `effective_at` until the next row."""

    base = models.CharField(max_length=3)
    quote = models.CharField(max_length=3)
    rate = models.DecimalField(max_digits=24, decimal_places=12)
    effective_at = models.DateTimeField(default=timezone.now)
    source = models.CharField(max_length=100, blank=True, help_text="Where the rate was taken from.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-effective_at", "-id")
        constraints = (
            models.CheckConstraint(condition=models.Q(rate__gt=0), name="exchange_rate_positive"),
            models.CheckConstraint(condition=~models.Q(base=models.F("quote")), name="exchange_rate_two_currencies"),
        )
        indexes = (models.Index(fields=("base", "quote", "-effective_at"), name="exchange_rate_current"),)

    def __str__(self) -> str:
        return f"1 {self.base} = {self.rate.normalize():f} {self.quote}"
