"""Who a customer does not send to, in the native contract."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.api.base import KeyView, scoped
from apikeys.models import Scope
from config.api import Moment, NewestFirst, Text, filtered
from config.api.schema import enveloped, filter_parameters, paged
from notifications import services
from notifications.models import Channel, Suppression
from notifications.services.addresses import normal

TAGS = ["Suppressions"]
CHANNELS = [(str(each), each.label) for each in (Channel.SMS, Channel.EMAIL)]


class SuppressionInput(serializers.Serializer[Any]):
    channel = serializers.ChoiceField(choices=CHANNELS)
    address = Text(max_length=254, help_text="A number in E.164 format, or an e-mail address.")
    note = Text(max_length=200, required=False, allow_blank=True, help_text="Why, for yourself.")


class SuppressionShown(serializers.ModelSerializer[Suppression]):
    created_at = Moment()

    class Meta:
        model = Suppression
        fields = ("id", "channel", "address", "reason", "note", "created_at")


class SuppressionFilter(django_filters.FilterSet):
    channel = django_filters.ChoiceFilter(choices=CHANNELS)
    reason = django_filters.ChoiceFilter(choices=Suppression.Reason.choices)
    address = django_filters.CharFilter(max_length=254, method="by_address", help_text="The whole of it.")

    class Meta:
        model = Suppression
        fields = ("channel",)

    def by_address(self, rows: "QuerySet[Suppression]", name: str, value: str) -> Any:
        # In a query string an unencoded + arrives as a space.
        number = normal(Channel.SMS, value.strip())
        return rows.filter(address__in=(number, normal(Channel.EMAIL, value)))


Many = paged("SuppressionList", SuppressionShown(many=True))
One = enveloped("SuppressionAnswer", SuppressionShown())


class SuppressionView(KeyView):
    def mine(self) -> "QuerySet[Suppression]":
        """The customer's own that are in force; those for everybody are the house's affair."""
        return Suppression.objects.in_force().filter(customer_id=self.credential.customer_id)


class Suppressions(SuppressionView):
    @extend_schema(
        tags=TAGS,
        summary="List who is not sent to",
        parameters=filter_parameters(SuppressionFilter),
        responses={200: Many},
    )
    def get(self, request: Request) -> Response:
        return NewestFirst.respond(request, filtered(SuppressionFilter, request, self.mine()), SuppressionShown)

    @extend_schema(tags=TAGS, summary="Send nothing more to somebody", request=SuppressionInput, responses={201: One})
    @scoped(Scope.MESSAGES)
    def post(self, request: Request) -> Response:
        asked = SuppressionInput(data=request.data)
        asked.is_valid(raise_exception=True)
        made = services.suppress(
            customer_id=self.credential.customer_id, reason=Suppression.Reason.MANUAL,
            actor=self.credential.actor,
            **asked.validated_data,
        )  # fmt: skip
        return Response({"data": SuppressionShown(made).data}, status=201)


class SuppressionDetail(SuppressionView):
    @extend_schema(
        tags=TAGS,
        summary="Send to somebody again",
        description="What a recipient decided (`opted_out`, `complained`) only the recipient takes back: 409.",
        responses={200: One},
    )
    @scoped(Scope.MESSAGES)
    def delete(self, request: Request, suppression_id: str) -> Response:
        whose = Suppression.objects.filter(customer_id=self.credential.customer_id)
        found = get_object_or_404(whose, pk=suppression_id)
        lifted = services.lift_for_customer(suppression=found, actor=self.credential.actor)
        return Response({"data": SuppressionShown(lifted).data})

    @extend_schema(tags=TAGS, summary="Show a suppression", responses={200: One})
    def get(self, request: Request, suppression_id: str) -> Response:
        return Response({"data": SuppressionShown(get_object_or_404(self.mine(), pk=suppression_id)).data})
