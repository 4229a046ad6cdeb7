import uuid
from datetime import datetime

from django.db import models
from django.db.models import F, Q

from catalog.models import Country, MonthlyNumberPlan
from wallets.models import Customer, Wallet
from wallets.models.ledger import money


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def locked(self) -> "SubscriptionQuerySet":
        """Rows locked for a decision; inserts that refer to them go on."""
        return self.select_for_update(no_key=True, of=("self",))


class Subscription(models.Model):
    """A number kept by the month. Period `n` begins where `n - 1` ended and is charged once.

    Every period's end is counted from the start: `period` months later, on `anchor_day` or the last day of
    a shorter month. No clock and no late scheduler can move it.
    """

    class Status(models.TextChoices):
        REQUESTED = "requested", "Requested"  # paid for; no provider has been called yet
        CALLING = "calling", "Calling the provider"  # a call may be in flight until `call_deadline_at`
        UNKNOWN = "unknown", "Outcome unknown"  # the provider may or may not have given a number
        ACTIVE = "active", "Active"  # the number is theirs and paid for
        GRACE = "grace", "In grace"  # the period is over and not paid: the number is kept until `grace_until`
        EXPIRED = "expired", "Expired"  # final: its period ended and it was not to be renewed
        CANCELED = "canceled", "Canceled"  # final: ended by the customer
        RELEASED = "released", "Released"  # final: not paid by the end of its grace, or taken back by staff
        FAILED = "failed", "Failed"  # final: the provider gave no number, the money was given back

    UNSETTLED = (Status.REQUESTED, Status.CALLING, Status.UNKNOWN)  # no answer of the provider yet
    LISTENING = (Status.ACTIVE, Status.GRACE)  # the number is the customer's
    ENDED = (Status.EXPIRED, Status.CANCELED, Status.RELEASED, Status.FAILED)

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="Our reference at the provider.")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="subscriptions")
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="+")
    credential = models.CharField(max_length=32, blank=True, help_text="Public id of the key that bought it.")
    mode = models.CharField(max_length=8, default="live", help_text="test and dryrun move no money.")
    idempotency_key = models.CharField(max_length=300, null=True, blank=True)  # noqa: DJ001  (unique where present)

    plan = models.ForeignKey(MonthlyNumberPlan, on_delete=models.PROTECT, related_name="subscriptions")
    country = models.ForeignKey(Country, on_delete=models.PROTECT, related_name="subscriptions")
    provider = models.CharField(max_length=32)
    provider_number_id = models.CharField(max_length=64, blank=True, help_text="The provider's id of the number.")
    phone = models.CharField(max_length=16, blank=True, help_text="E.164.")
    price = money(help_text="Of the current period, in the wallet's currency.")
    currency = models.CharField(max_length=3)

    status = models.CharField(max_length=10, choices=Status, default=Status.REQUESTED)
    auto_renew = models.BooleanField(default=False)
    is_canceled = models.BooleanField(default=False, help_text="Ends as canceled with its period.")
    anchor_day = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Day of the month of every renewal, or the last day of a shorter month."
    )
    period = models.PositiveIntegerField(default=1, help_text="Number of the current period, from 1.")
    started_at = models.DateTimeField(null=True, blank=True, help_text="When the number was given.")
    period_started_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="End of the current period.")
    grace_until = models.DateTimeField(null=True, blank=True)

    failure = models.CharField(max_length=64, blank=True, help_text="Why it failed or was not renewed, as a code.")
    needs_staff = models.BooleanField(default=False, help_text="Goes no further by itself: somebody has to look.")
    created_at = models.DateTimeField(auto_now_add=True)
    call_deadline_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    returned_at = models.DateTimeField(null=True, blank=True, help_text="When the provider took the number back.")
    due_at = models.DateTimeField(null=True, blank=True, help_text="When a tick has to look at it again.")
    attempts = models.PositiveIntegerField(default=0, help_text="How often a tick looked since the last change.")

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            # A failed one has given everything back: the same key may be tried again.
            models.UniqueConstraint(
                fields=("customer", "idempotency_key"),
                condition=Q(idempotency_key__isnull=False) & ~Q(status="failed"),
                name="subscription_idempotency_key_unique",
            ),
            models.UniqueConstraint(
                fields=("provider", "phone"),
                condition=Q(status__in=("active", "grace")) & ~Q(provider="sandbox"),
                name="subscription_one_per_number",
            ),
            models.CheckConstraint(condition=Q(price__gt=0), name="subscription_price_above_zero"),
            models.CheckConstraint(condition=Q(period__gte=1), name="subscription_periods_from_one"),
            models.CheckConstraint(
                # A comparison with NULL is not false: each has to be there, too.
                condition=~Q(status__in=("active", "grace"))
                | Q(started_at__isnull=False, anchor_day__isnull=False)
                & Q(period_started_at__isnull=False, expires_at__isnull=False)
                & Q(anchor_day__gte=1, anchor_day__lte=31, period_started_at__gte=F("started_at"))
                & Q(expires_at__gt=F("period_started_at")),
                name="subscription_active_has_a_period",
            ),
            models.CheckConstraint(
                condition=~Q(status="grace") | Q(grace_until__isnull=False, grace_until__gt=F("expires_at")),
                name="subscription_grace_has_an_end",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=("expired", "canceled", "released", "failed")) | Q(auto_renew=False),
                name="subscription_ended_is_not_renewed",
            ),
        )
        indexes = (
            models.Index(fields=("customer", "-id"), name="subscription_by_customer"),
            models.Index(
                fields=("wallet", "expires_at"),
                condition=Q(status__in=("active", "grace"), auto_renew=True),
                name="subscription_outlook",
            ),
            models.Index(
                fields=("due_at", "id"), condition=Q(status__in=("active", "grace")), name="subscription_to_renew"
            ),
            models.Index(
                fields=("due_at",),
                condition=Q(due_at__isnull=False) & ~Q(status__in=("active", "grace")),
                name="subscription_due",
            ),
            models.Index(fields=("phone", "-id"), condition=~Q(phone=""), name="subscription_by_phone"),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.phone or self.country.code}"

    @property
    def moves_money(self) -> bool:
        return self.mode == "live"

    @property
    def has_ended(self) -> bool:
        return self.status in self.ENDED

    @property
    def is_listening(self) -> bool:
        return self.status in self.LISTENING

    @property
    def next_renewal_at(self) -> datetime | None:
        """When it is renewed, or tried again while in grace; None when it is not going to be."""
        if not self.auto_renew or not self.is_listening:
            return None
        return self.due_at if self.status == self.Status.GRACE else self.expires_at

    def reference(self, period: int) -> str:
        """The ledger's reference of a period's charge: what makes it happen once."""
        return f"subscription:{self.pk}:period:{period}"


class SubscriptionPeriod(models.Model):
    """One month of a subscription and what was quoted for it. Its charge has the reference of both numbers."""

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="periods")
    number = models.PositiveIntegerField()
    starts_at = models.DateTimeField(null=True, blank=True, help_text="Empty until the number was given.")
    ends_at = models.DateTimeField(null=True, blank=True)
    price = money(help_text="In the wallet's currency: what was quoted is what was taken.")
    currency = models.CharField(max_length=3)
    cost = money(default=0)
    cost_currency = models.CharField(max_length=3, default="USD")
    charged_at = models.DateTimeField()

    class Meta:
        ordering = ("subscription", "number")
        constraints = (
            models.UniqueConstraint(fields=("subscription", "number"), name="subscription_period_once"),
            models.CheckConstraint(condition=Q(price__gt=0), name="subscription_period_price_above_zero"),
            models.CheckConstraint(
                condition=Q(number=1, starts_at__isnull=True, ends_at__isnull=True)
                | Q(starts_at__isnull=False, ends_at__isnull=False, ends_at__gt=F("starts_at")),
                name="subscription_period_ends_after_it_starts",
            ),
        )

    def __str__(self) -> str:
        return f"period {self.number} of #{self.subscription_id}"

    @property
    def reference(self) -> str:
        return f"subscription:{self.subscription_id}:period:{self.number}"
