"""SMSGist's endpoints: parse, call one service, render."""

from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.api.base import idempotent
from apikeys.models import Mode, Scope
from notifications import services
from notifications.dialects.smsgist import asked, shown
from notifications.dialects.smsgist.base import SmsgistView
from notifications.errors import NoTestAddress
from notifications.models import Channel, Message, Sending
from notifications.services import SendingWanted
from wallets.models import Customer, Wallet


class MessagesView(SmsgistView):
    scope = Scope.MESSAGES

    def redirect_to(self, channel: str) -> str:
        """Where everything goes in test mode; empty in any other. Raises NoTestAddress."""
        if self.credential.mode != Mode.TEST:
            return ""
        address = self.credential.test_phone if channel == Channel.SMS else self.credential.test_email
        if not address:
            raise NoTestAddress
        return address

    def key_for(self, route: str) -> str | None:
        """The client's idempotency key as it is stored: the same key on another route is another request."""
        return f"smsgist:{route}:{self.idempotency_key}" if self.idempotency_key else None

    def send(self, wanted: SendingWanted) -> Response:
        made = services.create_sending(
            buyer=self.credential.buyer, wanted=wanted, idempotency_key=self.key_for(wanted.channel)
        )
        return Response(shown.queued(made, rows_of(made)), status=201)

    def one(self, message_id: str) -> Sending:
        """One that this credential sent; everybody else's do not exist."""
        mine = Sending.objects.filter(customer_id=self.credential.customer_id, credential=self.credential.public_id)
        return get_object_or_404(mine, uuid=asked.message_id(message_id))


class SendSms(MessagesView):
    @idempotent
    def post(self, request: Request) -> Response:
        region = Customer.objects.values_list("default_region", flat=True).get(pk=self.credential.customer_id)
        return self.send(asked.sms(request.data, region, self.redirect_to(Channel.SMS)))


class SendEmail(MessagesView):
    @idempotent
    def post(self, request: Request) -> Response:
        return self.send(asked.email(request.data, self.redirect_to(Channel.EMAIL)))


class MessageStatus(MessagesView):
    scope = Scope.READ

    def get(self, request: Request, message_id: str) -> Response:
        found = self.one(message_id)
        return Response(shown.status(found, rows_of(found)))


class RetryMessage(MessagesView):
    @idempotent
    def post(self, request: Request, message_id: str) -> Response:
        original = self.one(message_id)
        made = services.retry_sending(
            buyer=self.credential.buyer, sending=original, idempotency_key=self.key_for(f"retry:{original.pk}")
        )
        return Response(shown.requeued(made, original, rows_of(made)), status=201)


class Balance(SmsgistView):
    def get(self, request: Request) -> Response:
        return Response(shown.balance(Wallet.objects.get(pk=self.credential.wallet_id)))


def rows_of(sending: Sending) -> list[shown.Row]:
    """Its recipients in the order they were given."""
    found = Message.objects.filter(chunk__sending=sending).order_by("id").values_list(*shown.COLUMNS)
    return [shown.Row(*row) for row in found]
