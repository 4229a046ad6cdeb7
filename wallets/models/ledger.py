"""The books. `0002_ledger.sql` keeps them: every column marked "by the database" is its own.

Nothing here is written but by `wallets.services`; the triggers refuse whoever tries.
"""

from datetime import datetime
from decimal import Decimal

from django.db import models
from django.db.models.functions import Now

from wallets.models.customer import Customer

MONEY_DIGITS = 20
MONEY_PLACES = 6


def money(**options: object) -> "models.DecimalField[Decimal, Decimal]":
    """A column of money: below 10^14, 6 places."""
    return models.DecimalField(max_digits=MONEY_DIGITS, decimal_places=MONEY_PLACES, **options)  # type: ignore[arg-type]


class Account(models.Model):
    """A line in the books, in one currency. House accounts are made on demand."""

    class Type(models.TextChoices):
        ASSET = "asset", "Asset"  # what we have: cash
        LIABILITY = "liability", "Liability"  # what we owe: every wallet, every payable
        REVENUE = "revenue", "Revenue"  # what we earned
        EXPENSE = "expense", "Expense"  # what we spent

    code = models.CharField(max_length=64, help_text="For example revenue:activations or wallet:<customer uuid>.")
    type = models.CharField(max_length=10, choices=Type)
    currency = models.CharField(max_length=3)
    is_wallet = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("code", "currency")
        constraints = (
            models.UniqueConstraint(fields=("code", "currency"), name="account_code_unique_per_currency"),
            models.CheckConstraint(condition=models.Q(currency__regex=r"^[A-Z]{3}$"), name="account_currency_iso"),
            models.CheckConstraint(
                condition=models.Q(is_wallet=False) | models.Q(type="liability"), name="account_wallet_is_liability"
            ),
        )

    def __str__(self) -> str:
        return f"{self.code} {self.currency}"


class Wallet(models.Model):
    """A customer's prepaid money in one currency; its primary key is its account's."""

    account = models.OneToOneField(Account, on_delete=models.PROTECT, primary_key=True, related_name="wallet")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="wallets")
    currency = models.CharField(max_length=3)
    is_default = models.BooleanField(default=False, help_text="The wallet a new key is bound to.")
    credit_limit = money(default=Decimal(0), help_text="How far below zero the customer may spend.")
    created_at = models.DateTimeField(auto_now_add=True)

    # By the database, never by Python:
    balance = money(default=Decimal(0), editable=False)
    held = money(default=Decimal(0), editable=False)
    debt = money(default=Decimal(0), editable=False)
    last_seq = models.BigIntegerField(default=0, editable=False)
    last_posted_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ("customer", "currency")
        constraints = (
            models.UniqueConstraint(fields=("customer", "currency"), name="wallet_one_per_currency"),
            models.UniqueConstraint(
                fields=("customer",), condition=models.Q(is_default=True), name="wallet_one_default_per_customer"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    balance__gte=models.F("held") - models.F("credit_limit") - models.F("debt"),
                ),
                name="wallet_available_not_negative",
            ),
            models.CheckConstraint(condition=models.Q(held__gte=0), name="wallet_held_not_negative"),
            models.CheckConstraint(condition=models.Q(debt__gte=0), name="wallet_debt_not_negative"),
            models.CheckConstraint(condition=models.Q(credit_limit__gte=0), name="wallet_credit_limit_not_negative"),
        )

    def __str__(self) -> str:
        return f"{self.customer} {self.currency}"

    @property
    def available(self) -> Decimal:
        """What can be spent now: balance − held + credit limit. Below zero only by a chargeback."""
        return self.balance - self.held + self.credit_limit


class TransactionQuerySet(models.QuerySet["Transaction"]):
    def statement(self, wallet_id: int) -> "TransactionQuerySet":
        """One wallet's movements, newest first, in one index range."""
        return self.filter(wallet_id=wallet_id).order_by("-wallet_seq")

    def of_type(self, word: str | None) -> "TransactionQuerySet":
        """Only `purchase` (what went out), `refund` (what was given back) or `deposit` (what else came in)."""
        came_back = models.Q(reverses__isnull=False)
        chosen = {
            None: models.Q(),
            "purchase": models.Q(wallet_delta__lt=0),
            "refund": models.Q(came_back, wallet_delta__gt=0),
            "deposit": models.Q(~came_back, wallet_delta__gt=0),
        }
        return self.filter(chosen[word])

    def balance_as_of(self, wallet_id: int, moment: datetime) -> Decimal:
        """What the wallet held in all at `moment`: one index look-up, however long its history."""
        last = self.filter(wallet_id=wallet_id, posted_at__lte=moment).order_by("-posted_at", "-wallet_seq")
        return last.values_list("balance_after", flat=True).first() or Decimal(0)


class Transaction(models.Model):
    """`amount` moved from account `debit` to account `credit`, once and for ever.

    One row is a whole double entry, so unbalanced books have no representation. Debit lowers
    and credit raises a wallet. Rows are never changed or deleted: a refund is a new row.
    """

    debit = models.ForeignKey(Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    credit = models.ForeignKey(Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    amount = money()
    currency = models.CharField(max_length=3)
    kind = models.CharField(max_length=32, help_text="sms_purchase, deposit, sms_refund …")
    reference = models.CharField(max_length=120, unique=True, help_text="The business cause: activation:91:capture.")
    description = models.CharField(max_length=200, blank=True)
    journal = models.CharField(max_length=120, blank=True, help_text="Groups rows that belong together.")
    hold = models.ForeignKey(
        "Hold", models.DO_NOTHING, null=True, blank=True, related_name="captures", db_constraint=False, db_index=False
    )
    reverses = models.ForeignKey(
        "self", models.DO_NOTHING, null=True, blank=True, related_name="refunds", db_constraint=False, db_index=False
    )
    original_amount = money(null=True, blank=True)
    original_currency = models.CharField(max_length=3, null=True, blank=True)  # noqa: DJ001  (no conversion)
    rate = models.DecimalField(max_digits=24, decimal_places=12, null=True, blank=True)
    actor = models.CharField(max_length=80, blank=True, help_text="In words: staff:…, key:sgk_ab12, task:renewals.")
    credential = models.CharField(max_length=32, blank=True, help_text="Public id of the key that spent.")

    # By the database, whatever is sent:
    posted_at = models.DateTimeField(db_default=Now(), editable=False)
    wallet = models.ForeignKey(
        Wallet, models.DO_NOTHING, null=True, db_default=None, editable=False,
        related_name="transactions", db_constraint=False, db_index=False,
    )  # fmt: skip
    wallet_seq = models.BigIntegerField(null=True, db_default=None, editable=False)
    wallet_delta = money(null=True, db_default=None, editable=False)
    balance_after = money(null=True, db_default=None, editable=False)

    objects = TransactionQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="transaction_amount_positive"),
            models.CheckConstraint(
                condition=~models.Q(debit=models.F("credit")), name="transaction_between_two_accounts"
            ),
            models.UniqueConstraint(fields=("wallet", "wallet_seq"), name="transaction_wallet_seq_unique"),
        )
        indexes = (
            models.Index(fields=("debit", "id"), name="transaction_debit"),
            models.Index(fields=("credit", "id"), name="transaction_credit"),
            models.Index(fields=("wallet", "posted_at", "wallet_seq"), name="transaction_as_of"),
            models.Index(fields=("hold",), condition=models.Q(hold__isnull=False), name="transaction_hold"),
            models.Index(fields=("reverses",), condition=models.Q(reverses__isnull=False), name="transaction_reverses"),
            models.Index(fields=("journal",), condition=~models.Q(journal=""), name="transaction_journal"),
        )

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.currency} ({self.reference})"


class Entry(models.Model):
    """One side of a transaction, signed: debit above zero, credit below (a view)."""

    id = models.BigIntegerField(primary_key=True)
    transaction = models.ForeignKey(Transaction, models.DO_NOTHING, related_name="entries")
    account = models.ForeignKey(Account, models.DO_NOTHING, related_name="entries")
    amount = money()
    currency = models.CharField(max_length=3)
    kind = models.CharField(max_length=32)
    posted_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "wallets_entry"
        ordering = ("-transaction_id",)
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.currency}"


class AccountTotal(models.Model):
    """The roll-up: the signed sum of an account's entries of all writers up to a horizon."""

    account = models.OneToOneField(Account, models.CASCADE, primary_key=True, related_name="total")
    amount = models.DecimalField(max_digits=30, decimal_places=MONEY_PLACES, default=Decimal(0))
    entries = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("account",)

    def __str__(self) -> str:
        return f"{self.account_id}: {self.amount}"
