"""How monthly numbers look in the OpenAPI document."""

from drf_spectacular.utils import OpenApiExample, inline_serializer
from rest_framework import serializers

from activations.api.number_filters import SubscriptionFilter
from activations.api.number_serializers import (
    ComingShown,
    IncomingShown,
    OutlookMeta,
    StockedShown,
    SubscriptionShown,
)
from config.api.schema import enveloped, filter_parameters, page_parameters, paged

Inventory = enveloped("MonthlyNumberInventory", StockedShown(many=True))
One = enveloped("SubscriptionAnswer", SubscriptionShown())
Many = paged("SubscriptionList", SubscriptionShown(many=True))
Incoming = paged("SubscriptionMessages", IncomingShown(many=True))
Renewals = inline_serializer("RenewalOutlook", {"data": ComingShown(many=True), "meta": OutlookMeta()})
Told = inline_serializer("AutoRenewAnswer", {"message": serializers.CharField()})
Sent = inline_serializer(
    "SubscriptionMessageSent",
    {"message": serializers.CharField()},
)
OUTGOING_EXAMPLE = OpenApiExample("An SMS", {"to": "+1234567890", "message": "Hello"}, request_only=True)
PARAMETERS = filter_parameters(SubscriptionFilter)
PAGES = page_parameters()
PURCHASE_EXAMPLE = OpenApiExample("A number in the US", {"country": "US", "auto_renew": True}, request_only=True)
