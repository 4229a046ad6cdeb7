"""plainsms: send, look at the balance, and generate the key to do it with."""

from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.api.base import idempotent
from apikeys.models import Scope
from apikeys.services import generated
from config.api import plain
from notifications.dialects.plainsms import wire
from notifications.dialects.plainsms.authentication import (
    KeyAuthentication,
    OwnerAuthentication,
    OwnKeyAuthentication,
    PasswordAuthentication,
)
from notifications.dialects.plainsms.base import PlainView
from notifications.services import create_sending
from wallets.models import Customer, Wallet

NO_HEAD = ["get", "post", "options"]


class SendBase(PlainView):
    scope = Scope.MESSAGES
    version = ""

    def send(self, request: Request) -> Response:
        region = Customer.objects.values_list("default_region", flat=True).get(pk=self.credential.customer_id)
        wanted = wire.wanted(wire.fields(request), region)
        key = f"plainsms-{self.version}:{self.idempotency_key}" if self.idempotency_key else None
        sending = create_sending(buyer=self.credential.buyer, wanted=wanted, idempotency_key=key)
        return Response(wire.sent(sending))


class SendByPassword(SendBase):
    authentication_classes = (PasswordAuthentication,)
    version = "v1"

    @idempotent
    def post(self, request: Request) -> Response:
        return self.send(request)


class SendByKey(SendBase):
    authentication_classes = (KeyAuthentication,)
    version = "v2"
    # No HEAD: it would send.
    http_method_names = NO_HEAD

    @idempotent
    def get(self, request: Request) -> Response:
        return self.send(request)

    @idempotent
    def post(self, request: Request) -> Response:
        return self.send(request)


class Balance(PlainView):
    authentication_classes = (KeyAuthentication,)

    def get(self, request: Request) -> Response:
        wallet = Wallet.objects.get(pk=self.credential.wallet_id)
        return Response({"balance": plain(wallet.available), "currency": wallet.currency})


class GenerateKey(PlainView):
    authentication_classes = (OwnerAuthentication, PasswordAuthentication)

    def post(self, request: Request) -> Response:
        days = wire.ExpiryInput(data=wire.fields(request)).days()
        key, plain_key = generated.generate_key(asker=self.credential, **days)
        return Response(wire.shown("API key generated successfully.", key, plain_key), status=201)


class RegenerateKey(PlainView):
    authentication_classes = (OwnerAuthentication, OwnKeyAuthentication, PasswordAuthentication)

    def post(self, request: Request) -> Response:
        days = wire.ExpiryInput(data=wire.fields(request)).days()
        key, plain_key = generated.regenerate_key(asker=self.credential, **days)
        return Response(wire.shown("API key regenerated successfully.", key, plain_key), status=201)


class RevokeKey(PlainView):
    authentication_classes = (OwnerAuthentication, OwnKeyAuthentication, PasswordAuthentication)

    def post(self, request: Request) -> Response:
        generated.revoke_generated_key(asker=self.credential)
        return Response({"message": "API key revoked successfully."})
