"""SMSGist's endpoints: parse, call one service, render."""

from rest_framework.request import Request
from rest_framework.response import Response

from notifications.dialects.smsgist import shown
from notifications.dialects.smsgist.base import SmsgistView
from wallets.models import Wallet


class Balance(SmsgistView):
    def get(self, request: Request) -> Response:
        return Response(shown.balance(Wallet.objects.get(pk=self.credential.wallet_id)))
