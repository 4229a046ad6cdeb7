"""Sending again to those who were not reached, as a new sending."""

from django.db import IntegrityError

from notifications.errors import OtherMode, WrongState
from notifications.models import Message, Sending
from notifications.models.message import MessageQuerySet
from notifications.services.sendings.creating import create, earlier_sending
from notifications.services.sendings.wanted import SendingWanted
from wallets.services import Buyer

State = Message.State

# What is worth another try; who is not to be sent to, and what was taken back, is not.
FAILED = (State.FAILED, State.UNDELIVERED, State.EXPIRED, State.REJECTED)
NOT_AGAIN = ("suppressed",)


def retry_sending(*, buyer: Buyer, sending: Sending, idempotency_key: str | None = None) -> Sending:
    """Send again to the failed recipients who were not retried yet: a new sending, charged anew.

    Repeating it with the same idempotency key returns the same one. Raises WrongState unless one has failed and
    none is pending, or once the text is erased, OtherMode where the credential has another mode by now (what was
    a test must not become real, nor the other way round), and what `create_sending` raises.
    """
    if idempotency_key is not None and (earlier := earlier_sending(buyer, idempotency_key)) is not None:
        return earlier
    if pending(sending).exists():
        raise WrongState(status=sending.status)
    return _retry(buyer, sending, failed_of(sending), idempotency_key)


def retry_message(*, buyer: Buyer, message: Message, idempotency_key: str | None = None) -> Sending:
    """Send again one message of a sending that has failed and was not retried yet, as `retry_sending` does."""
    if idempotency_key is not None and (earlier := earlier_sending(buyer, idempotency_key)) is not None:
        return earlier
    if message.chunk is None:
        raise WrongState(status=message.state)
    sending = message.chunk.sending
    return _retry(buyer, sending, failed_of(sending).filter(pk=message.pk), idempotency_key)


def _retry(buyer: Buyer, sending: Sending, rows: MessageQuerySet, idempotency_key: str | None) -> Sending:
    if sending.mode != buyer.mode:
        raise OtherMode
    failed = list(rows.order_by("id").only("pk", "to", "redirected_to", "provider"))
    if not failed or sending.erased_at is not None:
        raise WrongState(status=sending.status)
    try:
        return create(
            buyer=buyer, wanted=_again(sending, failed), idempotency_key=idempotency_key, original=sending,
            again=[message.pk for message in failed],
        )  # fmt: skip
    except IntegrityError as conflict:
        # A concurrent retry was first with one of them.
        if "message_retried_once" not in str(conflict):
            raise
        raise WrongState(status=sending.status) from None


def pending(sending: Sending) -> MessageQuerySet:
    """Messages whose outcome is not known yet."""
    return Message.objects.filter(chunk__sending=sending).exclude(state__in=Message.FINAL)


def failed_of(sending: Sending) -> MessageQuerySet:
    """What can be sent again."""
    failed = Message.objects.filter(chunk__sending=sending, state__in=FAILED, retries=None)
    return failed.exclude(failure__in=NOT_AGAIN)


def _again(sending: Sending, failed: list[Message]) -> SendingWanted:
    return SendingWanted(
        channel=sending.channel,
        recipients=[message.to for message in failed],
        text=sending.text,
        subject=sending.subject,
        from_name=sending.from_name,
        reply_to=sending.reply_to,
        no_tracking=sending.no_tracking,
        sender=sending.sender.address if sending.sender else None,
        route=sending.route,
        redirect_to=failed[0].redirected_to,
        from_number=sending.from_number,
        from_provider=failed[0].provider,
    )
