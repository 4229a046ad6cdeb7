"""Sending an SMS from a rented number."""

import re

from activations.errors import SubscriptionInactive
from activations.models import Subscription
from config.errors import InvalidInput
from notifications.models import Channel, Sending
from notifications.services import SendingWanted, create_sending
from wallets.services import Buyer

E164 = re.compile(r"\A\+[0-9]{8,15}\Z")


def send_text(
    *,
    buyer: Buyer,
    subscription: Subscription,
    to: str,
    text: str,
    redirect_to: str = "",
    idempotency_key: str | None = None,
) -> Sending:
    """Send an SMS from the subscription's number, priced like any other and paid by the buyer's wallet.

    In test mode it goes to `redirect_to` instead. Repeating it with the same idempotency key sends it once.
    Raises SubscriptionInactive, and what `create_sending` raises.
    """
    if not E164.match(to):
        raise InvalidInput({"to": ["Give the number in E.164 format: + and 8 to 15 digits."]})
    if not subscription.is_listening or not subscription.phone:
        raise SubscriptionInactive(id=subscription.pk, status=subscription.status)
    wanted = SendingWanted(
        channel=Channel.SMS,
        recipients=[to],
        text=text,
        from_number=subscription.phone,
        from_provider=subscription.provider,
        redirect_to=redirect_to if buyer.mode == "test" else "",
    )
    return create_sending(buyer=buyer, wanted=wanted, idempotency_key=idempotency_key)
