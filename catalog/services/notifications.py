"""What a notification costs, and writing the products that carry its price."""

from datetime import datetime
from typing import Any

from django.db import transaction

from catalog.models import NotificationProduct, Product
from catalog.services.resolution import Quote, resolve

# "Price is NGN per message": prices in other currencies are converted to it first.
CURRENCY = "NGN"


def quote_notification(
    *, customer_id: int, category: str, at: datetime | None = None
) -> Quote[NotificationProduct] | None:
    """What one WhatsApp notification of `category` costs this customer, in NGN; None where it is not sold.

    Raises NoExchangeRate when a price exists but none can be converted to NGN.
    """
    product = NotificationProduct.objects.filter(category=category, is_active=True)
    quotes = resolve(list(product), customer_id=customer_id, currency=CURRENCY, at=at)
    return quotes[0] if quotes else None


@transaction.atomic
def create_notification_product(*, category: str, **facts: Any) -> NotificationProduct:
    """Sell notifications of `category`; `facts` are further columns. Repeating it violates its uniqueness."""
    product = Product.objects.create(kind=Product.Kind.WHATSAPP)
    return NotificationProduct.objects.create(product=product, category=category, **facts)
