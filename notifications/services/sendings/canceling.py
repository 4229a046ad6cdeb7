"""Taking back what of a sending no provider has heard of."""

from django.db import transaction
from django.utils import timezone

from notifications.errors import WrongState
from notifications.models import Chunk, Message, Sending
from notifications.services.ladder import mark_chunks
from notifications.services.sendings.settling import settle_chunk
from notifications.services.telling import message_news
from wallets.services import emit_many

State = Message.State


def cancel_sending(*, sending: Sending, actor: str) -> Sending:
    """Cancel every message that was not handed over yet, and give its money back.

    Again the same for one that was canceled. Raises WrongState where all of it was handed over.
    """
    for chunk_id in _cancel(sending):
        settle_chunk(chunk_id)
    sending.refresh_from_db()
    return sending


@transaction.atomic
def _cancel(sending: Sending) -> list[int]:
    """The chunks in which something was canceled, now or before."""
    chunks = list(Chunk.objects.locked().filter(sending=sending).values_list("pk", flat=True))
    messages = Message.objects.filter(chunk__in=chunks)
    touched = [chunk_id for chunk_id in chunks if _cancel_chunk(chunk_id)]
    if not touched and not messages.filter(state=State.CANCELED).exists():
        raise WrongState(status=sending.status)
    return touched


def _cancel_chunk(chunk_id: int) -> bool:
    """Cancel what waits in a locked chunk. Whatever a worker is calling with by now goes out."""
    now = timezone.now()
    waiting = Message.objects.filter(chunk=chunk_id, dispatch=Message.Dispatch.WAITING)
    ids = list(waiting.exclude(state__in=Message.FINAL).locked().order_by("id").values_list("pk", flat=True))
    if not ids:
        return False
    canceled = Message.objects.filter(pk__in=ids)
    canceled.update(
        state=State.CANCELED, dispatch=Message.Dispatch.DONE, failure="canceled", closed_at=now, due_at=None,
        call_deadline_at=None, attempts=0,
    )  # fmt: skip
    emit_many([message_news(message, "message.failed") for message in canceled.order_by("id")], object_type="message")
    mark_chunks([chunk_id])
    return True
