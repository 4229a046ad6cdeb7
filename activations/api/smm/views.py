"""SMM services and orders in the native contract."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from activations.api.smm import schema
from activations.api.smm.filters import SmmOrderFilter, SmmServiceFilter
from activations.api.smm.serializers import (
    SmmOrderInput,
    SmmOrderMade,
    SmmOrderShown,
    SmmServiceListed,
    SmmServiceShown,
)
from activations.models import SmmOrder
from activations.services import smm
from activations.services.smm.ordering import services_for
from apikeys.api.base import KeyView, idempotent, scoped
from apikeys.models import Scope
from catalog.models import SmmService
from catalog.models.smm import SmmServiceQuerySet
from catalog.services.resolution import Quote
from catalog.services.smm import quote_smm
from config.api import NewestFirst, filtered
from config.errors import NotFound

Status = SmmOrder.Status
TAG = ["SMM"]


class ServicesView(KeyView):
    def sold(self) -> SmmServiceQuerySet:
        return services_for(self.credential.buyer.moves_money)

    def quotes(self, services: SmmServiceQuerySet) -> list[Quote[SmmService]]:
        """What of `services` this customer can order now, with the rate that is charged."""
        credential = self.credential
        return quote_smm(services, customer_id=credential.customer_id, currency=credential.currency)


class Services(ServicesView):
    @extend_schema(
        tags=TAG, summary="List SMM services", parameters=schema.SERVICE_PARAMETERS, responses={200: schema.Services},
        examples=[schema.SERVICES_EXAMPLE],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        found = self.quotes(filtered(SmmServiceFilter, request, self.sold()))
        return Response({"data": SmmServiceListed(found, many=True).data})


class ServiceDetail(ServicesView):
    @extend_schema(
        tags=TAG, summary="Show an SMM service", responses={200: schema.Service}, examples=[schema.SERVICE_EXAMPLE]
    )
    def get(self, request: Request, service_id: str) -> Response:
        found = self.quotes(self.sold().filter(pk=int(service_id)))
        if not found:
            raise NotFound
        return Response({"data": SmmServiceShown(found[0]).data})


class OrdersView(KeyView):
    def mine(self) -> "QuerySet[SmmOrder]":
        """The customer's own; everybody else's do not exist."""
        return SmmOrder.objects.filter(customer_id=self.credential.customer_id).select_related("service")

    def one(self, order_id: str) -> SmmOrder:
        return get_object_or_404(self.mine(), pk=order_id)


class Orders(OrdersView):
    @extend_schema(
        tags=TAG, summary="List SMM orders", parameters=schema.ORDER_PARAMETERS, responses={200: schema.Many},
        examples=[schema.LIST_EXAMPLE],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        return NewestFirst.respond(request, filtered(SmmOrderFilter, request, self.mine()), SmmOrderShown)

    @extend_schema(
        tags=TAG, summary="Create an SMM order", request=SmmOrderInput, responses={201: schema.Made, 202: schema.Made},
        examples=[schema.ORDER_EXAMPLE, schema.MADE_EXAMPLE],
    )  # fmt: skip
    @scoped(Scope.ORDERS)
    @idempotent
    def post(self, request: Request) -> Response:
        key = f"native:{self.idempotency_key}" if self.idempotency_key else None
        wish = SmmOrderInput(data=request.data).wish()
        placed = smm.place(buyer=self.credential.buyer, wish=wish, idempotency_key=key)
        # 202 while the provider has not answered yet: ask again.
        return Response({"data": SmmOrderMade(placed).data}, status=202 if placed.status in SmmOrder.UNSETTLED else 201)


class OrderDetail(OrdersView):
    @extend_schema(tags=TAG, summary="Show an SMM order", responses={200: schema.One}, examples=[schema.SHOW_EXAMPLE])
    def get(self, request: Request, order_id: str) -> Response:
        return Response({"data": SmmOrderShown(self.one(order_id)).data})


class Cancel(OrdersView):
    @extend_schema(
        tags=TAG, summary="Cancel an SMM order", request=None, responses={200: schema.One, 202: schema.One},
        description="Asks for a running order to be stopped: 202, and its status says what became of that. "
        "What was not delivered is refunded then.",
    )  # fmt: skip
    @scoped(Scope.ORDERS)
    def post(self, request: Request, order_id: str) -> Response:
        order = smm.request_cancel(order=self.one(order_id))
        return Response({"data": SmmOrderShown(order).data}, status=200 if order.is_final else 202)


class Refill(OrdersView):
    @extend_schema(
        tags=TAG, summary="Refill an SMM order", request=None, responses={202: schema.One},
        description="Asks for what dropped off since the order ended to be delivered again. Costs nothing.",
    )  # fmt: skip
    @scoped(Scope.ORDERS)
    def post(self, request: Request, order_id: str) -> Response:
        order = smm.request_refill(order=self.one(order_id))
        return Response({"data": SmmOrderShown(order).data}, status=202)
