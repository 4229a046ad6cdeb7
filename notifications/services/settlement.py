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


def give_back(message: Message, *, actor: str = "") -> None:
    """The message has ended: where it came to nothing all that was taken goes back, once.

    Staff may have given back a part, or all, before.
    """
    if message.charge is None or not gives_back(message.state, refund_undelivered=message.refund_undelivered):
        return
    if message.billing != Message.Billing.CHARGED:
        return
    message.billing = Message.Billing.REFUNDED
    if refundable(message.charge) > 0:
        refund(
            original=message.charge,
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
