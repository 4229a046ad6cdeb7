import math
import uuid
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property

from catalog.models import Country, Offer, Service
from wallets.models import Customer, Hold, Transaction, Wallet
from wallets.models.ledger import money

if TYPE_CHECKING:
    from activations.models.message import InboundMessage


class ActivationQuerySet(models.QuerySet["Activation"]):
    def locked(self) -> "ActivationQuerySet":
        """Rows locked for a decision; inserts that refer to them go on."""
        return self.select_for_update(no_key=True, of=("self",))

    def open(self) -> "ActivationQuerySet":
        return self.filter(status__in=Activation.OPEN)


class Activation(models.Model):
    """A number rented for minutes to receive one service's code."""

    class Status(models.TextChoices):
        REQUESTED = "requested", "Requested"  # paid for or held; no provider has been called yet
        CALLING = "calling", "Calling the provider"  # a call may be in flight until `call_deadline_at`
        UNKNOWN = "unknown", "Outcome unknown"  # the provider may or may not have given a number
        WAITING = "waiting", "Waiting for the SMS"  # a number is ours, nothing came yet
        RECEIVED = "received", "SMS received"  # earned; more may come where the offer allows it
        CLOSING = "closing", "Giving the number back"  # asking the provider a last time, then final
        FINISHED = "finished", "Finished"  # final: earned and over
        CANCELED = "canceled", "Canceled"  # final: given back, the money too
        EXPIRED = "expired", "Expired"  # final: its time passed without an SMS, the money given back
        FAILED = "failed", "Failed"  # final: the provider gave no number, the money given back

    class Settlement(models.TextChoices):
        ON_DELIVERY = "on_delivery", "On delivery"  # held, captured with the first SMS
        UPFRONT = "upfront", "Up front"  # charged at once, refunded if nothing comes

    OPEN = (Status.REQUESTED, Status.CALLING, Status.UNKNOWN, Status.WAITING, Status.RECEIVED, Status.CLOSING)
    UNSETTLED = (Status.REQUESTED, Status.CALLING, Status.UNKNOWN)  # no answer of the provider yet
    EARNED = (Status.RECEIVED, Status.FINISHED)
    GIVEN_BACK = (Status.CANCELED, Status.EXPIRED, Status.FAILED)
    LISTENING = (Status.WAITING, Status.RECEIVED, Status.CLOSING)

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="Our reference at the provider.")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="activations")
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="+")
    credential = models.CharField(max_length=32, blank=True, help_text="Public id of the key that bought it.")
    mode = models.CharField(max_length=8, default="live", help_text="test and dryrun move no money.")
    idempotency_key = models.CharField(max_length=300, null=True, blank=True)  # noqa: DJ001  (unique where present)

    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="activations")
    country = models.ForeignKey(Country, on_delete=models.PROTECT, related_name="activations")
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="activations")
    provider = models.CharField(max_length=32)
    provider_number_id = models.CharField(max_length=64, blank=True, help_text="The provider's id of the number.")
    area_code = models.CharField(max_length=8, blank=True, help_text="A preference, not a filter.")
    carrier = models.CharField(max_length=64, blank=True, help_text="A preference, not a filter.")

    settlement = models.CharField(max_length=12, choices=Settlement, default=Settlement.ON_DELIVERY)
    price = money(help_text="In the wallet's currency: what was quoted is what is taken.")
    currency = models.CharField(max_length=3)
    original_amount = money(null=True, blank=True)
    original_currency = models.CharField(max_length=3, null=True, blank=True)  # noqa: DJ001  (no conversion)
    rate = models.DecimalField(max_digits=24, decimal_places=12, null=True, blank=True)
    cost = money(default=0)
    cost_currency = models.CharField(max_length=3, default="USD")
    hold = models.OneToOneField(Hold, on_delete=models.PROTECT, null=True, blank=True, related_name="activation")
    charge = models.OneToOneField(
        Transaction, on_delete=models.DO_NOTHING, null=True, blank=True, related_name="activation", db_constraint=False
    )

    status = models.CharField(max_length=10, choices=Status, default=Status.REQUESTED)
    closing_as = models.CharField(max_length=10, blank=True, help_text="What a closing one becomes.")
    failure = models.CharField(max_length=64, blank=True, help_text="Why it failed, as an error code.")
    needs_staff = models.BooleanField(default=False, help_text="Unresolved for a day: somebody has to ask.")
    phone = models.CharField(max_length=16, blank=True, help_text="E.164.")
    code = models.CharField(max_length=32, blank=True, help_text="Of the first SMS.")
    ttl_seconds = models.PositiveIntegerField()
    multiple_sms = models.BooleanField(default=False)

    created_at = models.DateTimeField(auto_now_add=True)
    call_deadline_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True, help_text="When the number was given.")
    expires_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(null=True, blank=True, help_text="When the first SMS came.")
    closed_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True, help_text="When a tick has to look at it again.")
    attempts = models.PositiveIntegerField(default=0, help_text="How often a tick looked since the last change.")

    objects = ActivationQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            # A failed one has given everything back: the same key may be tried again.
            models.UniqueConstraint(
                fields=("customer", "idempotency_key"),
                condition=Q(idempotency_key__isnull=False) & ~Q(status="failed"),
                name="activation_idempotency_key_unique",
            ),
            models.CheckConstraint(condition=Q(price__gte=0), name="activation_price_not_negative"),
            models.CheckConstraint(
                condition=~Q(status="waiting") | Q(expires_at__isnull=False), name="activation_waiting_has_a_deadline"
            ),
        )
        indexes = (
            models.Index(fields=("customer", "-id"), name="activation_by_customer"),
            models.Index(fields=("due_at",), condition=Q(due_at__isnull=False), name="activation_due"),
            models.Index(fields=("phone", "-id"), condition=~Q(phone=""), name="activation_by_phone"),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.service_id and self.service.name}"

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN

    @property
    def moves_money(self) -> bool:
        return self.mode == "live"

    @cached_property
    def shown_messages(self) -> "list[InboundMessage]":
        """The SMS that it was rented for, oldest first; read once."""
        if self.status not in self.EARNED:
            return []  # one that came since this row was read is told with the next: never a text without its code
        return sorted((message for message in self.messages.all() if message.is_shown), key=lambda message: message.pk)

    def seconds_left(self, now: datetime) -> int:
        """Seconds in which an SMS can still come, begun ones whole; 0 when there is no number or no time."""
        return max(0, math.ceil((self.expires_at - now).total_seconds())) if self.expires_at else 0
