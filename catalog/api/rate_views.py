"""What an SMS costs, destination by destination."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.api.base import KeyView
from catalog.services.rates import Rate, rate_rows
from config.api import MoneyField, NewestFirst, Whole
from config.api.schema import page_parameters, paged


class RateQuery(serializers.Serializer[Any]):
    mcc = serializers.RegexField(r"\A[0-9]{3}\Z", required=False, help_text="Mobile country code, 3 digits.")
    mnc = serializers.RegexField(
        r"\A([0-9]{2,3}|null)\Z", required=False, help_text="Mobile network code; null: whole countries. Needs `mcc`."
    )
    country = serializers.CharField(required=False, max_length=100, help_text="A part of the country's name.")
    country_id = Whole(required=False, min_value=1, max_value=10**18 - 1)
    prefix = serializers.RegexField(
        r"\A\+?[0-9]{1,15}\Z", required=False, help_text="How numbers begin: where may they lead?"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "mnc" in attrs and "mcc" not in attrs:
            raise serializers.ValidationError({"mcc": ["mcc is required with mnc."]})
        return attrs

    def filters(self) -> dict[str, Any]:
        """What `rate_rows` takes. Raises ValidationError."""
        self.is_valid(raise_exception=True)
        asked = dict(self.validated_data)
        if "mnc" in asked:
            asked["mnc"] = asked["mnc"].replace("null", "")
        if "prefix" in asked:
            asked["prefix"] = asked["prefix"].removeprefix("+")
        return asked


class RateShown(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="product_id")
    country_id = serializers.IntegerField()
    country = serializers.CharField()
    network = serializers.CharField(source="operator", help_text="Empty: the whole country's rate.")
    mcc = serializers.CharField()
    mnc = serializers.CharField(allow_null=True, help_text="Null: the whole country's rate.")
    price = MoneyField(help_text="Of one segment, in the wallet's currency, before tax.")
    currency = serializers.CharField()

    def to_representation(self, rate: Rate) -> dict[str, Any]:
        return super().to_representation({**rate._asdict(), "price": rate.amount})


class Rates(KeyView):
    @extend_schema(
        tags=["Messages"],
        summary="List SMS rates",
        parameters=[RateQuery, *page_parameters()],
        responses=paged("RateList", RateShown(many=True)),
    )
    def get(self, request: Request) -> Response:
        """This customer's rates now, by country; the price shown is the price charged."""
        filters = RateQuery(data=request.query_params).filters()
        credential = self.credential
        rates = rate_rows(customer_id=credential.customer_id, currency=credential.currency, **filters)
        return page(request, rates)


def page(request: Request, rates: Sequence[Rate]) -> Response:
    """One page; a cursor is the row that it begins with, so that rates which come and go shift nothing."""
    limit = NewestFirst().get_page_size(request)
    begins = _begins(rates, request.query_params.get("cursor"))
    ends, before = begins + limit, max(0, begins - limit)
    meta = {
        "next_cursor": str(rates[ends].product_id) if ends < len(rates) else None,
        "previous_cursor": str(rates[before].product_id) if begins else None,
        "limit": limit,
    }
    return Response({"data": RateShown(rates[begins:ends], many=True).data, "meta": meta})


def _begins(rates: Sequence[Rate], cursor: str | None) -> int:
    if cursor is None:
        return 0
    found = next((at for at, rate in enumerate(rates) if str(rate.product_id) == cursor), None)
    if found is None:
        raise exceptions.ValidationError({"cursor": ["This is not a cursor of this list."]})
    return found
