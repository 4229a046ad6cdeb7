"""SMS and e-mail in the native contract: messages, and sendings to many."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.api.base import KeyView, idempotent, scoped
from apikeys.models import Scope
from config.api import NewestFirst, filtered
from notifications import services
from notifications.api.sendings import schema
from notifications.api.sendings.filters import RecipientFilter, SendingFilter
from notifications.api.sendings.serializers import (
    CalculateInput,
    CountsShown,
    RecipientDetailed,
    RecipientShown,
    RouteShown,
    SendingDetailed,
    SendingInput,
    SendingShown,
    shown_calculation,
)
from notifications.models import Channel, Message, Route, Sending
from notifications.services.routes import offered

MESSAGES = ["Messages"]
SENDINGS = ["Sendings"]

MADE = "Sending accepted."
SENT = "Message accepted."
# How many messages the answer to a request that made them shows; the rest is listed.
SHOWN = 100


class SendingsView(KeyView):
    def mine(self) -> "QuerySet[Sending]":
        """The customer's own; everybody else's do not exist."""
        return Sending.objects.filter(customer_id=self.credential.customer_id).select_related("sender")

    def one(self, sending_id: str) -> Sending:
        return get_object_or_404(self.mine(), pk=sending_id)

    def messages(self) -> "QuerySet[Message]":
        """Those by SMS and e-mail."""
        rows = Message.objects.filter(customer_id=self.credential.customer_id, chunk__isnull=False)
        return rows.select_related("chunk")

    def make(self, request: Request) -> Sending:
        redirects: dict[str, str] = {Channel.SMS: self.credential.test_phone, Channel.EMAIL: self.credential.test_email}
        wanted = SendingInput(data=request.data).wanted(redirects if self.credential.mode == "test" else {})
        return services.create_sending(buyer=self.credential.buyer, wanted=wanted, idempotency_key=self.order_key)

    @property
    def order_key(self) -> str | None:
        """The client's key as the sending keeps it: on another route the same key is another request."""
        return f"native:{type(self).__name__}:{self.idempotency_key}" if self.idempotency_key else None

    def accepted(self, sending: Sending) -> Response:
        """The first messages just made, for `data` holds what this route's ids name; beside them their sending."""
        rows = Message.objects.filter(chunk__sending=sending).select_related("chunk").order_by("id")[:SHOWN]
        answer: dict[str, Any] = {"message": SENT, "data": RecipientShown(rows, many=True).data}
        return Response(answer | {"sending": SendingShown(sending).data}, status=201)


class Messages(SendingsView):
    @extend_schema(
        tags=MESSAGES,
        summary="Send an SMS or e-mail",
        request=SendingInput,
        responses={201: schema.Accepted},
        examples=[schema.SMS_EXAMPLE, schema.EMAIL_EXAMPLE],
    )
    @idempotent
    @scoped(Scope.MESSAGES)
    def post(self, request: Request) -> Response:
        return self.accepted(self.make(request))

    @extend_schema(
        tags=MESSAGES,
        summary="List SMS and e-mails",
        parameters=schema.MESSAGE_PARAMETERS,
        responses={200: schema.Messages},
    )
    def get(self, request: Request) -> Response:
        return NewestFirst.respond(request, filtered(RecipientFilter, request, self.messages()), RecipientShown)


class MessageDetail(SendingsView):
    @extend_schema(tags=MESSAGES, summary="Show an SMS or e-mail", responses={200: schema.Message})
    def get(self, request: Request, message_id: str) -> Response:
        found = get_object_or_404(self.messages().select_related("chunk__sending__sender"), pk=message_id)
        return Response({"data": RecipientDetailed(found).data})


class RetryMessage(SendingsView):
    @extend_schema(tags=MESSAGES, summary="Send a failed one again", request=None, responses={201: schema.Accepted})
    @idempotent
    @scoped(Scope.MESSAGES)
    def post(self, request: Request, message_id: str) -> Response:
        failed = get_object_or_404(self.messages().select_related("chunk__sending"), pk=message_id)
        buyer = self.credential.buyer
        return self.accepted(
            services.retry_message(buyer=buyer, message=failed, idempotency_key=self.order_key)
        )  # fmt: skip


class Sendings(SendingsView):
    @extend_schema(
        tags=SENDINGS,
        summary="Send to many",
        request=SendingInput,
        responses={201: schema.Made},
        examples=[schema.SENDING_EXAMPLE],
    )
    @idempotent
    @scoped(Scope.MESSAGES)
    def post(self, request: Request) -> Response:
        return Response({"message": MADE, "data": SendingShown(self.make(request)).data}, status=201)

    @extend_schema(
        tags=SENDINGS, summary="List sendings", parameters=schema.SENDING_PARAMETERS, responses={200: schema.Many}
    )
    def get(self, request: Request) -> Response:
        return NewestFirst.respond(request, filtered(SendingFilter, request, self.mine()), SendingShown)


class SendingDetail(SendingsView):
    @extend_schema(tags=SENDINGS, summary="Show a sending", responses={200: schema.One})
    def get(self, request: Request, sending_id: str) -> Response:
        return self.shown(self.one(sending_id))

    def shown(self, sending: Sending) -> Response:
        counts = CountsShown(services.counts_of(sending)).data
        return Response({"data": SendingDetailed(sending).data, "counts": counts})


class CancelSending(SendingDetail):
    http_method_names = ("post",)

    @extend_schema(
        tags=SENDINGS, summary="Cancel what is not handed over", request=None, responses={200: schema.One}
    )  # fmt: skip
    @scoped(Scope.MESSAGES)
    def post(self, request: Request, sending_id: str) -> Response:
        actor = self.credential.buyer.actor
        return self.shown(services.cancel_sending(sending=self.one(sending_id), actor=actor))


class SendingRecipients(SendingsView):
    @extend_schema(
        tags=SENDINGS,
        summary="List a sending's recipients",
        parameters=schema.MESSAGE_PARAMETERS,
        responses={200: schema.Messages},
    )
    def get(self, request: Request, sending_id: str) -> Response:
        rows = self.messages().filter(chunk__sending=self.one(sending_id))
        return NewestFirst.respond(request, filtered(RecipientFilter, request, rows), RecipientShown)


class Routes(KeyView):
    @extend_schema(tags=SENDINGS, summary="List routes", responses={200: schema.Routes})
    def get(self, request: Request) -> Response:
        """The ways a message may go, and whose undelivered are given back."""
        rows = [
            {
                "channel": channel,
                "name": way.name,
                "goes_first": way.priority == Route.Priority.URGENT,
                "refund_undelivered": way.refund_undelivered,
            }
            for channel, way in offered()
        ]
        return Response({"data": RouteShown(rows, many=True).data})


class Calculate(SendingsView):
    @extend_schema(
        tags=SENDINGS,
        summary="Calculate a sending's price",
        request=CalculateInput,
        responses={200: schema.Calculated},
        examples=[schema.CALCULATE_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """What an SMS would take now, by destination. Nothing is charged; a number given twice counts twice."""
        asked = CalculateInput(data=request.data)
        asked.is_valid(raise_exception=True)
        buyer = self.credential.buyer
        found = services.calculate(
            customer_id=buyer.customer_id, currency=buyer.currency, **asked.validated_data
        )  # fmt: skip
        return Response({"data": shown_calculation(found, buyer.currency)})
