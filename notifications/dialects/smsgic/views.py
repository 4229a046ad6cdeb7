"""SMSGIC: balance, senders, rates, calculations and sendings."""

import re
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.api.base import idempotent, scoped
from apikeys.models import Scope
from catalog.models import Country
from catalog.services.rates import rate_rows
from config.api.views import ID
from config.errors import DomainError, InvalidInput, NotFound
from notifications.dialects.smsgic import asked, shown
from notifications.dialects.smsgic.base import FIELD_BY_CODE, GicView
from notifications.models import Channel, Sender, Sending
from notifications.services import calculate, create_sending
from wallets.models import Wallet


class Balance(GicView):
    def get(self, request: Request) -> Response:
        return Response(shown.balance(Wallet.objects.get(pk=self.credential.wallet_id)))


class Senders(GicView):
    def get(self, request: Request) -> Response:
        usable = Sender.objects.usable_by(self.credential.customer_id).filter(channel=Channel.SMS)
        return Response(shown.senders(usable.order_by("id")))


class Rates(GicView):
    def get(self, request: Request) -> Response:
        wanted = asked.rate_filter(request)
        if wanted.country_id is not None and not Country.objects.filter(pk=wanted.country_id).exists():
            raise InvalidInput({"country_id": [asked.BAD_COUNTRY]})
        who = self.credential
        rows = rate_rows(customer_id=who.customer_id, currency=who.currency, **wanted._asdict())
        return Response(shown.rates(rows))


class Calculate(GicView):
    def post(self, request: Request) -> HttpResponse:
        wanted = asked.calculated(asked.body(request))
        who = self.credential
        found = calculate(customer_id=who.customer_id, currency=who.currency, **wanted._asdict())
        return HttpResponse(shown.calculation(found), content_type="application/json")


class Sendings(GicView):
    def get(self, request: Request) -> Response:
        rows = asked.page_of(mine(self), asked.list_page(request.query_params))
        return Response({"sendings": [shown.listed(sending) for sending in rows]})

    @scoped(Scope.MESSAGES)
    @idempotent
    def post(self, request: Request) -> Response:
        wanted = asked.wanted(asked.body(request))
        key = f"smsgic:{self.idempotency_key}" if self.idempotency_key else None
        sending = create_sending(buyer=self.credential.buyer, wanted=wanted, idempotency_key=key)
        return Response({"message": "SMS champing created", "sending_id": sending.pk})

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(as_printed(exc) if self.request.method == "POST" else exc)


class SendingDetail(GicView):
    def get(self, request: Request, sending_id: str) -> Response:
        sending = mine(self).filter(pk=sending_id).first() if re.fullmatch(ID, sending_id) else None
        if sending is None:
            raise NotFound(f"No query results for model {sending_id}")
        return Response({"sending": shown.detailed(sending)})


def mine(view: GicView) -> Any:
    return Sending.objects.filter(customer=view.credential.customer_id, channel=Channel.SMS)


def as_printed(error: Exception) -> Exception:
    """A refused field, with its text under `message` as well."""
    if isinstance(error, InvalidInput):
        return InvalidInput(asked.under_message(error.errors))
    field = FIELD_BY_CODE.get(error.code) if isinstance(error, DomainError) else None
    if field is None or field == "balance":
        return error
    return InvalidInput(asked.under_message({field: [str(error)]}))
