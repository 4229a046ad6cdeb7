"""What is sold, where, through whom, and for how much."""

from catalog.models.country import Country, Operator
from catalog.models.destination import DestinationMap, OperatorPrefix, SmsDestination, SmsPrefix
from catalog.models.notification import NotificationProduct
from catalog.models.number_plan import MonthlyNumberPlan
from catalog.models.offer import Offer, Product, Service
from catalog.models.price import CustomerPricing, MarkupRule, Price, PriceList
from catalog.models.rate_sheet import RateSheet
from catalog.models.smm import SmmService

__all__ = [
    "Country",
    "CustomerPricing",
    "DestinationMap",
    "MarkupRule",
    "MonthlyNumberPlan",
    "NotificationProduct",
    "Offer",
    "Operator",
    "OperatorPrefix",
    "Price",
    "PriceList",
    "Product",
    "RateSheet",
    "Service",
    "SmmService",
    "SmsDestination",
    "SmsPrefix",
]
