import uuid
from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from wallets.models import Customer, Event


class WebhookEndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    def kept(self) -> "WebhookEndpointQuerySet":
        """Those that were not deleted."""
        return self.filter(deleted_at=None)

    def locked(self) -> "WebhookEndpointQuerySet":
        """Rows locked for a decision; events that refer to them go on being written."""
        return self.select_for_update(no_key=True, of=("self",))


class WebhookEndpoint(models.Model):
    """Where a customer wants to be told of events, which ones, and how they are signed.

    Secrets are stored encrypted (config.encryption) and shown once, to whoever made them.
    """

    class Format(models.TextChoices):
        STANDARD = "standard", "Standard Webhooks"  # any event
        SMSGIG = "smsgig", "SMSGig"  # received codes, as SMSGig prints them
        SMSGIST = "smsgist", "SMSGist"  # messages

    class Disabled(models.TextChoices):
        BY_CUSTOMER = "customer", "By the customer"
        BY_STAFF = "staff", "By staff"
        GONE = "gone", "It answered 410 Gone"
        FAILING = "failing", "Nothing but failures for five days"
        UNSIGNED = "unsigned", "The API key that signs is gone"

    # Why an endpoint was disabled by itself: the customer is written to.
    BY_ITSELF = (Disabled.GONE, Disabled.FAILING, Disabled.UNSIGNED)

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="webhook_endpoints")
    url = models.CharField(max_length=2000)
    description = models.CharField(max_length=200, blank=True)
    kinds = ArrayField(models.CharField(max_length=64), default=list, blank=True, help_text="Empty: every event.")
    format = models.CharField(max_length=10, choices=Format, default=Format.STANDARD)
    secret = models.TextField(editable=False, help_text="Encrypted.")
    previous_secret = models.TextField(blank=True, editable=False, help_text="Encrypted; signs too for a while.")
    previous_secret_until = models.DateTimeField(null=True, editable=False)
    signing_key = models.TextField(blank=True, editable=False, help_text="Encrypted: the API key SMSGig signs with.")
    signing_key_prefix = models.CharField(max_length=8, blank=True, editable=False, help_text="Which key that is.")
    is_enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=10, choices=Disabled, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    told_of_disabling_at = models.DateTimeField(
        null=True, editable=False, help_text="When the customer was written to."
    )
    telling_until = models.DateTimeField(null=True, editable=False, help_text="Somebody writes to them until then.")
    failing_since = models.DateTimeField(null=True, blank=True, help_text="Nothing arrived since; empty: it works.")
    deleted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=80, blank=True, help_text="In words: staff:…, key:….")

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(is_enabled=True, disabled_reason="") | (Q(is_enabled=False) & ~Q(disabled_reason="")),
                name="webhook_endpoint_disabled_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(deleted_at=None) | Q(is_enabled=False), name="webhook_endpoint_deleted_is_disabled"
            ),
            models.CheckConstraint(
                condition=~Q(format="smsgig", is_enabled=True) | ~Q(signing_key=""),
                name="webhook_endpoint_smsgig_has_a_key",
            ),
        )
        indexes = (
            # Asked by the database at every event: whom to tell.
            models.Index(fields=("customer",), condition=Q(is_enabled=True), name="webhook_endpoint_listening"),
            models.Index(fields=("signing_key_prefix",), condition=~Q(signing_key=""), name="webhook_endpoint_signing"),
        )

    def __str__(self) -> str:
        return f"webhook endpoint #{self.pk}"

    @property
    def disabled_itself(self) -> bool:
        return self.disabled_reason in self.BY_ITSELF

    @property
    def can_sign(self) -> bool:
        """Whether it has the API key that its format signs with, or needs none."""
        return self.format != self.Format.SMSGIG or self.signing_key != ""

    def has_previous_secret(self, moment: datetime) -> bool:
        """Whether the secret before this one still signs."""
        return self.previous_secret_until is not None and moment < self.previous_secret_until


class WebhookDelivery(models.Model):
    """One event on its way to one endpoint. Written by the database itself, in the event's own transaction."""

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"  # to be sent at `next_attempt_at`, or being sent until then
        SUCCEEDED = "succeeded", "Succeeded"  # answered with 2xx
        FAILED = "failed", "Failed"  # every attempt was in vain
        DISCARDED = "discarded", "Discarded"  # its content was erased, or its endpoint deleted, before it arrived

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+", db_index=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.PositiveIntegerField(default=0, help_text="Counted before the call.")
    tries = models.PositiveIntegerField(default=0, help_text="Of them, since it was last asked for.")
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)
    erase_after = models.DateTimeField(null=True, blank=True, help_text="What receivers answered is erased after this.")

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "webhook deliveries"
        constraints = (
            models.UniqueConstraint(fields=("endpoint", "event"), name="webhook_delivery_once_per_endpoint"),
            models.CheckConstraint(
                condition=Q(status="pending", next_attempt_at__isnull=False, closed_at=None)
                | (~Q(status="pending") & Q(next_attempt_at=None, closed_at__isnull=False)),
                name="webhook_delivery_pending_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(attempts__gte=F("tries")), name="webhook_delivery_tries_within_attempts"
            ),
        )
        indexes = (
            models.Index(fields=("endpoint", "next_attempt_at"), condition=Q(status="pending"), name="webhook_due"),
            models.Index(fields=("endpoint", "-id"), name="webhook_delivery_by_endpoint"),
            models.Index(fields=("endpoint", "id"), condition=Q(status="failed"), name="webhook_delivery_failed"),
            models.Index(fields=("erase_after",), condition=Q(erase_after__isnull=False), name="webhook_to_erase"),
        )

    def __str__(self) -> str:
        return f"webhook delivery #{self.pk}"

    @property
    def message_id(self) -> str:
        """The same at every attempt, replay and endpoint: receivers know a repetition by it."""
        return message_id_of(self.event.uuid)


class WebhookAttempt(models.Model):
    """One call of a receiver, and what it answered. One without an end was cut off; it may have arrived."""

    delivery = models.ForeignKey(
        WebhookDelivery, on_delete=models.CASCADE, related_name="calls", db_index=False
    )  # fmt: skip
    number = models.PositiveIntegerField(help_text="From 1, within its delivery.")
    started_at = models.DateTimeField(db_default=Now())
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    status_code = models.PositiveIntegerField(null=True, blank=True)
    error = models.CharField(max_length=20, blank=True, help_text="In a word, why there is no answer that counts.")
    answer = models.TextField(blank=True, help_text="Its first KiB.")

    class Meta:
        ordering = ("delivery", "number")
        constraints = (models.UniqueConstraint(fields=("delivery", "number"), name="webhook_attempt_number_unique"),)

    def __str__(self) -> str:
        return f"attempt {self.number} of webhook delivery #{self.delivery_id}"

    @property
    def succeeded(self) -> bool:
        return self.error == "" and self.status_code is not None and 200 <= self.status_code < 300


def message_id_of(event: uuid.UUID) -> str:
    return f"msg_{event.hex}"
