"""A sending's messages, written in few statements however many there are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import count

from django.db import connection, models
from django.utils import timezone

from notifications.models import Chunk, Message, Sending
from notifications.services.routes import Way
from notifications.services.sendings.pricing import Priced, Terms
from notifications.services.sendings.wanted import SendingWanted
from wallets.services import quantize

# Recipients whose money is held, captured and given back together.
CHUNK = 1_000
# In one statement, so that a large sending does not meet the connection's statement_timeout.
ROWS = 10 * CHUNK
RATE_PLACES = Decimal(1).scaleb(-12)
SUPPRESSED = "suppressed"

# What each message has of its own. All else it shares with those of the same terms: its pattern.
OWN = ("id", "uuid", "to", "chunk", "retry_of")
COLUMNS = [field for field in Message._meta.concrete_fields if field.name not in OWN]
NAMES = ", ".join(f'"{field.column}"' for field in COLUMNS)


@dataclass(frozen=True)
class Batch:
    """A sending about to be stored: its recipients, their terms, how they travel; `again` are the messages retried."""

    sending: Sending
    wanted: SendingWanted
    priced: Priced
    way: Way
    provider: str
    actor: str
    again: Sequence[int] = ()

    def chunks(self) -> Iterator[Chunk]:
        now = timezone.now()
        for number, places in zip(count(1), self._places(), strict=False):
            settle_at = now if self.priced.suppressed.intersection(places) else None
            yield Chunk(sending=self.sending, number=number, recipients=len(places), settle_at=settle_at)

    def price_of(self, chunk: Chunk) -> Decimal:
        """What is to be held for a chunk."""
        begin = (chunk.number - 1) * CHUNK
        return self.priced.sum(range(begin, begin + chunk.recipients))[0]

    def _places(self) -> Iterator[range]:
        total = len(self.wanted.recipients)
        return (range(begin, min(begin + CHUNK, total)) for begin in range(0, total, CHUNK))


def insert(batch: Batch, chunks: Sequence[Chunk]) -> None:
    """Write a message for each recipient, in their order."""
    patterns = [_pattern(batch, terms) for terms in batch.priced.terms]
    whose = batch.priced.whose
    if batch.priced.suppressed:
        whose = [
            which + len(patterns) if place in batch.priced.suppressed else which for place, which in enumerate(whose)
        ]
        patterns += [_pattern(batch, terms, suppressed=True) for terms in batch.priced.terms]
    statement, columns = _statement(), _columns(patterns)
    again: Sequence[int | None] = batch.again or [None] * len(whose)
    with connection.cursor() as cursor:
        for begin in range(0, len(whose), ROWS):
            rows = slice(begin, begin + ROWS)
            ids = [chunk.pk for chunk in chunks[begin // CHUNK : (begin + ROWS) // CHUNK]]
            cursor.execute(
                statement, [ids, CHUNK, list(batch.wanted.recipients[rows]), whose[rows], list(again[rows]), *columns]
            )


def _pattern(batch: Batch, terms: Terms, *, suppressed: bool = False) -> Message:
    """A message as every recipient with these terms has it."""
    sending, now = batch.sending, timezone.now()
    is_free = suppressed or not sending.moves_money or terms.price == 0
    message = Message(
        customer_id=sending.customer_id, wallet_id=sending.wallet_id, credential=sending.credential, mode=sending.mode,
        channel=sending.channel, sender_id=sending.sender_id, redirected_to=batch.wanted.redirect_to,
        destination_id=terms.destination_id, erase_after=sending.erase_after, quantity=terms.quantity,
        price=terms.price, tax=terms.tax, currency=sending.currency, unit_price=terms.unit_price,
        original_amount=quantize(terms.unit_price * terms.quantity), original_currency=terms.list_currency,
        rate=terms.exchange_rate.quantize(RATE_PLACES, rounding=ROUND_HALF_UP),
        refund_undelivered=batch.way.refund_undelivered or terms.refund_undelivered,
        billing=Message.Billing.FREE if is_free else Message.Billing.HELD, cost=terms.cost,
        cost_currency=terms.cost_currency, provider=batch.provider, priority=batch.way.priority,
        state=Message.State.SCHEDULED if sending.scheduled_at > now else Message.State.ACCEPTED,
        created_at=now, due_at=sending.scheduled_at,
    )  # fmt: skip
    return _not_sent(message) if suppressed else message


def _not_sent(message: Message) -> Message:
    """Over before it began, and for nothing."""
    message.price = message.tax = message.cost = Decimal(0)
    message.state, message.failure = Message.State.REJECTED, SUPPRESSED
    message.dispatch, message.due_at, message.closed_at = Message.Dispatch.DONE, None, message.created_at
    return message


def _statement() -> str:
    arrays = ", ".join(f"%s::{_type(field)}[]" for field in COLUMNS)
    return f"""
        INSERT INTO notifications_message (uuid, chunk_id, "to", retry_of_id, {NAMES})
        SELECT gen_random_uuid(), (%s::bigint[])[1 + (r.number - 1) / %s], r.recipient, r.original, {NAMES}
          FROM unnest(%s::text[], %s::int[], %s::bigint[]) WITH ORDINALITY
               AS r (recipient, pattern, original, number)
          JOIN unnest({arrays}) WITH ORDINALITY AS p ({NAMES}, place) ON p.place = r.pattern + 1
         ORDER BY r.number
    """  # noqa: S608


def _columns(patterns: Sequence[Message]) -> list[list[object]]:
    return [
        [field.get_db_prep_save(getattr(pattern, field.attname), connection) for pattern in patterns]
        for field in COLUMNS
    ]  # fmt: skip


def _type(field: "models.Field[object, object]") -> str:
    return (field.rel_db_type(connection) if field.is_relation else field.db_type(connection)) or "text"
