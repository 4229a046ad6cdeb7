"""Messages as products: what a WhatsApp notification of a category or an e-mail costs, and when it is given back."""

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from catalog.models.offer import CURRENCY, Product, price_amount


def kind_of(category: str) -> Product.Kind:
    """The kind of product that a message of `category` is."""
    return Product.Kind.EMAIL if category == NotificationProduct.Category.EMAIL else Product.Kind.WHATSAPP


class NotificationProduct(models.Model):
    """One WhatsApp notification of a template's category, or one e-mail; its primary key is its product's.

    Its price is a row of Price, a WhatsApp notification's in NGN by contract. `cost` is what a
    message is expected to cost us, for markup rules over the cost; what the provider took in the
    end is booked message by message.
    """

    class Category(models.TextChoices):
        UTILITY = "utility", "Utility"  # order updates, alerts: something the recipient waits for
        MARKETING = "marketing", "Marketing"  # offers
        AUTHENTICATION = "authentication", "Authentication"  # one-time passwords, sent before all others
        EMAIL = "email", "E-mail"  # not a template's category: one e-mail to one recipient

    # What a WhatsApp template may be: all but the last.
    TEMPLATE_CATEGORIES = Category.choices[:-1]

    product = models.OneToOneField(Product, on_delete=models.PROTECT, primary_key=True, related_name="notification")
    category = models.CharField(max_length=16, choices=Category, unique=True)
    cost = price_amount(default=Decimal(0), validators=[MinValueValidator(0)], help_text="Expected, per message.")
    cost_currency = models.CharField(max_length=3, default="USD", validators=[CURRENCY])
    refund_undelivered = models.BooleanField(
        default=True, help_text="Give the money back when a sent message is undelivered, or unreported for 72 hours."
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ("product",)
        constraints = (
            models.CheckConstraint(condition=Q(cost__gte=0), name="notification_cost_not_negative"),
            models.CheckConstraint(
                condition=Q(cost_currency__regex=r"^[A-Z]{3}$"), name="notification_cost_currency_iso"
            ),
        )

    def __str__(self) -> str:
        if self.category == self.Category.EMAIL:
            return "E-mail"
        return f"WhatsApp {self.get_category_display().lower()}"

    # What pricing must know of a product, whatever its kind (see catalog.services.resolution).

    @property
    def kind(self) -> str:
        return kind_of(self.category)

    @property
    def service_id(self) -> None:
        return None

    @property
    def country_id(self) -> None:
        return None

    @property
    def provider(self) -> str:
        return ""
