"""Webhook endpoints, and the log of what they were told, in the native contract."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.api.authentication import presented_key
from apikeys.api.base import KeyView, scoped
from apikeys.models import Scope
from apikeys.services import signing
from config.api import NewestFirst, filtered
from config.api.schema import enveloped, filter_parameters, page_parameters, paged
from notifications.api.webhook_serializers import (
    DeliveryListed,
    DeliveryShown,
    EndpointChange,
    EndpointInput,
    EndpointShown,
    EndpointWithSecret,
    ReplayInput,
    with_secret,
)
from notifications.models import WebhookDelivery, WebhookEndpoint
from notifications.services import webhooks

TAGS = ["Webhooks"]
One = enveloped("WebhookEndpointAnswer", EndpointShown())
Many = paged("WebhookEndpointList", EndpointShown(many=True))
WithSecret = enveloped("WebhookSecretAnswer", EndpointWithSecret())
Delivery = enveloped("WebhookDeliveryAnswer", DeliveryShown())
Deliveries = paged("WebhookDeliveryList", DeliveryListed(many=True))
Replayed = inline_serializer(
    "WebhooksReplayed",
    {"data": inline_serializer("WebhooksReplayedCount", {"replayed": serializers.IntegerField()})},
)


class DeliveryFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(
        choices=WebhookDelivery.Status.choices, help_text="pending, succeeded, failed or discarded."
    )
    event = django_filters.CharFilter(field_name="event__kind", max_length=64, help_text="Such as message.delivered.")
    since = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = WebhookDelivery
        fields = ("status",)


class WebhookView(KeyView):
    def mine(self) -> "QuerySet[WebhookEndpoint]":
        """The customer's own; everybody else's do not exist, nor do deleted ones."""
        return WebhookEndpoint.objects.kept().filter(customer_id=self.credential.customer_id)

    def one(self, endpoint_id: str) -> WebhookEndpoint:
        return get_object_or_404(self.mine(), pk=endpoint_id)

    def with_signing_key(self, wanted: dict[str, Any], endpoint: WebhookEndpoint | None = None) -> dict[str, Any]:
        """What is wanted, with the customer's own key in it where the format signs with one."""
        sent, key_id = wanted.get("signing_key"), wanted.pop("signing_key_id", None)
        shape = endpoint.format if endpoint else wanted.get("format")
        if shape != WebhookEndpoint.Format.SMSGIG or (endpoint and sent is None):
            return wanted
        calling = presented_key(self.request)
        return wanted | {
            "signing_key": signing.signing_key(
                customer_id=self.credential.customer_id, calling=calling, sent=sent, key_id=key_id
            )
        }

    def deliveries(self, endpoint_id: str) -> "QuerySet[WebhookDelivery]":
        return WebhookDelivery.objects.filter(endpoint=self.one(endpoint_id)).select_related("event")

    def delivery(self, endpoint_id: str, delivery_id: str) -> WebhookDelivery:
        return get_object_or_404(self.deliveries(endpoint_id).select_related("endpoint"), pk=delivery_id)


def shown(endpoint: WebhookEndpoint) -> Response:
    return Response({"data": EndpointShown(endpoint).data})


class Endpoints(WebhookView):
    @extend_schema(
        tags=TAGS, summary="List webhook endpoints", parameters=page_parameters(), responses={200: Many}
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        return NewestFirst.respond(request, self.mine(), EndpointShown)

    @extend_schema(
        tags=TAGS,
        summary="Be told of events",
        description="The answer holds the secret that signs, this once. Signatures: standardwebhooks.com.",
        request=EndpointInput,
        responses={201: WithSecret},
    )
    @scoped(Scope.WEBHOOKS)
    def post(self, request: Request) -> Response:
        wanted = self.with_signing_key(EndpointInput(data=request.data).wanted())
        credential = self.credential
        made = webhooks.create_endpoint(customer_id=credential.customer_id, actor=credential.actor, **wanted)
        return Response({"data": with_secret(*made)}, status=201)


class EndpointDetail(WebhookView):
    @extend_schema(tags=TAGS, summary="Show a webhook endpoint", responses={200: One})
    def get(self, request: Request, endpoint_id: str) -> Response:
        return shown(self.one(endpoint_id))

    @extend_schema(
        tags=TAGS, summary="Change, enable or disable a webhook endpoint", request=EndpointChange, responses={200: One}
    )
    @scoped(Scope.WEBHOOKS)
    def patch(self, request: Request, endpoint_id: str) -> Response:
        endpoint = self.one(endpoint_id)
        wanted = self.with_signing_key(EndpointChange(data=request.data).wanted(), endpoint)
        return shown(webhooks.change_endpoint(endpoint=endpoint, **wanted))

    @extend_schema(tags=TAGS, summary="Delete a webhook endpoint", responses={204: None})
    @scoped(Scope.WEBHOOKS)
    def delete(self, request: Request, endpoint_id: str) -> Response:
        webhooks.delete_endpoint(endpoint=self.one(endpoint_id))
        return Response(status=204)


class RotateSecret(WebhookView):
    @extend_schema(
        tags=TAGS,
        summary="Replace the secret",
        description="For 24 hours both sign, so that a receiver may change over at any moment.",
        request=None,
        responses={200: WithSecret},
    )
    @scoped(Scope.WEBHOOKS)
    def post(self, request: Request, endpoint_id: str) -> Response:
        return Response({"data": with_secret(*webhooks.rotate_secret(endpoint=self.one(endpoint_id)))})


class TestEvent(WebhookView):
    @extend_schema(tags=TAGS, summary="Send a test event", request=None, responses={202: Delivery})
    @scoped(Scope.WEBHOOKS)
    def post(self, request: Request, endpoint_id: str) -> Response:
        sent = webhooks.send_test_event(endpoint=self.one(endpoint_id))
        return Response({"data": DeliveryShown(sent).data}, status=202)


class DeliveryList(WebhookView):
    @extend_schema(
        tags=TAGS,
        summary="List deliveries",
        parameters=filter_parameters(DeliveryFilter),
        responses={200: Deliveries},
    )
    def get(self, request: Request, endpoint_id: str) -> Response:
        rows: Any = filtered(DeliveryFilter, request, self.deliveries(endpoint_id))
        return NewestFirst.respond(request, rows, DeliveryListed)


class DeliveryDetail(WebhookView):
    @extend_schema(tags=TAGS, summary="Show a delivery with its attempts", responses={200: Delivery})
    def get(self, request: Request, endpoint_id: str, delivery_id: str) -> Response:
        return Response({"data": DeliveryShown(self.delivery(endpoint_id, delivery_id)).data})


class ReplayDelivery(WebhookView):
    @extend_schema(tags=TAGS, summary="Send a delivery again", request=None, responses={202: Delivery})
    @scoped(Scope.WEBHOOKS)
    def post(self, request: Request, endpoint_id: str, delivery_id: str) -> Response:
        webhooks.replay(delivery=self.delivery(endpoint_id, delivery_id))
        return Response({"data": DeliveryShown(self.delivery(endpoint_id, delivery_id)).data}, status=202)


class ReplayMany(WebhookView):
    @extend_schema(
        tags=TAGS, summary="Send again what failed, or a range", request=ReplayInput, responses={202: Replayed}
    )
    @scoped(Scope.WEBHOOKS)
    def post(self, request: Request, endpoint_id: str) -> Response:
        asked = ReplayInput(data=request.data)
        asked.is_valid(raise_exception=True)
        count = webhooks.replay_many(endpoint=self.one(endpoint_id), **asked.validated_data)
        return Response({"data": {"replayed": count}}, status=202)
