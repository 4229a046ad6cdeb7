"""Moving messages along their ladder: state, clock, money and events change together, or not at all.

One message or a thousand: they are locked, gathered in `Changes` row by row, and written at once.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from operator import attrgetter

from django.conf import settings
from django.utils import timezone

from notifications.models import Chunk, DeliveryReport, Message
from notifications.services import settlement, states
from notifications.services.rows import among, read_rows, save_rows
from notifications.services.telling import news_of
from wallets.services import News, emit_many

State = Message.State
Effect = DeliveryReport.Effect

# Twilio knows the price of a message some minutes after it ended.
COST_AFTER = timedelta(minutes=2)
SAVED = (
    "state", "dispatch", "billing", "provider_message_id", "accepted_at", "sent_at", "delivered_at", "closed_at",
    "call_deadline_at", "due_at", "attempts", "failure", "needs_staff", "is_contradicted", "idempotency_key",
)  # fmt: skip
# What a step looks at besides; the rest of a row is read only where it is asked for.
READ = (
    "uuid", "customer_id", "wallet_id", "chunk_id", "channel", "template_id", "to", "mode", "erase_after",
    "refund_undelivered", "charge_id", "cost", "provider",
)  # fmt: skip
saved_values = attrgetter(*SAVED)


def lock(message_id: int) -> Message:
    """The message, locked, as it is now."""
    return lock_many([message_id])[message_id]


def lock_many(message_ids: Collection[int]) -> dict[int, Message]:
    """Messages, locked, as they are now: their chunks first, then they themselves, each in id order."""
    wanted = among(Message.objects.all(), "id", message_ids)
    chunks = set(wanted.filter(chunk__isnull=False).order_by().values_list("chunk_id", flat=True).distinct())
    if chunks:
        list(Chunk.objects.locked().filter(pk__in=chunks).values_list("pk"))
    rows = wanted.select_for_update(no_key=True, of=("self",)).order_by("id")
    locked = {message.pk: message for message in read_rows(rows, (*SAVED, *READ))}
    for message in locked.values():
        message.as_locked = saved_values(message)
    return locked


class Changes:
    """What becomes of some locked messages in one transaction: gathered, then written at once."""

    def __init__(self, *, actor: str = "") -> None:
        self.actor = actor
        self.now = timezone.now()  # one for all of them: what they have alike is written once
        self._touched: dict[int, Message] = {}
        self._given_back: list[Message] = []
        self._news: list[News] = []

    def touch(self, message: Message) -> None:
        """Write this one too; its fields were changed."""
        self._touched[message.pk] = message

    def climb(self, message: Message, state: str, *, failure: str = "") -> Effect:
        """Bring a message to `state` if that is a step up; a final one gives its money back where it must."""
        effect = states.effect_of(message.state, state)
        if effect == Effect.APPLIED:
            before, message.state = message.state, state
            _note(message, self.now, failure)
            if settlement.give_back(message):
                self._given_back.append(message)
            self._news += news_of(message, before=before)
            self.touch(message)
        elif effect == Effect.CONTRADICTS and not message.is_contradicted:
            message.is_contradicted = True
            self.touch(message)
        return effect

    def write(self) -> None:
        """Write what was gathered: the rows, what their chunks have to settle, refunds, events."""
        if not self._touched:
            return
        rows = [self._touched[key] for key in sorted(self._touched)]
        save_rows(rows, _changed(rows))
        mark_chunks({message.chunk_id for message in self._touched.values() if message.chunk_id})
        # Wallet by wallet in id order, as everywhere: two batches never wait in a circle.
        for message in sorted(self._given_back, key=lambda message: (message.wallet_id, message.pk)):
            settlement.refund_message(message, actor=self.actor)
        emit_many(self._news, object_type="message")


def _changed(rows: Sequence[Message]) -> tuple[str, ...]:
    """The fields that at least one of these has otherwise than when it was locked."""
    before, after = zip(*(message.as_locked for message in rows)), zip(*map(saved_values, rows))  # noqa: B905
    return tuple(name for name, was, now in zip(SAVED, before, after, strict=True) if was != now)


def climb(message: Message, state: str, *, failure: str = "", actor: str = "") -> Effect:
    """Bring one locked message to `state` if that is a step up, and save it where it changed."""
    changes = Changes(actor=actor)
    effect = changes.climb(message, state, failure=failure)
    changes.write()
    return effect


def mark_chunks(chunk_ids: Collection[int]) -> None:
    """The messages of these locked chunks have moved: the settling tick brings money and counters after them."""
    if chunk_ids:
        Chunk.objects.filter(pk__in=chunk_ids).update(settle_at=timezone.now())


def _note(message: Message, now: datetime, failure: str) -> None:
    if message.state == State.SENT:
        message.sent_at = now
    elif message.state in Message.ARRIVED:
        message.delivered_at = message.delivered_at or now
    if not message.is_final:
        return
    message.closed_at = message.closed_at or now
    message.dispatch = Message.Dispatch.DONE
    message.failure = failure if message.state not in Message.ARRIVED else ""
    message.needs_staff = False
    message.attempts = 0
    asks_cost = message.moves_money and message.provider_message_id and message.cost is None
    message.due_at = now + COST_AFTER if asks_cost else None


def expires_at(message: Message) -> datetime:
    """When a message without a final report has expired."""
    return asked_since(message) + timedelta(hours=settings.DELIVERY_REPORT_HOURS)


def asked_since(message: Message) -> datetime:
    """Since when a provider has it, or may have it; one that waits for its time has not begun."""
    return message.accepted_at or message.called_at or message.created_at
