import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from catalog.models import SmmService
from wallets.models import Customer, Transaction, Wallet
from wallets.models.ledger import money

LONGEST_LINK = 500


class SmmOrderQuerySet(models.QuerySet["SmmOrder"]):
    def locked(self) -> "SmmOrderQuerySet":
        """Rows locked for a decision, with what settling one needs; inserts that refer to them go on."""
        return self.select_for_update(no_key=True, of=("self",)).select_related("service", "charge")


class SmmOrder(models.Model):
    """So many followers, views or likes for a link: charged up front, given back as far as nothing came."""

    class Status(models.TextChoices):
        REQUESTED = "requested", "Requested"  # paid for; no provider has been called yet
        CALLING = "calling", "Calling the provider"  # a call may be in flight until `call_deadline_at`
        UNKNOWN = "unknown", "Outcome unknown"  # the provider may or may not have taken the order
        PENDING = "pending", "Pending"  # the provider has taken it and not begun
        IN_PROGRESS = "in_progress", "In progress"  # the provider delivers
        PARTIAL = "partial", "Partial"  # final: what remains is given back
        COMPLETED = "completed", "Completed"  # final: all delivered
        CANCELED = "canceled", "Canceled"  # final: all money given back
        FAILED = "failed", "Failed"  # final: all money given back

    UNSETTLED = (Status.REQUESTED, Status.CALLING, Status.UNKNOWN)  # no answer of the provider yet
    RUNNING = (Status.PENDING, Status.IN_PROGRESS)
    FINAL = (Status.PARTIAL, Status.COMPLETED, Status.CANCELED, Status.FAILED)
    DELIVERED = (Status.PARTIAL, Status.COMPLETED)
    GIVEN_BACK = (Status.CANCELED, Status.FAILED)

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="Our reference at the provider.")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="smm_orders")
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="+")
    credential = models.CharField(max_length=32, blank=True, help_text="Public id of the key that ordered it.")
    mode = models.CharField(max_length=8, default="live", help_text="test and dryrun move no money.")
    idempotency_key = models.CharField(max_length=300, null=True, blank=True)  # noqa: DJ001  (unique where present)

    service = models.ForeignKey(SmmService, on_delete=models.PROTECT, related_name="orders")
    link = models.CharField(max_length=LONGEST_LINK)
    quantity = models.PositiveIntegerField()
    provider = models.CharField(max_length=32)
    provider_order_id = models.CharField(max_length=64, blank=True)

    price = money(help_text="In the wallet's currency: rate × quantity / 1,000.")
    rate_per_thousand = money(help_text="As quoted, in the wallet's currency.")
    currency = models.CharField(max_length=3)
    original_amount = money(null=True, blank=True)
    original_currency = models.CharField(max_length=3, null=True, blank=True)  # noqa: DJ001  (no conversion)
    rate = models.DecimalField("exchange rate", max_digits=24, decimal_places=12, null=True, blank=True)
    cost = money(default=0, help_text="As the provider says; until it does, as its list says.")
    cost_currency = models.CharField(max_length=3, default="USD")
    charge = models.OneToOneField(
        Transaction, on_delete=models.DO_NOTHING, null=True, blank=True, related_name="smm_order", db_constraint=False
    )

    status = models.CharField(max_length=12, choices=Status, default=Status.REQUESTED)
    start_count = models.BigIntegerField(null=True, blank=True, help_text="What the link had before.")
    remains = models.PositiveIntegerField(null=True, blank=True, help_text="Still to deliver; empty: not known.")
    failure = models.CharField(max_length=64, blank=True, help_text="Why it failed, as an error code.")
    needs_staff = models.BooleanField(default=False, help_text="Nobody but a person can find out what became of it.")
    contradiction = models.CharField(
        max_length=100, blank=True, help_text="What the provider said after it was final. It moved no money."
    )
    cancel_asked_at = models.DateTimeField(null=True, blank=True)
    refill_asked_at = models.DateTimeField(null=True, blank=True)
    refill_id = models.CharField(max_length=64, blank=True, help_text="The provider's id of the latest refill.")

    created_at = models.DateTimeField(auto_now_add=True)
    call_deadline_at = models.DateTimeField(null=True, blank=True)
    placed_at = models.DateTimeField(null=True, blank=True, help_text="When the provider had taken it.")
    reported_at = models.DateTimeField(null=True, blank=True, help_text="When the provider was last understood.")
    closed_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True, help_text="When a tick has to look at it again.")
    attempts = models.PositiveIntegerField(default=0, help_text="How often a tick looked in vain.")

    objects = SmmOrderQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        verbose_name = "SMM order"
        constraints = (
            # A failed one has given everything back: the same key may be tried again.
            models.UniqueConstraint(
                fields=("customer", "idempotency_key"),
                condition=Q(idempotency_key__isnull=False) & ~Q(status="failed"),
                name="smm_order_idempotency_key_unique",
            ),
            models.UniqueConstraint(
                fields=("provider", "provider_order_id"),
                condition=~Q(provider_order_id=""),
                name="smm_order_once_at_its_provider",
            ),
            models.CheckConstraint(condition=Q(price__gt=0), name="smm_order_price_above_zero"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="smm_order_quantity_above_zero"),
            models.CheckConstraint(
                condition=Q(remains__isnull=True) | Q(remains__lte=F("quantity")),
                name="smm_order_remains_not_above_quantity",
            ),
            models.CheckConstraint(
                condition=~Q(status="partial") | Q(remains__isnull=False), name="smm_order_partial_knows_what_remains"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=("pending", "in_progress")) | ~Q(provider_order_id=""),
                name="smm_order_running_is_known_to_its_provider",
            ),
        )
        indexes = (
            models.Index(fields=("customer", "-id"), name="smm_order_by_customer"),
            models.Index(fields=("due_at",), condition=Q(due_at__isnull=False), name="smm_order_due"),
            models.Index(fields=("-id",), condition=Q(needs_staff=True), name="smm_order_for_staff"),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.service_id and self.service.name}"

    @property
    def moves_money(self) -> bool:
        return self.mode == "live"

    @property
    def is_final(self) -> bool:
        return self.status in self.FINAL

    @property
    def progress(self) -> int:
        """How much was delivered, in whole percent, rounded down."""
        if self.remains is None:
            return 0
        return (self.quantity - self.remains) * 100 // self.quantity


class SandboxSmmOrder(models.Model):
    """What the pretend provider remembers: it plays the outside world, in development only."""

    reference = models.CharField(max_length=64, unique=True)
    quantity = models.PositiveIntegerField()
    ending = models.CharField(max_length=12, default="completed", help_text="What becomes of it.")
    start_count = models.PositiveIntegerField()
    ordered_at = models.DateTimeField(db_default=Now())
    canceled_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.reference
