"""Monthly numbers in the native contract."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from activations.api import number_schema as schema
from activations.api.number_filters import SubscriptionFilter
from activations.api.number_serializers import (
    AutoRenewInput,
    CancelInput,
    ComingShown,
    IncomingShown,
    OutgoingInput,
    OutlookMeta,
    PurchaseInput,
    StockedShown,
    SubscriptionShown,
)
from activations.models import Subscription
from activations.services import subscriptions as services
from apikeys.api.base import KeyView, idempotent, scoped
from apikeys.models import Scope
from config.api import NewestFirst, filtered
from wallets.models import Wallet

TAG = ["Monthly numbers"]


class NumbersView(KeyView):
    def mine(self) -> "QuerySet[Subscription]":
        """The customer's own; everybody else's do not exist."""
        return Subscription.objects.filter(customer_id=self.credential.customer_id).select_related("country")

    def one(self, subscription_id: str) -> Subscription:
        return get_object_or_404(self.mine(), pk=subscription_id)

    def answer(self, subscription: Subscription, *, done: int = 200) -> Response:
        """The subscription; 202 while the provider has not answered yet: ask again."""
        pending = subscription.status in Subscription.UNSETTLED
        return Response({"data": SubscriptionShown(subscription).data}, status=202 if pending else done)


def valid(form: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """What was sent, understood. Raises ValidationError, per field."""
    sent = form(data=request.data)
    sent.is_valid(raise_exception=True)
    return sent.validated_data


class Inventory(NumbersView):
    @extend_schema(tags=TAG, summary="Monthly number inventory", responses={200: schema.Inventory})
    def get(self, request: Request) -> Response:
        """Where this customer can buy now: the price shown is the price charged."""
        buyer = self.credential.buyer
        rows = services.inventory(customer_id=buyer.customer_id, currency=buyer.currency, live=buyer.moves_money)
        return Response({"data": StockedShown(rows, many=True).data})


class Purchase(NumbersView):
    scope = Scope.NUMBERS

    @extend_schema(
        tags=TAG,
        summary="Purchase a monthly number",
        request=PurchaseInput,
        responses={201: schema.One, 202: schema.One},
        examples=[schema.PURCHASE_EXAMPLE],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        key = f"native:{self.idempotency_key}" if self.idempotency_key else None
        bought = services.purchase(buyer=self.credential.buyer, idempotency_key=key, **valid(PurchaseInput, request))
        return self.answer(bought, done=201)


class Subscriptions(NumbersView):
    @extend_schema(
        tags=TAG, summary="List monthly subscriptions", parameters=schema.PARAMETERS, responses={200: schema.Many}
    )
    def get(self, request: Request) -> Response:
        return NewestFirst.respond(request, filtered(SubscriptionFilter, request, self.mine()), SubscriptionShown)


class SubscriptionDetail(NumbersView):
    @extend_schema(tags=TAG, summary="Show a monthly subscription", responses={200: schema.One})
    def get(self, request: Request, subscription_id: str) -> Response:
        return Response({"data": SubscriptionShown(self.one(subscription_id)).data})


class AutoRenew(NumbersView):
    @extend_schema(tags=TAG, summary="Update auto renew", request=AutoRenewInput, responses={200: schema.Told})
    @scoped(Scope.NUMBERS)
    def patch(self, request: Request, subscription_id: str) -> Response:
        subscription = self.one(subscription_id)
        services.set_auto_renew(subscription=subscription, **valid(AutoRenewInput, request))
        return Response({"message": "Auto renew updated successfully"})


class Cancel(NumbersView):
    @extend_schema(tags=TAG, summary="Cancel a monthly subscription", request=CancelInput, responses={200: schema.One})
    @scoped(Scope.NUMBERS)
    def post(self, request: Request, subscription_id: str) -> Response:
        subscription = self.one(subscription_id)
        asked = valid(CancelInput, request)
        return self.answer(services.cancel(subscription=subscription, at_once=asked["now"]))


class Messages(NumbersView):
    @extend_schema(
        tags=TAG, summary="List subscription messages", parameters=schema.PAGES, responses={200: schema.Incoming}
    )
    def get(self, request: Request, subscription_id: str) -> Response:
        return NewestFirst.respond(request, self.one(subscription_id).messages.all(), IncomingShown)

    @extend_schema(
        tags=TAG,
        summary="Send a message from the number",
        request=OutgoingInput,
        responses={201: schema.Sent},
        examples=[schema.OUTGOING_EXAMPLE],
    )
    @idempotent
    @scoped(Scope.NUMBERS)
    def post(self, request: Request, subscription_id: str) -> Response:
        """Priced like any SMS: segments times the destination's rate."""
        key = f"native:number:{self.idempotency_key}" if self.idempotency_key else None
        subscription = self.one(subscription_id)
        asked = valid(OutgoingInput, request)
        services.send_text(
            buyer=self.credential.buyer, subscription=subscription, to=asked["to"], text=asked["message"],
            redirect_to=self.credential.test_phone, idempotency_key=key,
        )  # fmt: skip
        return Response({"message": "Message sent successfully"}, status=201)


class Outlook(NumbersView):
    @extend_schema(tags=TAG, summary="What renews in the next 30 days", responses={200: schema.Renewals})
    def get(self, request: Request) -> Response:
        """The renewals that the key's wallet will be asked for, in their order."""
        wallet = Wallet.objects.get(pk=self.credential.wallet_id)
        coming = services.outlook(wallet=wallet)
        return Response({"data": ComingShown(coming.renewals, many=True).data, "meta": OutlookMeta(coming).data})
