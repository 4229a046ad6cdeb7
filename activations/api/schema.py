"""How activations look in the OpenAPI document."""

from drf_spectacular.utils import OpenApiExample

from activations.api.filters import ActivationFilter
from activations.api.serializers import ActivationShown, SmsShown
from config.api.schema import enveloped, filter_parameters, paged

One = enveloped("ActivationAnswer", ActivationShown())
Many = paged("ActivationList", ActivationShown(many=True))
Sms = enveloped("CheckSmsAnswer", SmsShown())
PARAMETERS = filter_parameters(ActivationFilter)
BUY_EXAMPLE = OpenApiExample("Telegram in the US", {"service": "telegram", "country": "US"}, request_only=True)
