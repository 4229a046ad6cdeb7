"""What a customer is told of a subscription: one event each, in the transaction of what it tells."""

from typing import Any

from activations.models import Subscription
from config.numbers import plain
from wallets.services import News, emit_many

OBJECT = "subscription"


def tell(subscription: Subscription, what: str, **facts: Any) -> None:
    """Write the event `subscription.{what}`. Call it with the row locked."""
    emit_many([news_of(subscription, what, **facts)], object_type=OBJECT)


def news_of(subscription: Subscription, what: str, **facts: Any) -> News:
    payload = {
        "subscription_id": subscription.pk,
        "phone": subscription.phone,
        "status": subscription.status,
        "auto_renew": subscription.auto_renew,
        "period": subscription.period,
        "price": str(plain(subscription.price)),
        "currency": subscription.currency,
        "expires_at": subscription.expires_at and subscription.expires_at.isoformat(),
        **facts,
    }
    return News(
        customer_id=subscription.customer_id, kind=f"{OBJECT}.{what}", object_id=subscription.pk, payload=payload
    )
