"""What a product's view looks like, for tests of the base: it counts its runs and answers as it is told."""

from collections.abc import Callable
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.api.base import KeyView, idempotent, scoped, spending
from apikeys.models import Scope
from config.api import route

runs: list[dict[str, Any]] = []
behaviour: dict[str, Callable[[KeyView], Response]] = {}


def answer(view: KeyView, request: Request) -> Response:
    runs.append({"key": view.idempotency_key, "actor": view.credential.actor})
    told = behaviour.get("answer")
    return (
        told(view) if told else Response({"data": {"id": len(runs)}}, status=201, headers={"X-Order": str(len(runs))})
    )


class Shop(KeyView):
    def get(self, request: Request) -> Response:
        return Response({"customer": self.credential.customer_id})

    @idempotent
    @scoped(Scope.ACTIVATIONS)
    def post(self, request: Request) -> Response:
        return answer(self, request)

    @spending
    def put(self, request: Request) -> Response:
        return answer(self, request)


class Item(KeyView):
    @idempotent
    def post(self, request: Request, item: str) -> Response:
        return answer(self, request)


urlpatterns = [
    route("api/developer/v1/shop", Shop.as_view(), "shop"),
    route("api/developer/v1/shop/{item}", Item.as_view(), "shop-item"),
    route("api/developer/v1/other-shop", Shop.as_view(), "other-shop"),
]
