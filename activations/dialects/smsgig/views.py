"""SMSGig's endpoints: parse, call one service, render."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from activations import services
from activations.dialects.smsgig import wire
from activations.dialects.smsgig.base import SmsgigView
from activations.dialects.smsgig.pages import page_of
from activations.models import Activation
from apikeys.api.base import idempotent, scoped
from apikeys.models import Scope
from apikeys.services import throttles
from wallets.models import Transaction, Wallet

SERVICES_PER_PAGE = 100
SECONDS_BETWEEN_LOOKS = 1


class Balance(SmsgigView):
    def get(self, request: Request) -> Response:
        return Response(wire.balance(Wallet.objects.get(pk=self.credential.wallet_id)))


class Transactions(SmsgigView):
    def get(self, request: Request) -> Response:
        asked = wire.parsed(wire.TransactionsQuery, request.query_params)
        rows = Transaction.objects.statement(self.credential.wallet_id).of_type(asked.get("type"))
        page = page_of(rows, number=asked["page"], size=asked["limit"])
        meta = {"current_page": page.number, "last_page": page.last, "total": page.total}
        return Response({"status": "success", "data": page.shown(wire.transaction), "meta": meta})


class Services(SmsgigView):
    def get(self, request: Request) -> Response:
        asked = wire.parsed(wire.ServicesQuery, request.query_params)
        rows = services.offered(buyer=self.credential.buyer, country_code=wire.COUNTRY)
        page = page_of(rows, number=asked["page"], size=SERVICES_PER_PAGE)
        meta = {
            "total": page.total, "per_page": page.size, "current_page": page.number, "last_page": page.last,
        }  # fmt: skip
        return Response({"status": "success", "data": page.shown(wire.service), "meta": meta})


class RentalsView(SmsgigView):
    def one(self, activation_id: int) -> Activation:
        """The customer's own, as it stands now: where its time is over, the money is back before it is told."""
        mine = Activation.objects.filter(customer_id=self.credential.customer_id).select_related("service", "country")
        found = get_object_or_404(mine, pk=activation_id)
        is_over = found.status == Activation.Status.WAITING and not found.seconds_left(timezone.now())
        return services.expire(found) if is_over else found

    def answer(self, body: dict[str, Any], activation: Activation) -> Response:
        """200; 202 while the provider has not answered yet: ask again."""
        pending = activation.status in {*Activation.UNSETTLED, Activation.Status.CLOSING}
        return Response({"status": "success"} | body, status=202 if pending else 200)


class Rent(RentalsView):
    scope = Scope.ACTIVATIONS

    @idempotent
    def post(self, request: Request) -> Response:
        key = f"smsgig:{self.idempotency_key}" if self.idempotency_key else None
        rented = services.buy(buyer=self.credential.buyer, wish=wire.wish(request.data), idempotency_key=key)
        return self.answer({"rental": wire.rented(rented)}, rented)


class Status(RentalsView):
    def get(self, request: Request) -> Response:
        asked = wire.parsed(wire.RentalInput, request.query_params)
        found = self.one(asked["activation_id"])
        throttles.require_pause(f"rental-status:{found.pk}", SECONDS_BETWEEN_LOOKS)
        return Response(wire.status(found))


class RentalStatus(RentalsView):
    def post(self, request: Request) -> Response:
        asked = wire.parsed(wire.UpdateInput, request.data)
        finishing = wire.wants_to_finish(asked.get("action"))
        found = self.one(asked["activation_id"])
        if finishing:
            self.require_scope(Scope.ACTIVATIONS)
            found = services.finish(activation=found)
        return Response({"status": "success", "rental": wire.rental(found)})


class CancelRental(RentalsView):
    @scoped(Scope.ACTIVATIONS)
    def post(self, request: Request) -> Response:
        asked = wire.parsed(wire.RentalInput, request.data)
        canceled = services.cancel(activation=self.one(asked["activation_id"]), actor=self.credential.actor)
        is_over = canceled.status in Activation.GIVEN_BACK
        return self.answer({"message": wire.CANCELED if is_over else wire.CANCELING}, canceled)
