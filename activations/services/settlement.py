"""The money of an activation: set aside or taken at the start, then earned or given back.

Call these inside the transaction that changes the activation, its row locked: order row, hold,
wallet, in this order everywhere. Each movement has the activation's own reference, so none can
happen twice.
"""

from decimal import Decimal

from activations.models import Activation
from wallets.models import Hold
from wallets.services import Conversion, capture, charge, place_hold, refund, release

REVENUE = "revenue:activations"


def reserve(activation: Activation) -> None:
    """Hold the price, or charge it at once, as the purchase's settlement says. Raises InsufficientFunds."""
    if not activation.moves_money or activation.price == 0:
        return
    if activation.settlement == Activation.Settlement.UPFRONT:
        activation.charge = charge(
            wallet=activation.wallet,
            amount=activation.price,
            kind="sms_purchase",
            reference=f"activation:{activation.pk}:charge",
            account=REVENUE,
            description=description(activation),
            conversion=conversion_of(activation),
            actor=actor_of(activation),
            credential=activation.credential,
        )
    else:
        activation.hold = place_hold(
            wallet=activation.wallet,
            amount=activation.price,
            reference=f"activation:{activation.pk}",
            description=description(activation),
            actor=actor_of(activation),
            credential=activation.credential,
        )


def earn(activation: Activation) -> None:
    """The first SMS came: what was held is captured. Nothing to do for what was charged up front."""
    if activation.hold_id is None or activation.charge_id is not None:
        return
    activation.charge = capture(
        hold=Hold.objects.select_related("wallet").get(pk=activation.hold_id),
        kind="sms_purchase",
        reference=f"activation:{activation.pk}:capture",
        account=REVENUE,
        description=description(activation),
        conversion=conversion_of(activation),
    )


def give_back(activation: Activation, *, actor: str = "") -> None:
    """Nothing came: what is held is released, what was charged is refunded. All of it, once."""
    if activation.charge is not None:
        refund(
            original=activation.charge,
            reference=f"activation:{activation.pk}:refund",
            kind="sms_refund",
            description=f"Refund for {description(activation)}",
            actor=actor,
        )
    elif activation.hold is not None and activation.hold.status == Hold.Status.ACTIVE:
        release(hold=activation.hold, actor=actor)


def description(activation: Activation) -> str:
    """How the statement calls it: `Telegram rental #503`."""
    return f"{activation.service.name} rental #{activation.pk}"


def actor_of(activation: Activation) -> str:
    return f"key:{activation.credential}" if activation.credential else ""


def conversion_of(activation: Activation) -> Conversion | None:
    if activation.original_amount is None or activation.original_currency in {None, activation.currency}:
        return None
    return Conversion(
        amount=activation.original_amount,
        currency=activation.original_currency or "",
        rate=activation.rate or Decimal(1),
    )
