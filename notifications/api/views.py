"""Notifications, templates and senders in the native contract."""

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.api.base import KeyView, idempotent, scoped
from apikeys.models import Scope
from config.api import BaseView, NewestFirst, filtered
from notifications import services
from notifications.api import schema
from notifications.api.filters import MessageFilter
from notifications.api.serializers import (
    MessageDetailed,
    MessageListed,
    MessageShown,
    SenderInput,
    SenderShown,
    SendInput,
    StatusInput,
    TemplateInput,
    TemplateListed,
    TemplateShown,
    VersionInput,
)
from notifications.models import Channel, Message, MessageTemplate, Sender
from notifications.twilio import is_signed

NOTIFICATIONS = ["WhatsApp notifications"]
TEMPLATES = ["Templates"]
SENDERS = ["Senders"]

QUEUED = "WhatsApp notification queued successfully."
REFUSED = "WhatsApp notification could not be delivered. Nothing was charged."


class Send(KeyView):
    scope = Scope.MESSAGES

    @extend_schema(
        tags=NOTIFICATIONS,
        summary="Send a WhatsApp notification",
        request=SendInput,
        responses={201: schema.Queued, 202: schema.Queued},
        examples=[schema.SEND_EXAMPLE],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        key = f"native:{self.idempotency_key}" if self.idempotency_key else None
        wanted = SendInput(data=request.data).notification()
        return answer(services.send(buyer=self.credential.buyer, wanted=wanted, idempotency_key=key))


def answer(message: Message) -> Response:
    """201; or 202 while the provider has not answered, with a null `message_sid`."""
    pending = message.provider_message_id is None and not message.is_final
    told = REFUSED if message.state in {Message.State.REJECTED, Message.State.FAILED} else QUEUED
    return Response({"message": told, "data": MessageShown(message).data}, status=202 if pending else 201)


class Messages(KeyView):
    @extend_schema(
        tags=NOTIFICATIONS,
        summary="List WhatsApp notifications",
        parameters=schema.HISTORY_PARAMETERS,
        responses={200: schema.Many},
    )
    def get(self, request: Request) -> Response:
        return NewestFirst.respond(request, filtered(MessageFilter, request, mine(self)), MessageListed)


class MessageDetail(KeyView):
    @extend_schema(tags=NOTIFICATIONS, summary="Show a WhatsApp notification", responses={200: schema.One})
    def get(self, request: Request, message_id: str) -> Response:
        found = get_object_or_404(mine(self).select_related("version"), pk=message_id)
        return Response({"data": MessageDetailed(found).data})


def mine(view: KeyView) -> "QuerySet[Message]":
    """The customer's own; everybody else's do not exist."""
    return Message.objects.filter(customer_id=view.credential.customer_id, channel=Channel.WHATSAPP)


class TemplatesView(KeyView):
    def mine(self) -> "QuerySet[MessageTemplate]":
        rows = MessageTemplate.objects.filter(customer_id=self.credential.customer_id)
        return rows.prefetch_related("versions")

    def one(self, template_id: str | int) -> MessageTemplate:
        return get_object_or_404(self.mine(), pk=template_id)

    def shown(self, template_id: str | int, *, status: int = 200) -> Response:
        """As it is now, read anew."""
        return Response({"data": TemplateShown(self.one(template_id)).data}, status=status)


class Templates(TemplatesView):
    @extend_schema(
        tags=TEMPLATES,
        summary="List templates",
        parameters=schema.PAGE_PARAMETERS,
        responses={200: schema.Templates},
    )
    def get(self, request: Request) -> Response:
        return NewestFirst.respond(request, self.mine(), TemplateListed)

    @extend_schema(tags=TEMPLATES, summary="Create a template", request=TemplateInput, responses={201: schema.Template})
    @scoped(Scope.MESSAGES)
    def post(self, request: Request) -> Response:
        words = TemplateInput(data=request.data).words()
        made = services.create_template(customer_id=self.credential.customer_id, **words)
        return self.shown(made.pk, status=201)


class TemplateDetail(TemplatesView):
    @extend_schema(tags=TEMPLATES, summary="Show a template", responses={200: schema.Template})
    def get(self, request: Request, template_id: str) -> Response:
        return self.shown(template_id)


class TemplateVersions(TemplatesView):
    @extend_schema(
        tags=TEMPLATES,
        summary="Edit a template: a new version",
        request=VersionInput,
        responses={201: schema.Template},
    )
    @scoped(Scope.MESSAGES)
    def post(self, request: Request, template_id: str) -> Response:
        template = self.one(template_id)
        services.add_version(template=template, **VersionInput(data=request.data).words())
        return self.shown(template_id, status=201)


class SubmitTemplate(TemplatesView):
    @extend_schema(
        tags=TEMPLATES, summary="Submit the latest version for approval", request=None, responses={200: schema.Template}
    )
    @scoped(Scope.MESSAGES)
    def post(self, request: Request, template_id: str) -> Response:
        services.submit(template=self.one(template_id))
        return self.shown(template_id)


class Senders(KeyView):
    @extend_schema(
        tags=SENDERS, summary="List senders", parameters=schema.PAGE_PARAMETERS, responses={200: schema.Senders}
    )
    def get(self, request: Request) -> Response:
        house = Q(customer=None, status=Sender.Status.APPROVED)
        rows = Sender.objects.filter(Q(customer_id=self.credential.customer_id) | house)
        return NewestFirst.respond(request, rows, SenderShown)

    @extend_schema(tags=SENDERS, summary="Request a sender", request=SenderInput, responses={201: schema.Sender})
    @scoped(Scope.MESSAGES)
    def post(self, request: Request) -> Response:
        asked = SenderInput(data=request.data)
        asked.is_valid(raise_exception=True)
        made = services.request_sender(customer_id=self.credential.customer_id, **asked.validated_data)
        return Response({"data": SenderShown(made).data}, status=201)


class WhatsAppStatus(BaseView):
    """Twilio's callback. Only what Twilio signed is looked at; what it says is kept, whatever it is about."""

    authentication_classes = ()

    @extend_schema(
        tags=NOTIFICATIONS, summary="Status callback of the carrier", request=StatusInput, responses={200: schema.Ok}
    )
    def post(self, request: Request) -> Response:
        fields = request.data if isinstance(request.data, QueryDict) else QueryDict()
        signature = request.headers.get("X-Twilio-Signature")
        if not fields or not is_signed(signature, request.get_full_path(), dict(fields.lists())):
            raise PermissionDenied("The signature is missing or wrong.")
        report = StatusInput(data=fields.dict())
        report.is_valid(raise_exception=True)
        said = report.validated_data
        services.receive_report(
            sid=said["MessageSid"],
            status=said["MessageStatus"],
            error_code=said["ErrorCode"],
            reference=request.query_params.get("message", ""),
        )
        return Response({"message": "ok"})
