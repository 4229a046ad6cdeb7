"""How SMM services and orders look in the OpenAPI document."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

from activations.api.smm.filters import SmmOrderFilter, SmmServiceFilter
from activations.api.smm.serializers import SmmOrderMade, SmmOrderShown, SmmServiceListed, SmmServiceShown
from config.api.schema import enveloped, filter_parameters, paged

Service = enveloped("SmmServiceAnswer", SmmServiceShown())
Services = enveloped("SmmServiceList", SmmServiceListed(many=True))
Made = enveloped("SmmOrderMadeAnswer", SmmOrderMade())
One = enveloped("SmmOrderAnswer", SmmOrderShown())
Many = paged("SmmOrderList", SmmOrderShown(many=True))
# The services are one list without pages.
SERVICE_PARAMETERS = filter_parameters(SmmServiceFilter)[:-2]
ORDER_PARAMETERS = filter_parameters(SmmOrderFilter)


def _answer(name: str, data: Any, status: str = "200") -> OpenApiExample:
    return OpenApiExample(name, {"data": data}, response_only=True, status_codes=[status])


SERVICES_EXAMPLE = _answer(
    "Services",
    [{"id": 101, "name": "Instagram Followers", "rate": 0.5}, {"id": 102, "name": "TikTok Views", "rate": 0.2}],
)
SERVICE_EXAMPLE = _answer(
    "A service", {"id": 101, "name": "Instagram Followers", "min": 100, "max": 10000, "rate": 0.5}
)
ORDER_EXAMPLE = OpenApiExample(
    "A thousand followers",
    {"smm_service_id": 101, "link": "https://instagram.com/example", "quantity": 1000},
    request_only=True,
)
MADE_EXAMPLE = _answer("A new order", {"id": 9001, "status": "pending", "quantity": 1000}, "201")
LIST_EXAMPLE = _answer("Orders", [{"id": 9001, "status": "pending"}, {"id": 9002, "status": "completed"}])
SHOW_EXAMPLE = _answer("An order", {"id": 9001, "status": "in_progress", "progress": 42})
