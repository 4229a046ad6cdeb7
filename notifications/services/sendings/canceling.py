"""Taking back what of a sending no provider has heard of: asked for in one commit, done chunk by chunk.

One transaction for 100,000 messages would hold their locks for many seconds.
"""

import time

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from notifications.errors import WrongState
from notifications.models import Chunk, Message, Sending
from notifications.models.message import MessageQuerySet
from notifications.services.ladder import mark_chunks
from notifications.services.rows import among
from notifications.services.sendings.settling import settle_chunk
from notifications.services.telling import message_news
from wallets.services import emit_many

State = Message.State

# A request that takes back a very large one ends after this; a tick does the rest.
REQUEST_SECONDS = 10
TICK_SECONDS = 2


def cancel_sending(*, sending: Sending, actor: str) -> Sending:
    """Cancel every message that was not handed over yet, and give its money back.

    From its first commit on nobody takes one of them to hand it over; what is not canceled within
    REQUEST_SECONDS, or was cut short, a tick cancels. Again the same for one that was canceled. Raises WrongState
    where all of it was handed over.
    """
    if _waiting(_messages(sending)).exists():
        Sending.objects.filter(pk=sending.pk, canceling_since=None).update(canceling_since=timezone.now())
    sending.refresh_from_db()
    if sending.canceling_since is not None:
        _go_on(sending, stop=time.monotonic() + REQUEST_SECONDS)
        sending.refresh_from_db()
    if sending.canceling_since is None and not _messages(sending).filter(state=State.CANCELED).exists():
        raise WrongState(status=sending.status)
    return sending


def finish_canceling(*, seconds: float = TICK_SECONDS) -> int:
    """Go on with what is being canceled; returns of how many sendings. Safe to run twice at once."""
    stop = time.monotonic() + seconds
    begun = list(Sending.objects.being_canceled().order_by("canceling_since", "id"))
    for sending in begun:
        _go_on(sending, stop=stop)
    return len(begun)


def _go_on(sending: Sending, *, stop: float) -> None:
    unfinished = sending.chunks.exclude(handed=F("recipients")).order_by("id")
    for chunk_id in unfinished.values_list("pk", flat=True):
        if time.monotonic() > stop:
            return
        if _cancel_chunk(chunk_id):
            settle_chunk(chunk_id)
    Sending.objects.filter(pk=sending.pk).update(canceling_since=None)


@transaction.atomic
def _cancel_chunk(chunk_id: int) -> bool:
    """Cancel what waits in a chunk. Whatever a worker is calling with by now goes out."""
    list(Chunk.objects.locked().filter(pk=chunk_id).values_list("pk"))
    ids = list(_waiting(Message.objects.filter(chunk=chunk_id)).locked().order_by("id").values_list("pk", flat=True))
    if not ids:
        return False
    canceled = among(Message.objects.all(), "id", ids)
    canceled.update(
        state=State.CANCELED, dispatch=Message.Dispatch.DONE, failure="canceled", closed_at=timezone.now(),
        due_at=None, call_deadline_at=None, attempts=0,
    )  # fmt: skip
    emit_many([message_news(message, "message.failed") for message in canceled.order_by("id")], object_type="message")
    mark_chunks([chunk_id])
    return True


def _messages(sending: Sending) -> MessageQuerySet:
    return Message.objects.filter(chunk__sending=sending)


def _waiting(messages: MessageQuerySet) -> MessageQuerySet:
    return messages.to_dispatch().exclude(state__in=Message.FINAL)
