"""API passwords: a username and a secret for contracts that know no keys. Here lives the secret's digest."""

from django.db import models
from django.db.models import Q

from apikeys.models.key import Mode
from wallets.models import Customer, Wallet


class ApiPassword(models.Model):
    """One username and password for programs: which customer, which wallet, which mode. Not a person's login."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="api_passwords")
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="api_passwords")
    # Never given to somebody else, because it names the spender in the ledger.
    username = models.CharField(max_length=32, unique=True, help_text="Letters, digits and . _ @ -; 3 to 32.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    pepper_version = models.CharField(max_length=20, editable=False)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.LIVE)
    last_used_at = models.DateTimeField(null=True, editable=False, help_text="Exact to a minute.")
    rotated_at = models.DateTimeField(null=True, editable=False, help_text="When the password was last replaced.")
    revoked_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=80, blank=True, editable=False, help_text="In words: staff:…, user:….")

    class Meta:
        ordering = ("-id",)
        verbose_name = "API password"
        constraints = (
            models.CheckConstraint(condition=Q(digest__regex=r"^[0-9a-f]{64}$"), name="api_password_stored_hashed"),
            models.CheckConstraint(
                condition=Q(username__regex=r"^[A-Za-z0-9][A-Za-z0-9._@-]{2,31}$"), name="api_password_username_plain"
            ),
        )

    def __str__(self) -> str:
        return self.username

    @property
    def public_id(self) -> str:
        return self.username

    @property
    def status(self) -> str:
        """In one word, for people: active or revoked."""
        return "active" if self.revoked_at is None else "revoked"
