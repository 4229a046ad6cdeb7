"""How sendings and their messages look in the OpenAPI document."""

from drf_spectacular.utils import OpenApiExample, inline_serializer
from rest_framework import serializers

from config.api.schema import enveloped, filter_parameters, page_parameters, paged
from notifications.api.sendings.filters import RecipientFilter, SendingFilter
from notifications.api.sendings.serializers import (
    CalculationShown,
    CountsShown,
    RecipientDetailed,
    RecipientShown,
    RouteShown,
    SendingDetailed,
    SendingShown,
)

Accepted = inline_serializer(
    "MessagesAccepted",
    {"message": serializers.CharField(), "data": RecipientShown(many=True), "sending": SendingShown()},
)
Made = inline_serializer("SendingAccepted", {"message": serializers.CharField(), "data": SendingShown()})
One = inline_serializer("SendingAnswer", {"data": SendingDetailed(), "counts": CountsShown()})
Many = paged("SendingList", SendingShown(many=True))
Message = enveloped("SentMessageAnswer", RecipientDetailed())
Messages = paged("SentMessageList", RecipientShown(many=True))
Routes = enveloped("RouteList", RouteShown(many=True))
Calculated = enveloped("CalculationAnswer", CalculationShown())
SENDING_PARAMETERS = filter_parameters(SendingFilter)
MESSAGE_PARAMETERS = filter_parameters(RecipientFilter)
PAGE_PARAMETERS = page_parameters()
SMS_EXAMPLE = OpenApiExample(
    "An SMS", {"to": "+4520123456", "text": "Your parcel is here.", "sender": "INFO"}, request_only=True
)
EMAIL_EXAMPLE = OpenApiExample(
    "An e-mail",
    {"channel": "email", "to": "ann@example.com", "subject": "Your parcel", "body": "It is here."},
    request_only=True,
)
SENDING_EXAMPLE = OpenApiExample(
    "An SMS to many, tomorrow",
    {"recipients": ["+4520123456", "+254722987654"], "text": "We open.", "scheduled_at": "2027-01-04T08:00:00Z"},
    request_only=True,
)
CALCULATE_EXAMPLE = OpenApiExample(
    "What it would take", {"recipients": ["+4520123456", "+254722987654"], "text": "We open."}, request_only=True
)
