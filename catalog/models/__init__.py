"""What is sold, where, through whom, and for how much."""

from catalog.models.country import Country, Operator
from catalog.models.notification import NotificationProduct
from catalog.models.offer import Offer, Product, Service
from catalog.models.price import CustomerPricing, MarkupRule, Price, PriceList

__all__ = [
    "Country",
    "CustomerPricing",
    "MarkupRule",
    "NotificationProduct",
    "Offer",
    "Operator",
    "Price",
    "PriceList",
    "Product",
    "Service",
]
