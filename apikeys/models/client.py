"""Client credentials: an id, a secret, and the key that encrypts the secret on its way to us."""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from apikeys.models.key import KNOWN_SCOPES, Mode, Scope, every_scope
from wallets.models import Customer, Wallet

CLIENT_CURRENCY = "GHS"


class ClientCredential(models.Model):
    """One client of the SMSGist contract: which customer, which mode, where test messages go.

    The secret exists only in its holder's hands, here lives its digest. The app secret key must be
    recoverable, because it decrypts every token; it is encrypted at rest.
    """

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="client_credentials")
    wallet = models.ForeignKey(
        Wallet, on_delete=models.PROTECT, related_name="client_credentials", help_text=f"Always in {CLIENT_CURRENCY}."
    )
    name = models.CharField(max_length=100)
    # Names the credential in logs, in the ledger, on messages and to its owner.
    client_id = models.CharField(max_length=32, unique=True, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    pepper_version = models.CharField(max_length=20, editable=False)
    encrypted_app_key = models.TextField(editable=False)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.LIVE)
    test_phone = models.CharField(
        max_length=16, blank=True, help_text="Where SMS go in test mode: + and 8 to 15 digits. Empty: refused."
    )
    test_email = models.EmailField(blank=True, help_text="Where e-mails go in test mode. Empty: refused.")
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope), default=every_scope)
    expires_at = models.DateTimeField(null=True, blank=True)
    allowed_ips = ArrayField(
        models.CharField(max_length=43),
        default=list,
        blank=True,
        help_text="Addresses or networks (CIDR) it may be used from, by commas; empty: anywhere.",
    )
    rate_limit_per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="Requests a minute; empty: no limit."
    )
    last_used_at = models.DateTimeField(null=True, editable=False, help_text="Exact to a minute.")
    rotated_at = models.DateTimeField(null=True, editable=False, help_text="When its secrets were last replaced.")
    revoked_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=80, blank=True, editable=False, help_text="In words: staff:…, user:….")

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(digest__regex=r"^[0-9a-f]{64}$"), name="client_secret_stored_hashed"
            ),
            models.CheckConstraint(
                # What Fernet writes begins with its version, 0x80, and four bytes of time that are still zero.
                condition=models.Q(encrypted_app_key__startswith="gAAAAA"),
                name="client_app_key_stored_encrypted",
            ),
            models.CheckConstraint(
                condition=models.Q(scopes__contained_by=KNOWN_SCOPES),
                name="client_scopes_known",
            ),
            models.CheckConstraint(
                condition=models.Q(rate_limit_per_minute__isnull=True) | models.Q(rate_limit_per_minute__gt=0),
                name="client_rate_limit_positive",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.client_id})"

    @property
    def public_id(self) -> str:
        return self.client_id

    @property
    def status(self) -> str:
        """In one word, for people: active, revoked or expired."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.has_expired(timezone.now()) else "active"

    def has_expired(self, moment: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= moment
