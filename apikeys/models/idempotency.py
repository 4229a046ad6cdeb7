from django.db import models

from wallets.models import Customer


class IdempotencyKey(models.Model):
    """A client's key for one request, so that repeating the request cannot spend twice.

    The row exists while the request runs and, if something was created, until `expires_at`.
    """

    class State(models.TextChoices):
        RUNNING = "running", "Running"  # until locked_until; then a repeat may run it again
        ANSWERED = "answered", "Answered"  # the stored answer is given to every repeat

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="+")
    route = models.CharField(max_length=100)
    key = models.CharField(max_length=255)
    body_hash = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State)
    # Which run owns the row: a run that was taken over may no longer write its answer.
    run = models.PositiveIntegerField()
    locked_until = models.DateTimeField()
    answer_status = models.PositiveSmallIntegerField(null=True)
    answer_body = models.TextField(blank=True)
    answer_headers = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("customer", "route", "key"), name="idempotency_key_unique"),
            models.CheckConstraint(
                condition=models.Q(state="running") | models.Q(answer_status__isnull=False),
                name="idempotency_answered_has_answer",
            ),
        )

    def __str__(self) -> str:
        return f"{self.route} {self.state}"
