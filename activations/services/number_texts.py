"""SMS that arrive at a monthly number."""

from django.db import connection

from activations.models import InboundMessage, Subscription
from activations.providers import SANDBOX
from wallets.services import emit

State = InboundMessage.State


def wait_for_others_at(phone: str) -> None:
    """One at a time for one number, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"activations.number:{phone}"])


def listener(message: InboundMessage) -> Subscription | None:
    """The subscription whose number this SMS came to, locked; None where nobody keeps it now."""
    there = Subscription.objects.locked().filter(phone=message.to, status__in=Subscription.LISTENING)
    if message.provider != SANDBOX:
        # Pretend numbers look like real ones, but no real SMS is meant for them.
        there = there.exclude(provider=SANDBOX)
    return there.order_by("-id").first()


def hand_over(message: InboundMessage, subscription: Subscription) -> None:
    """The customer gets it; they are told in the same transaction."""
    message.subscription = subscription
    message.state = State.MATCHED
    message.save()
    emit(
        customer_id=subscription.customer_id,
        kind="subscription.message_received",
        object_type="subscription",
        object_id=subscription.pk,
        payload={
            "subscription_id": subscription.pk,
            "message_id": str(message.uuid),
            "phone": subscription.phone,
            "from": message.sender,
            "message": message.text,
            "received_at": message.received_at.isoformat(),
        },
        erase_after=message.erase_after,
    )


def adopt_early_texts(subscription: Subscription) -> None:
    """Take the SMS that came to the number before we knew whose it is.

    Call it in the transaction that gives the number, the row locked.
    """
    wait_for_others_at(subscription.phone)
    early = InboundMessage.objects.filter(
        to=subscription.phone, state=State.UNMATCHED, received_at__gte=subscription.created_at
    )
    if subscription.provider == SANDBOX:
        early = early.filter(provider=SANDBOX)
    for message in early.order_by("id"):
        hand_over(message, subscription)
