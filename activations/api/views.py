"""Activations in the native contract."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from activations import services
from activations.api import schema
from activations.api.filters import ActivationFilter
from activations.api.serializers import ActivationShown, BuyInput, SmsShown
from activations.errors import ActivationCanceled, ActivationExpired, ActivationFailed
from activations.models import Activation
from apikeys.api.base import KeyView, idempotent, scoped
from apikeys.models import Scope
from config.api import NewestFirst, filtered

Status = Activation.Status
TAG = ["Activations"]


class ActivationsView(KeyView):
    def mine(self) -> "QuerySet[Activation]":
        """The customer's own; everybody else's do not exist."""
        return Activation.objects.filter(customer_id=self.credential.customer_id).select_related("service", "country")

    def one(self, activation_id: str) -> Activation:
        return get_object_or_404(self.mine(), pk=activation_id)

    def answer(self, activation: Activation, *, done: int) -> Response:
        """The activation; 202 while the provider has not answered yet: ask again."""
        pending = activation.status in {Status.UNKNOWN, Status.CALLING, Status.CLOSING}
        return Response({"data": ActivationShown(activation).data}, status=202 if pending else done)


class Buy(ActivationsView):
    scope = Scope.ACTIVATIONS

    @extend_schema(
        tags=TAG,
        summary="Buy an activation",
        request=BuyInput,
        responses={201: schema.One, 202: schema.One},
        examples=[schema.BUY_EXAMPLE],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        key = f"native:{self.idempotency_key}" if self.idempotency_key else None
        bought = services.buy(buyer=self.credential.buyer, wish=BuyInput(data=request.data).wish(), idempotency_key=key)
        return self.answer(bought, done=201)


class Activations(ActivationsView):
    @extend_schema(tags=TAG, summary="List activations", parameters=schema.PARAMETERS, responses={200: schema.Many})
    def get(self, request: Request) -> Response:
        return NewestFirst.respond(request, filtered(ActivationFilter, request, self.mine()), ActivationShown)


class ActivationDetail(ActivationsView):
    @extend_schema(tags=TAG, summary="Show an activation", responses={200: schema.One})
    def get(self, request: Request, activation_id: str) -> Response:
        return Response({"data": ActivationShown(self.one(activation_id)).data})


class CheckSms(ActivationsView):
    @extend_schema(tags=TAG, summary="Check for the SMS", responses={200: schema.Sms, 410: None})
    def get(self, request: Request, activation_id: str) -> Response:
        found = self.one(activation_id)
        if found.status == Status.WAITING and not found.seconds_left(timezone.now()):
            # Its time is over: the money is back before the client reads that it expired.
            found = services.expire(found)
        refusals = {
            Status.EXPIRED: ActivationExpired,
            Status.CANCELED: ActivationCanceled,
            Status.FAILED: ActivationFailed,
        }
        if found.status in refusals:
            raise refusals[Status(found.status)](id=found.pk)
        return Response({"data": SmsShown(found).data})


class Finish(ActivationsView):
    @extend_schema(tags=TAG, summary="Finish an activation", request=None, responses={200: schema.One})
    @scoped(Scope.ACTIVATIONS)
    def post(self, request: Request, activation_id: str) -> Response:
        finished = services.finish(activation=self.one(activation_id))
        return Response({"data": ActivationShown(finished).data})


class Cancel(ActivationsView):
    @extend_schema(tags=TAG, summary="Cancel an activation", request=None, responses={200: schema.One, 202: schema.One})
    @scoped(Scope.ACTIVATIONS)
    def post(self, request: Request, activation_id: str) -> Response:
        canceled = services.cancel(activation=self.one(activation_id), actor=self.credential.actor)
        return self.answer(canceled, done=200)
