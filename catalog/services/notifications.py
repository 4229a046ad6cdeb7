"""What a notification or an e-mail costs, and writing the products that carry its price."""

from datetime import datetime
from typing import Any

from django.db import transaction

from catalog.models import NotificationProduct, Product
from catalog.models.notification import kind_of
from catalog.services.resolution import Quote, resolve

# "Price is NGN per message": prices in other currencies are converted to it first.
CURRENCY = "NGN"


def quote_notification(
    *, customer_id: int, category: str, at: datetime | None = None
) -> Quote[NotificationProduct] | None:
    """What one WhatsApp notification of `category` costs this customer, in NGN; None where it is not sold.

    Raises NoExchangeRate when a price exists but none can be converted to NGN.
    """
    return _quote(category, customer_id=customer_id, currency=CURRENCY, at=at)


def quote_email(*, customer_id: int, currency: str, at: datetime | None = None) -> Quote[NotificationProduct] | None:
    """What one e-mail to one recipient costs this customer, in `currency`; None where e-mail is not sold.

    Raises NoExchangeRate when a price exists but none can be converted.
    """
    return _quote(NotificationProduct.Category.EMAIL, customer_id=customer_id, currency=currency, at=at)


def _quote(category: str, *, customer_id: int, currency: str, at: datetime | None) -> Quote[NotificationProduct] | None:
    products = list(NotificationProduct.objects.filter(category=category, is_active=True))
    quotes = resolve(products, customer_id=customer_id, currency=currency, at=at)
    return quotes[0] if quotes else None


@transaction.atomic
def create_notification_product(*, category: str, **facts: Any) -> NotificationProduct:
    """Sell notifications of `category`; `facts` are further columns. Repeating it violates its uniqueness.

    E-mail is not given back when it bounces, unless `refund_undelivered` says so.
    """
    product = Product.objects.create(kind=kind_of(category))
    refund = category != NotificationProduct.Category.EMAIL
    return NotificationProduct.objects.create(
        product=product, category=category, **{"refund_undelivered": refund, **facts}
    )
