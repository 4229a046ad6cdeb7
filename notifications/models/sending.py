import uuid

from django.db import models
from django.db.models import F, Q

from notifications.models.channel import Channel
from notifications.models.sender import Sender
from wallets.models import Customer, Hold, Wallet
from wallets.models.ledger import money


class SendingQuerySet(models.QuerySet["Sending"]):
    def locked(self) -> "SendingQuerySet":
        """Rows locked for a decision; inserts that refer to them go on."""
        return self.select_for_update(no_key=True, of=("self",))

    def being_canceled(self) -> "SendingQuerySet":
        """What is to be taken back, and is not all taken back yet."""
        return self.filter(canceling_since__isnull=False)


class Sending(models.Model):
    """One text to one or many recipients, by SMS or e-mail. Each recipient is a Message of its own.

    Its money is held chunk by chunk (see Chunk). Its status follows from its chunks' counters.
    """

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"  # a word of SMSGIC's reference: nothing here makes one
        PENDING = "pending", "Pending"  # scheduled, or none of it handed to a provider yet
        PROCESSING = "processing", "Processing"  # some of it handed over, some not yet
        SENT = "sent", "Sent"  # all of it handed over; reports are awaited
        COMPLETED = "completed", "Completed"  # every recipient is final, at least one was reached
        FAILED = "failed", "Failed"  # every recipient is final, none was reached
        CANCELED = "canceled", "Canceled"  # taken back before any of it was handed over

    FINAL = (Status.COMPLETED, Status.FAILED, Status.CANCELED)

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="sendings")
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="+")
    credential = models.CharField(max_length=32, blank=True, help_text="Public id of the credential that sent it.")
    mode = models.CharField(max_length=8, default="live", help_text="test and dryrun move no money.")
    idempotency_key = models.CharField(max_length=300, null=True, blank=True)  # noqa: DJ001  (unique where present)
    retry_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="retries")

    channel = models.CharField(max_length=10, choices=Channel)
    route = models.CharField(max_length=32, default="regular", help_text="As the customer asked.")
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, null=True, blank=True, related_name="sendings")
    from_number = models.CharField(max_length=32, blank=True, help_text="Instead of a sender: a number they rent.")
    text = models.TextField(blank=True, help_text="The SMS, or the body of the e-mail.")
    subject = models.CharField(max_length=998, blank=True)
    from_name = models.CharField(max_length=128, blank=True)
    reply_to = models.CharField(max_length=254, blank=True)
    no_tracking = models.BooleanField(default=False, help_text="E-mail: no open and click tracking.")
    erase_after = models.DateTimeField(help_text="Text and subject are erased after this.")
    erased_at = models.DateTimeField(null=True, blank=True)

    scheduled_at = models.DateTimeField(help_text="When it begins to go out.")
    status = models.CharField(max_length=12, choices=Status, default=Status.PENDING)
    recipients = models.PositiveIntegerField(help_text="How many messages it is.")
    segments = models.PositiveIntegerField(help_text="Of one SMS; 0 for an e-mail.")
    price = money(help_text="For all of it, in the wallet's currency, tax included: what was quoted.")
    tax = money(default=0, help_text="Of it, tax.")
    currency = models.CharField(max_length=3)
    unit_price = money(help_text="Of one segment, or one e-mail, to the first recipient, in the wallet's currency.")

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    sent_at = models.DateTimeField(null=True, blank=True, help_text="When the first of it was handed over.")
    closed_at = models.DateTimeField(null=True, blank=True, help_text="When the last recipient became final.")
    canceling_since = models.DateTimeField(
        null=True, blank=True, help_text="Nothing more of it is handed over; what waits is being canceled."
    )

    objects = SendingQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("customer", "idempotency_key"),
                condition=Q(idempotency_key__isnull=False),
                name="sending_idempotency_key_unique",
            ),
            models.CheckConstraint(condition=Q(price__gte=F("tax")) & Q(tax__gte=0), name="sending_tax_within_price"),
            models.CheckConstraint(condition=Q(channel__in=["sms", "email"]), name="sending_by_sms_or_email"),
        )
        indexes = (
            models.Index(fields=("customer", "-id"), name="sending_by_customer"),
            models.Index(fields=("credential", "-id"), name="sending_by_credential"),
            models.Index(fields=("erase_after",), condition=Q(erased_at=None), name="sending_to_erase"),
            models.Index(
                fields=("canceling_since",), condition=Q(canceling_since__isnull=False), name="sending_to_cancel"
            ),
        )

    def __str__(self) -> str:
        return f"sending #{self.pk}"

    @property
    def is_final(self) -> bool:
        return self.status in self.FINAL

    @property
    def moves_money(self) -> bool:
        return self.mode == "live"

    @property
    def comes_from(self) -> str:
        return self.sender.address if self.sender else self.from_number

    @property
    def total_segments(self) -> int:
        return self.segments * self.recipients


class ChunkQuerySet(models.QuerySet["Chunk"]):
    def locked(self) -> "ChunkQuerySet":
        """Chunks locked in id order: before their messages, their holds and their wallet, everywhere."""
        return self.select_for_update(no_key=True, of=("self",)).order_by("id")


class Chunk(models.Model):
    """Some recipients of a sending whose money is held, captured and given back together.

    Whoever changes a message of a chunk locks the chunk first, and sets `settle_at`; the settling tick
    then brings the chunk's money and counters to where its messages are.
    """

    sending = models.ForeignKey(Sending, on_delete=models.PROTECT, related_name="chunks")
    number = models.PositiveIntegerField(help_text="From 1, within its sending.")
    hold = models.OneToOneField(
        Hold, on_delete=models.PROTECT, null=True, blank=True, related_name="chunk",
        help_text="Empty where nothing is to be paid.",
    )  # fmt: skip
    settle_at = models.DateTimeField(null=True, blank=True, help_text="Its messages have moved; empty: settled.")
    settlements = models.PositiveIntegerField(default=0, help_text="How often it was settled; names the movements.")
    recipients = models.PositiveIntegerField()
    handed = models.PositiveIntegerField(default=0, help_text="Of these, handed to the provider, or over without.")
    reached = models.PositiveIntegerField(default=0, help_text="Delivered or read.")
    failed = models.PositiveIntegerField(default=0, help_text="Final without being reached.")

    objects = ChunkQuerySet.as_manager()

    class Meta:
        ordering = ("sending", "number")
        constraints = (
            models.UniqueConstraint(fields=("sending", "number"), name="chunk_number_unique"),
            models.CheckConstraint(
                condition=Q(recipients__gte=F("handed")) & Q(handed__gte=F("reached") + F("failed")),
                name="chunk_counts_within_its_recipients",
            ),
        )
        indexes = (models.Index(fields=("settle_at",), condition=Q(settle_at__isnull=False), name="chunk_to_settle"),)

    def __str__(self) -> str:
        return f"chunk {self.number} of sending #{self.sending_id}"
