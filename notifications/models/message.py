import uuid
from typing import Any

from django.db import models
from django.db.models import F, Q

from catalog.models import Product
from notifications.models.channel import Channel
from notifications.models.sender import Sender
from notifications.models.sending import Chunk
from notifications.models.template import MessageTemplate, TemplateVersion
from wallets.models import Customer, Transaction, Wallet
from wallets.models.ledger import money


class MessageQuerySet(models.QuerySet["Message"]):
    def locked(self) -> "MessageQuerySet":
        """Rows locked for a decision; inserts that refer to them go on."""
        return self.select_for_update(no_key=True, of=("self",))

    def to_dispatch(self) -> "MessageQuerySet":
        """What no provider has accepted yet and none is being asked to."""
        return self.filter(dispatch=Message.Dispatch.WAITING)


class Message(models.Model):
    """One message to one recipient, on any channel: what was sent, what became of it, what it took."""

    class State(models.TextChoices):
        """The canonical ladder: it only climbs (see `services.states`)."""

        SCHEDULED = "scheduled", "Scheduled"  # waits for its time
        ACCEPTED = "accepted", "Accepted"  # ours, paid for or held; no provider has it yet
        QUEUED = "queued", "Queued"  # the provider has it
        SENDING = "sending", "Sending"  # the provider is handing it over
        SENT = "sent", "Sent"  # the carrier has it
        DELIVERED = "delivered", "Delivered"  # final: the recipient has it
        READ = "read", "Read"  # final: the recipient has opened it
        UNDELIVERED = "undelivered", "Undelivered"  # final: the carrier could not deliver it
        FAILED = "failed", "Failed"  # final: it was not sent
        REJECTED = "rejected", "Rejected"  # final: the carrier refused it
        EXPIRED = "expired", "Expired"  # final: no report came in time
        CANCELED = "canceled", "Canceled"  # final: taken back before it was sent

    class Dispatch(models.TextChoices):
        """How far handing it to the provider is."""

        WAITING = "waiting", "Waiting"  # to be handed over at `due_at`
        CALLING = "calling", "Calling the provider"  # a call may be in flight until `call_deadline_at`
        UNKNOWN = "unknown", "Outcome unknown"  # the provider may or may not have it
        DONE = "done", "Done"  # the provider has it, or it is over without

    class Billing(models.TextChoices):
        HELD = "held", "Held"  # its price is set aside in its chunk's hold
        CHARGED = "charged", "Charged"  # its price was taken
        REFUNDED = "refunded", "Refunded"  # and given back
        RELEASED = "released", "Released"  # set aside, never taken, and given back
        FREE = "free", "Free"  # test, dry run, and recipients who are not sent to

    FINAL = (
        State.DELIVERED, State.READ, State.UNDELIVERED, State.FAILED, State.REJECTED, State.EXPIRED, State.CANCELED,
    )  # fmt: skip
    ARRIVED = (State.DELIVERED, State.READ)
    IN_FLIGHT = (Dispatch.WAITING, Dispatch.CALLING)

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="Our reference at the provider.")
    # Proved for all rows of a statement at once by `message_belongs`: a foreign key's trigger runs for each row.
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, related_name="messages", db_constraint=False, db_index=False
    )
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    credential = models.CharField(max_length=32, blank=True, help_text="Public id of the key that sent it.")
    mode = models.CharField(max_length=8, default="live", help_text="test and dryrun move no money.")
    idempotency_key = models.CharField(max_length=300, null=True, blank=True)  # noqa: DJ001  (unique where present)

    chunk = models.ForeignKey(
        Chunk, on_delete=models.PROTECT, null=True, blank=True, related_name="messages",
        help_text="Of the sending it is a part of.",
    )  # fmt: skip
    retry_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="retries", db_index=False,
        help_text="The failed one it was sent again for.",
    )  # fmt: skip

    channel = models.CharField(max_length=10, choices=Channel)
    sender = models.ForeignKey(
        Sender, on_delete=models.PROTECT, null=True, blank=True, related_name="messages", db_constraint=False,
        db_index=False,
    )  # fmt: skip
    template = models.ForeignKey(
        MessageTemplate, on_delete=models.PROTECT, null=True, blank=True, related_name="messages", db_index=False
    )
    version = models.ForeignKey(
        TemplateVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="messages", db_index=False
    )
    to = models.CharField(max_length=254, help_text="E.164, or an e-mail address.")
    redirected_to = models.CharField(max_length=254, blank=True, help_text="Where it went instead, in test mode.")
    destination = models.ForeignKey(
        Product, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_constraint=False, db_index=False,
        help_text="Whose rate it was priced at.",
    )  # fmt: skip
    variables: "models.JSONField[Any, Any]" = models.JSONField(default=dict, blank=True)
    body = models.TextField(blank=True, help_text="As the recipient reads it; empty where its sending has the text.")
    erase_after = models.DateTimeField(help_text="Body and variables are erased after this.")
    erased_at = models.DateTimeField(null=True, blank=True)

    quantity = models.PositiveIntegerField(default=1, help_text="What is priced: messages, or segments of an SMS.")
    price = money(help_text="For all of it, in the wallet's currency: what was quoted is what is taken.")
    tax = money(default=0, help_text="Of the price, tax.")
    currency = models.CharField(max_length=3)
    unit_price = money(help_text="Of one, in the currency of the price list.")
    original_amount = money(null=True, blank=True)
    original_currency = models.CharField(max_length=3, null=True, blank=True)  # noqa: DJ001  (no conversion)
    rate = models.DecimalField(max_digits=24, decimal_places=12, null=True, blank=True)
    refund_undelivered = models.BooleanField(default=True, help_text="The product's policy when it was sold.")
    charge = models.ForeignKey(
        Transaction, on_delete=models.DO_NOTHING, null=True, blank=True, related_name="messages", db_constraint=False,
        db_index=False, help_text="What took its price, with that of others where they were taken together.",
    )  # fmt: skip
    billing = models.CharField(max_length=10, choices=Billing, default=Billing.CHARGED)
    cost = money(null=True, blank=True, help_text="What the provider took; empty until it says so.")
    cost_currency = models.CharField(max_length=3, blank=True)
    is_free_cost_booked = models.BooleanField(
        default=False, db_default=False, help_text="Free, and what it costs us at the provider is in the books."
    )

    provider = models.CharField(max_length=32)
    provider_message_id = models.CharField(
        max_length=255, null=True, blank=True, unique=True, help_text="message_sid; reports name it."
    )  # fmt: skip
    priority = models.PositiveSmallIntegerField(default=1, help_text="0: one-time passwords, before all others.")
    state = models.CharField(max_length=12, choices=State, default=State.ACCEPTED)
    dispatch = models.CharField(max_length=8, choices=Dispatch, default=Dispatch.WAITING)
    failure = models.CharField(max_length=64, blank=True, help_text="Why it failed: our word or the provider's code.")
    needs_staff = models.BooleanField(default=False, help_text="Unresolved for a day: somebody has to ask.")
    is_contradicted = models.BooleanField(default=False, help_text="A report says otherwise than its final state.")

    created_at = models.DateTimeField(auto_now_add=True)
    called_at = models.DateTimeField(null=True, blank=True, help_text="When the provider was last asked to send it.")
    call_deadline_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True, help_text="When the provider took it.")
    sent_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True, help_text="When it became final.")
    opened_at = models.DateTimeField(null=True, blank=True, help_text="E-mail: when it was first opened.")
    opens = models.PositiveIntegerField(default=0, db_default=0, help_text="How often.")
    clicked_at = models.DateTimeField(
        null=True, blank=True, help_text="E-mail: when one of its links was first followed."
    )
    clicks = models.PositiveIntegerField(default=0, db_default=0, help_text="How often.")
    bounced_at = models.DateTimeField(null=True, blank=True, help_text="When its recipient's server sent it back.")
    complained_at = models.DateTimeField(null=True, blank=True, help_text="When its recipient called it spam.")
    due_at = models.DateTimeField(null=True, blank=True, help_text="When a tick has to look at it again.")
    attempts = models.PositiveIntegerField(default=0, help_text="How often a tick looked since the last change.")

    objects = MessageQuerySet.as_manager()

    as_locked: tuple[Any, ...] = ()  # its fields when it was locked (see services.ladder)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("customer", "idempotency_key"),
                condition=Q(idempotency_key__isnull=False),
                name="message_idempotency_key_unique",
            ),
            models.UniqueConstraint(
                fields=("customer", "to"),
                condition=Q(channel="whatsapp", dispatch__in=["waiting", "calling"]),
                name="message_one_in_flight_per_recipient",
            ),
            models.CheckConstraint(condition=Q(price__gte=0), name="message_price_not_negative"),
            models.CheckConstraint(condition=Q(tax__gte=0) & Q(tax__lte=F("price")), name="message_tax_within_price"),
            models.CheckConstraint(
                condition=Q(billing="free") | Q(mode="live"), name="message_outside_live_mode_is_free"
            ),
            models.UniqueConstraint(
                fields=("retry_of",), condition=Q(retry_of__isnull=False), name="message_retried_once"
            ),
        )
        indexes = (
            models.Index(fields=("customer", "-id"), name="message_by_customer"),
            models.Index(fields=("to", "-id"), name="message_by_recipient"),
            models.Index(
                fields=("charge",), condition=Q(charge__isnull=False, chunk__isnull=True), name="message_charged_alone"
            ),
            models.Index(fields=("template",), condition=Q(template__isnull=False), name="message_by_template"),
            models.Index(fields=("version",), condition=Q(version__isnull=False), name="message_by_version"),
            models.Index(
                fields=("provider", "priority", "due_at", "id"),
                condition=Q(dispatch="waiting"),
                name="message_to_hand_over",
            ),
            models.Index(
                fields=("due_at",), condition=Q(due_at__isnull=False) & ~Q(dispatch="waiting"), name="message_due"
            ),
            models.Index(
                fields=("erase_after",), condition=Q(erased_at=None, chunk__isnull=True), name="message_with_text"
            ),
            models.Index(fields=("id",), condition=Q(needs_staff=True), name="message_needs_staff"),
            models.Index(fields=("id",), condition=Q(is_contradicted=True), name="message_contradicted"),
        )

    def __str__(self) -> str:
        return f"message #{self.pk}"

    @property
    def is_final(self) -> bool:
        return self.state in self.FINAL

    @property
    def moves_money(self) -> bool:
        return self.mode == "live"
