"""How notifications look in the OpenAPI document."""

from drf_spectacular.utils import OpenApiExample, inline_serializer
from rest_framework import serializers

from config.api.schema import enveloped, filter_parameters, page_parameters, paged
from notifications.api.filters import MessageFilter
from notifications.api.serializers import (
    MessageDetailed,
    MessageListed,
    MessageShown,
    SenderShown,
    TemplateListed,
    TemplateShown,
)

Queued = inline_serializer("NotificationQueued", {"message": serializers.CharField(), "data": MessageShown()})
One = enveloped("NotificationAnswer", MessageDetailed())
Many = paged("NotificationHistory", MessageListed(many=True))
Template = enveloped("TemplateAnswer", TemplateShown())
Templates = paged("TemplateList", TemplateListed(many=True))
Sender = enveloped("SenderAnswer", SenderShown())
Senders = paged("SenderList", SenderShown(many=True))
Ok = inline_serializer("WebhookAnswer", {"message": serializers.CharField()})
HISTORY_PARAMETERS = filter_parameters(MessageFilter)
PAGE_PARAMETERS = page_parameters()
SEND_EXAMPLE = OpenApiExample(
    "A one-time password",
    {"template_id": 1, "to": "+2348012345678", "variables": {"1": "123456"}},
    request_only=True,
)
