"""The wallet of the key that asks."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.api.base import KeyView
from apikeys.errors import MissingScope
from apikeys.models import Scope
from config.api import NewestFirst, filtered
from wallets.api import schema
from wallets.api.filters import MovementFilter, PlatformFilter, StatementFilter
from wallets.api.serializers import AlertsShown, LevelsInput, PlatformTransactionShown, TransactionShown, WalletShown
from wallets.models import AlertLevel, Transaction, Wallet
from wallets.services import set_alert_levels


class StatementPages(NewestFirst):
    ordering = "-wallet_seq"


class Balance(KeyView):
    @extend_schema(tags=["Wallet"], summary="Get wallet balance", responses={200: schema.Balance})
    def get(self, request: Request) -> Response:
        return Response({"data": WalletShown(Wallet.objects.get(pk=self.credential.wallet_id)).data})


class Alerts(KeyView):
    """Whoever may spend may say when the customer is told that money runs low."""

    @extend_schema(tags=["Wallet"], summary="Low-balance alerts", responses={200: schema.Alerts})
    def get(self, request: Request) -> Response:
        wallet = Wallet.objects.get(pk=self.credential.wallet_id)
        return self.answer(wallet, list(wallet.alert_levels.all()))

    @extend_schema(
        tags=["Wallet"], summary="Set low-balance alerts", request=LevelsInput, responses={200: schema.Alerts}
    )
    def put(self, request: Request) -> Response:
        if self.credential.scopes == {Scope.READ}:
            raise MissingScope
        sent = LevelsInput(data=request.data)
        sent.is_valid(raise_exception=True)
        wallet = Wallet.objects.get(pk=self.credential.wallet_id)
        return self.answer(wallet, set_alert_levels(wallet=wallet, levels=sent.validated_data["levels"]))

    def answer(self, wallet: Wallet, levels: list[AlertLevel]) -> Response:
        facts = {"levels": [level.amount for level in levels], "currency": wallet.currency}
        return Response({"data": AlertsShown(facts).data})


class Movements(KeyView):
    """A wallet's movements, newest first, in cursor pages."""

    filter_set: ClassVar[type[MovementFilter]] = StatementFilter
    shown: ClassVar[type[TransactionShown]] = TransactionShown

    def page(self, request: Request) -> Response:
        rows = filtered(self.filter_set, request, Transaction.objects.statement(self.credential.wallet_id))
        return StatementPages.respond(request, rows, self.shown)


class Statement(Movements):
    @extend_schema(
        tags=["Wallet"],
        summary="Wallet transactions",
        parameters=schema.parameters(StatementFilter),
        responses={200: schema.Statement},
    )
    def get(self, request: Request) -> Response:
        return self.page(request)


class PlatformTransactions(Movements):
    filter_set = PlatformFilter
    shown = PlatformTransactionShown

    @extend_schema(
        tags=["Wallet"],
        summary="Platform transactions",
        parameters=schema.parameters(PlatformFilter),
        responses={200: schema.Platform},
    )
    def get(self, request: Request) -> Response:
        return self.page(request)
