"""Twilio tells of an SMS to one of our numbers.

Source: Twilio's "Receive an inbound message" webhook (a form with MessageSid, From, To, Body and
X-Twilio-Signature) and TwiML, its answer: an empty one sends nothing back.
"""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from activations.providers.twilio import TwilioProvider
from activations.services import receive_text
from config.api import BaseView, StrictFormParser
from notifications.twilio import is_signed

EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


class InboundSms(serializers.Serializer[Any]):
    """What we read of it; Twilio sends some twenty fields more."""

    MessageSid = serializers.CharField(max_length=100)
    To = serializers.CharField(max_length=64)
    From = serializers.CharField(max_length=64, allow_blank=True, default="", trim_whitespace=False)
    Body = serializers.CharField(max_length=4_000, allow_blank=True, default="", trim_whitespace=False)


class TwilioSms(BaseView):
    """Signed by Twilio, or 403. A repeat of the same message is answered alike and changes nothing."""

    parser_classes = (StrictFormParser,)

    @extend_schema(exclude=True)
    def post(self, request: Request) -> HttpResponse:
        form: Any = request.data
        if not is_signed(request.headers.get("X-Twilio-Signature"), request.get_full_path(), dict(form.lists())):
            raise PermissionDenied
        sms = InboundSms(data=form)
        sms.is_valid(raise_exception=True)
        receive_text(
            provider=TwilioProvider.name,
            provider_message_id=sms.validated_data["MessageSid"],
            to=sms.validated_data["To"],
            text=sms.validated_data["Body"],
            sender=sms.validated_data["From"],
        )
        return HttpResponse(EMPTY_TWIML, content_type="text/xml")
