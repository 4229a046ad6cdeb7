"""The money of an SMM order: taken at the start, given back as far as nothing was delivered.

Call these inside the transaction that changes the order, its row locked: order row, then wallet. Each
movement has the order's own reference, so none can happen twice.
"""

from decimal import Decimal, localcontext

from activations.models import SmmOrder
from wallets.services import Conversion, charge, quantize, refund
from wallets.services.movements import refundable

REVENUE = "revenue:smm"


def take(order: SmmOrder) -> None:
    """Charge the price. Raises InsufficientFunds."""
    if not order.moves_money:
        return
    order.charge = charge(
        wallet=order.wallet,
        amount=order.price,
        kind="smm_order",
        reference=f"smm:{order.pk}:charge",
        account=REVENUE,
        description=description(order),
        conversion=conversion_of(order),
        actor=f"key:{order.credential}" if order.credential else "",
        credential=order.credential,
    )


def give_back_all(order: SmmOrder, *, actor: str) -> None:
    """Nothing came, or nothing that the customer pays for: everything goes back, once."""
    _give_back(order, order.price, actor)


def give_back_rest(order: SmmOrder, *, actor: str) -> None:
    """So much remains: price × remains / quantity goes back, rounded half up, once."""
    _give_back(order, rest_of(order), actor)


def rest_of(order: SmmOrder) -> Decimal:
    """What of the price remains to be delivered: rounded once, half up, to 6 places."""
    with localcontext(prec=80):
        return quantize(order.price * (order.remains or 0) / order.quantity)


def description(order: SmmOrder) -> str:
    """How the statement calls it: `1,000 × Instagram Followers, order #9001`."""
    words = f", order #{order.pk}"
    return f"{order.quantity:,} × {order.service.name}"[: 180 - len(words)] + words


def conversion_of(order: SmmOrder) -> Conversion | None:
    if order.original_amount is None or order.original_currency in {None, order.currency}:
        return None
    return Conversion(order.original_amount, order.original_currency or "", order.rate or Decimal(1))


def _give_back(order: SmmOrder, amount: Decimal, actor: str) -> None:
    if order.charge is None:
        return
    # Staff may have given a part back before; in sum never more than the charge.
    amount = min(amount, refundable(order.charge))
    if amount > 0:
        refund(
            original=order.charge,
            amount=amount,
            reference=f"smm:{order.pk}:refund",
            kind="smm_refund",
            description=f"Refund for {description(order)}",
            actor=actor,
        )
