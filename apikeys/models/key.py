"""API keys. The plain key exists only in its holder's hands; here lives its digest."""

import uuid
from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from wallets.models import Customer, SpendCap, Wallet


class Mode(models.TextChoices):
    """What a credential's orders are."""

    LIVE = "live", "Live"  # real, and paid for
    TEST = "test", "Test"  # sent to the test addresses, moves no money
    DRYRUN = "dryrun", "Dry run"  # simulated throughout, moves no money


class Scope(models.TextChoices):
    """What a credential may do."""

    READ = "read", "Read"  # balances, prices, lists
    ACTIVATIONS = "activations", "Activations"  # buy and cancel activations
    MESSAGES = "messages", "Messages"  # send SMS, e-mail and WhatsApp
    ORDERS = "orders", "Orders"  # place SMM orders
    NUMBERS = "numbers", "Numbers"  # buy and renew monthly numbers
    WEBHOOKS = "webhooks", "Webhooks"  # say where events are told


KNOWN_SCOPES = ["read", "activations", "messages", "orders", "numbers", "webhooks"]


def every_scope() -> list[str]:
    return list(Scope.values)


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def with_caps(self) -> "ApiKeyQuerySet":
        """Adds `daily_spend_cap` and `monthly_spend_cap`, None where there is none."""
        caps = SpendCap.objects.filter(credential=models.OuterRef("key_prefix"))
        return self.annotate(
            daily_spend_cap=models.Subquery(caps.values("daily")),
            monthly_spend_cap=models.Subquery(caps.values("monthly")),
        )

    def owned_by(self, user_id: int) -> "ApiKeyQuerySet":
        """The keys a dashboard user may manage: those of the customers this user owns."""
        return self.filter(
            customer__memberships__user_id=user_id,
            customer__memberships__role="owner",
            customer__status__in=(Customer.Status.ACTIVE, Customer.Status.SUSPENDED),
        )


class ApiKey(models.Model):
    """One key: which customer, which wallet, which mode, which scopes."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="api_keys")
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=100)
    # Unique, because it names the key in logs, in the ledger and to its owner.
    key_prefix = models.CharField(max_length=8, unique=True, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    pepper_version = models.CharField(max_length=20, editable=False)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.LIVE)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope), default=every_scope)
    expires_at = models.DateTimeField(null=True, blank=True)
    is_generated = models.BooleanField(
        default=False, editable=False, help_text="Made by the customer over plainsms, and replaced there."
    )
    allowed_ips = ArrayField(
        models.CharField(max_length=43),
        default=list,
        blank=True,
        help_text="Addresses or networks (CIDR) the key may be used from, by commas; empty: anywhere.",
    )
    rate_limit_per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="Requests a minute; empty: no limit."
    )
    signing_copy = models.TextField(
        blank=True, editable=False, help_text="Encrypted: the key itself, to sign SMSGig webhooks; empty: not kept."
    )
    last_used_at = models.DateTimeField(null=True, editable=False, help_text="Exact to a minute.")
    revoked_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=80, blank=True, editable=False, help_text="In words: staff:…, user:….")

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        verbose_name = "API key"
        constraints = (
            models.CheckConstraint(condition=models.Q(digest__regex=r"^[0-9a-f]{64}$"), name="api_key_stored_hashed"),
            models.CheckConstraint(
                condition=models.Q(scopes__contained_by=KNOWN_SCOPES),
                name="api_key_scopes_known",
            ),
            models.CheckConstraint(
                condition=models.Q(rate_limit_per_minute__isnull=True) | models.Q(rate_limit_per_minute__gt=0),
                name="api_key_rate_limit_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(revoked_at__isnull=True) | models.Q(signing_copy=""),
                name="api_key_revoked_keeps_no_copy",
            ),
            models.UniqueConstraint(
                fields=("customer",),
                condition=models.Q(is_generated=True, revoked_at=None),
                name="api_key_one_generated_per_customer",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.key_prefix}…)"

    @property
    def public_id(self) -> str:
        return self.key_prefix

    @property
    def status(self) -> str:
        """In one word, for people: active, revoked or expired."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.has_expired(timezone.now()) else "active"

    @property
    def signs_webhooks(self) -> bool:
        """Whether it keeps the copy that signs SMSGig webhooks."""
        return self.signing_copy != ""

    def has_expired(self, moment: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= moment
