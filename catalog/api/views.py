"""The native catalogue: what this customer can buy, where, and for how much right now."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.api.base import KeyView
from catalog.api.filters import AvailabilityFilter, CountryFilter, ServiceFilter, filtered
from catalog.api.serializers import (
    CountryList,
    CountryShown,
    PricedCountry,
    PricedCountryList,
    PricedCountryShown,
    PricedService,
    QuoteAnswer,
    QuoteQuery,
    QuoteShown,
    ServiceList,
    ServiceShown,
)
from catalog.errors import NotOffered
from catalog.models import Country, Service
from catalog.services import lookup, pricing
from config.errors import NotFound

SEARCH = OpenApiParameter("search", str, description="A part of the name.")
AVAILABLE = OpenApiParameter("available", bool, description="Only available countries, or only the others.")
TAGS = ["SMS catalog"]


class Services(KeyView):
    @extend_schema(tags=TAGS, summary="List SMS services", parameters=[SEARCH], responses=ServiceList)
    def get(self, request: Request) -> Response:
        """Services this customer can buy now, with their lowest price in the wallet's currency."""
        services = filtered(ServiceFilter(request.query_params, Service.objects.all()))
        cheapest = pricing.cheapest_by_service(
            customer_id=self.credential.customer_id, currency=self.credential.currency
        )
        rows = [PricedService(each, cheapest[each.pk].amount) for each in services if each.pk in cheapest]
        return Response({"data": ServiceShown(rows, many=True).data})


class Countries(KeyView):
    @extend_schema(tags=TAGS, summary="List countries", parameters=[SEARCH, AVAILABLE], responses=CountryList)
    def get(self, request: Request) -> Response:
        """Every country, and whether anything can be bought there now."""
        countries = Country.objects.with_availability()
        rows = filtered(AvailabilityFilter(request.query_params, countries))
        return Response({"data": CountryShown(rows, many=True).data})


class ServiceCountries(KeyView):
    @extend_schema(
        tags=TAGS, summary="Countries and prices of a service", parameters=[SEARCH], responses=PricedCountryList
    )
    def get(self, request: Request, slug: str) -> Response:
        """Where a service can be bought now, and for how much: the price shown is the price charged."""
        service = Service.objects.filter(slug=slug, is_active=True).first()
        if service is None:
            raise NotFound
        countries = filtered(CountryFilter(request.query_params, Country.objects.with_operators_count()))
        cheapest = pricing.cheapest_by_country(
            customer_id=self.credential.customer_id, service=service, currency=self.credential.currency
        )
        rows = [PricedCountry(each, cheapest[each.pk].amount) for each in countries if each.pk in cheapest]
        return Response({"data": PricedCountryShown(rows, many=True).data})


class Quote(KeyView):
    @extend_schema(tags=TAGS, summary="Quote an activation", parameters=[QuoteQuery], responses=QuoteAnswer)
    def get(self, request: Request) -> Response:
        """What one activation costs now, and the exchange rate that was used."""
        query = QuoteQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        quotes = pricing.quote(
            customer_id=self.credential.customer_id,
            service=lookup.find_service(query.validated_data["service"]),
            country=lookup.find_country(query.validated_data["country"]),
            currency=self.credential.currency,
        )
        if not quotes:
            raise NotOffered
        return Response({"data": QuoteShown(quotes[0]).data})
