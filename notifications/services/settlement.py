"""The money of a message: taken when it is sent, given back when it came to nothing; what it cost us.

Call these inside the transaction that changes the message, its row locked: message, then wallet,
everywhere. Each movement has the message's own reference, so none can happen twice.
"""

from decimal import Decimal

from notifications.models import Message
from notifications.services.states import gives_back
from wallets.services import Conversion, Posting, charge, post, quantize, refund
from wallets.services.movements import refundable

REVENUE = "revenue:{channel}"
PROVIDER_COSTS = "expense:provider"


def take(message: Message) -> None:
    """Charge the price at once; nothing in test and dry run. Raises InsufficientFunds."""
    if not message.moves_money:
        return
    message.charge = charge(
        wallet=message.wallet,
        amount=message.price,
        kind=f"{message.channel}_send",
        reference=f"message:{message.pk}:charge",
        account=REVENUE.format(channel=message.channel),
        description=description(message),
        conversion=conversion_of(message),
        actor=f"key:{message.credential}" if message.credential else "",
        credential=message.credential,
    )


def give_back(message: Message) -> bool:
    """A message charged on its own has ended: where it came to nothing, mark it refunded; then it is to be refunded.

    Money of a message that is part of a chunk follows when its chunk is settled.
    """
    if message.chunk_id is not None or message.charge_id is None or message.billing != Message.Billing.CHARGED:
        return False
    was_sent = message.sent_at is not None
    if not gives_back(message.state, refund_undelivered=message.refund_undelivered, was_sent=was_sent):
        return False
    message.billing = Message.Billing.REFUNDED
    return True


def refund_message(message: Message, *, actor: str = "") -> None:
    """Give back all that was taken for it, once. Staff may have given back a part, or all, before."""
    charged = message.charge
    if charged is not None and refundable(charged) > 0:
        refund(
            original=charged,
            reference=f"message:{message.pk}:refund",
            kind=f"{message.channel}_refund",
            description=f"Refund for {description(message)}",
            actor=actor,
        )


def book_cost(message: Message, cost: Decimal, currency: str) -> None:
    """What the provider took for it: between house accounts, so that no customer sees it. Once."""
    message.cost, message.cost_currency = quantize(cost), currency
    if message.cost > 0:
        post(
            Posting(
                debit=PROVIDER_COSTS,
                credit=f"payable:{message.provider}",
                amount=message.cost,
                currency=currency,
                kind="provider_cost",
                reference=f"message:{message.pk}:cost",
                description=description(message),
                actor=f"provider:{message.provider}",
            )
        )


def description(message: Message) -> str:
    """How the statement calls it: `WhatsApp notification #503`."""
    return f"{message.get_channel_display()} notification #{message.pk}"


def conversion_of(message: Message) -> Conversion | None:
    if message.original_amount is None or message.original_currency in {None, message.currency}:
        return None
    return Conversion(
        amount=message.original_amount, currency=message.original_currency or "", rate=message.rate or Decimal(1)
    )
