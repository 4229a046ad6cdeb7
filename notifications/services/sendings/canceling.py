"""Taking back what of a sending no provider has heard of: asked for in one commit, done chunk by chunk.

One transaction for 100,000 messages would hold their locks for many seconds.
"""

import time

import structlog
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

log = structlog.get_logger(__name__)

State = Message.State

# A request that takes back a very large one ends after this; a tick does the rest.
REQUEST_SECONDS = 10
TICK_SECONDS = 2


def cancel_sending(*, sending: Sending, actor: str) -> Sending:
    """Cancel every message that was not handed over yet, and give its money back.

    From its first commit on nobody takes one of them to hand it over. What is not canceled within
    REQUEST_SECONDS, was cut short, or was in a call that turns out not to have taken it, a tick cancels. Again the
    same for one that was canceled. Raises WrongState where all of it was handed over.
    """
    if _waiting(_messages(sending)).exists():
        Sending.objects.filter(pk=sending.pk, canceling_since=None).update(canceling_since=timezone.now())
    sending.refresh_from_db()
    if sending.canceling_since is not None:
        _go_on(sending, stop=time.monotonic() + REQUEST_SECONDS)
        sending.refresh_from_db()
    messages = _messages(sending)
    if not _waiting(messages).exists() and not messages.filter(state=State.CANCELED).exists():
        raise WrongState(status=sending.status)
    return sending


def finish_canceling(*, seconds: float = TICK_SECONDS) -> int:
    """Go on with what is being canceled; returns of how many sendings. Safe to run twice at once."""
    stop = time.monotonic() + seconds
    begun = list(Sending.objects.being_canceled().order_by("canceling_since", "id"))
    for sending in begun:
        try:
            _go_on(sending, stop=stop)
        except Exception:
            # One bad sending must not stop the others; the next tick tries it again.
            log.exception("sending could not be canceled", sending=sending.pk)
    return len(begun)


def _go_on(sending: Sending, *, stop: float) -> None:
    unfinished = sending.chunks.exclude(handed=F("recipients")).order_by("id")
    for chunk_id in unfinished.values_list("pk", flat=True):
        if time.monotonic() > stop:
            return
        if _cancel_chunk(chunk_id):
            settle_chunk(chunk_id)
    # What is in a call may still come back as not taken: it waits again then, and is to be canceled, not sent.
    undecided = Message.objects.filter(chunk__in=unfinished.order_by()).exclude(dispatch=Message.Dispatch.DONE)
    if not undecided.exclude(state__in=Message.FINAL).exists():
        Sending.objects.filter(pk=sending.pk).update(canceling_since=None)


@transaction.atomic
def _cancel_chunk(chunk_id: int) -> bool:
    """Cancel what waits in a chunk. What a worker is calling with by now goes out where the call takes it."""
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
