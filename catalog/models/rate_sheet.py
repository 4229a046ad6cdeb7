"""A CSV of SMS rates as staff uploaded it: previewed first, imported once, kept with who and when."""

from django.db import models
from django.db.models import Q

from catalog.models.price import PriceList
from wallets.models import Customer


class RateSheet(models.Model):
    """Rates for the base prices, for one price list or for one customer, from a moment on."""

    file_name = models.CharField(max_length=200)
    text = models.TextField(help_text="The CSV, as it was uploaded.")
    price_list = models.ForeignKey(
        PriceList,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: the base prices.",
    )
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        help_text="Number of the one customer it is for.",
    )  # fmt: skip
    effective_from = models.DateTimeField(
        null=True, blank=True, help_text="When its prices begin, UTC; empty: when it is imported."
    )
    uploaded_at = models.DateTimeField(auto_now_add=True)
    uploaded_by = models.CharField(max_length=80, help_text="In words: staff:….")
    fingerprint = models.CharField(max_length=64, blank=True, help_text="Of the preview that staff want imported.")
    wanted_at = models.DateTimeField(null=True, blank=True, help_text="Since when it waits to be imported.")
    wanted_by = models.CharField(max_length=80, blank=True, help_text="In words: staff:….")
    refusal = models.CharField(max_length=200, blank=True, help_text="Why the last try to import it came to nothing.")
    imported_at = models.DateTimeField(null=True, blank=True)
    imported_by = models.CharField(max_length=80, blank=True, help_text="In words: staff:….")
    added = models.PositiveIntegerField(null=True, blank=True, help_text="Rows that brought a new destination.")
    changed = models.PositiveIntegerField(null=True, blank=True, help_text="Rows that changed one.")
    unchanged = models.PositiveIntegerField(null=True, blank=True, help_text="Rows that said what held already.")

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(price_list=None) | Q(customer=None), name="rate_sheet_of_a_list_or_of_a_customer"
            ),
            models.CheckConstraint(
                condition=Q(wanted_at=None) | Q(imported_at=None), name="rate_sheet_imported_waits_no_more"
            ),
        )
        indexes = (models.Index(fields=("wanted_at",), condition=Q(wanted_at__isnull=False), name="rate_sheet_wanted"),)

    def __str__(self) -> str:
        return f"{self.file_name} for {self.level}"

    @property
    def level(self) -> str:
        """Whose prices, in words."""
        if self.customer is not None:
            return f"customer {self.customer}"
        return f"list {self.price_list}" if self.price_list is not None else "the base prices"

    @property
    def is_base(self) -> bool:
        return self.customer_id is None and self.price_list_id is None
