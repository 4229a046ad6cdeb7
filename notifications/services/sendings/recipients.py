"""A sending's messages, written in few statements however many there are."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import count
from typing import Any

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
NOTHING = Decimal(0)

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
    with connection.cursor() as cursor:
        for begin in range(0, len(batch.wanted.recipients), ROWS):
            places = range(begin, min(begin + ROWS, len(batch.wanted.recipients)))
            ids = [chunk.pk for chunk in chunks[begin // CHUNK : (begin + ROWS) // CHUNK]]
            cursor.execute(_statement(), [ids, CHUNK, *_rows(batch, places)])


def _rows(batch: Batch, places: range) -> list[list[Any]]:
    """Columns: recipients, the pattern of each, what it retries, and the patterns' own."""
    priced, begin, end = batch.priced, places.start, places.stop
    kinds = [(priced.whose[place], place in priced.suppressed) for place in places]
    numbered = {kind: number for number, kind in enumerate(dict.fromkeys(kinds), 1)}
    terms = [(priced.terms[which], suppressed) for which, suppressed in numbered]
    return [
        list(batch.wanted.recipients[begin:end]),
        [numbered[kind] for kind in kinds],
        list(batch.again[begin:end]) if batch.again else [None] * len(places),
        *_patterns(batch, terms),
    ]


def _patterns(batch: Batch, terms: Sequence[tuple[Terms, bool]]) -> list[list[Any]]:
    """Columns of messages as every recipient with the same terms has them; the suppressed ones are over already."""
    own = _of_terms(terms) | _of_outcomes(batch.sending, terms, gives_back=batch.way.refund_undelivered)
    shared = _shared(batch)
    values: list[list[Any]] = []
    for field in COLUMNS:
        if field.attname in own:
            values.append(own[field.attname])
        else:
            values.append([field.get_db_prep_save(getattr(shared, field.attname), connection)] * len(terms))
    return values


def _shared(batch: Batch) -> Message:
    """What all messages of a sending have in common."""
    sending, now = batch.sending, timezone.now()
    return Message(
        customer_id=sending.customer_id, wallet_id=sending.wallet_id, credential=sending.credential, mode=sending.mode,
        channel=sending.channel, sender_id=sending.sender_id, redirected_to=batch.wanted.redirect_to,
        erase_after=sending.erase_after, currency=sending.currency, provider=batch.provider,
        priority=batch.way.priority, created_at=now,
    )  # fmt: skip


def _of_terms(terms: Sequence[tuple[Terms, bool]]) -> dict[str, list[Any]]:
    """What a message has by its destination's rate."""
    each = [one for one, _ in terms]
    return {
        "destination_id": [one.destination_id for one in each],
        "quantity": [one.quantity for one in each],
        "unit_price": [one.unit_price for one in each],
        "original_amount": [quantize(one.unit_price * one.quantity) for one in each],
        "original_currency": [one.list_currency for one in each],
        "rate": [one.exchange_rate.quantize(RATE_PLACES, rounding=ROUND_HALF_UP) for one in each],
        "cost_currency": [one.cost_currency for one in each],
    }


def _of_outcomes(sending: Sending, terms: Sequence[tuple[Terms, bool]], *, gives_back: bool) -> dict[str, list[Any]]:
    """What a message has by whether it is sent at all."""
    now = timezone.now()
    begins = Message.State.SCHEDULED if sending.scheduled_at > now else Message.State.ACCEPTED

    def by(sent: Callable[[Terms], Any], suppressed: Any) -> list[Any]:
        return [suppressed if away else sent(one) for one, away in terms]

    def billing(one: Terms) -> str:
        return (Message.Billing.HELD if sending.moves_money and one.price > 0 else Message.Billing.FREE).value

    return {
        "price": by(lambda one: one.price, NOTHING),
        "tax": by(lambda one: one.tax, NOTHING),
        "cost": by(lambda one: one.cost, NOTHING),
        "refund_undelivered": by(lambda one: gives_back or one.refund_undelivered, False),
        "billing": by(billing, Message.Billing.FREE.value),
        "state": by(lambda one: begins.value, Message.State.REJECTED.value),
        "dispatch": by(lambda one: Message.Dispatch.WAITING.value, Message.Dispatch.DONE.value),
        "failure": by(lambda one: "", SUPPRESSED),
        "due_at": by(lambda one: sending.scheduled_at, None),
        "closed_at": by(lambda one: None, now),
    }


def _statement() -> str:
    arrays = ", ".join(f"%s::{_type(field)}[]" for field in COLUMNS)
    return f"""
        INSERT INTO notifications_message (uuid, chunk_id, "to", retry_of_id, {NAMES})
        SELECT gen_random_uuid(), (%s::bigint[])[1 + (r.number - 1) / %s], r.recipient, r.original, {NAMES}
          FROM unnest(%s::text[], %s::int[], %s::bigint[]) WITH ORDINALITY
               AS r (recipient, pattern, original, number)
          JOIN unnest({arrays}) WITH ORDINALITY AS p ({NAMES}, place) ON p.place = r.pattern
         ORDER BY r.number
    """  # noqa: S608


def _type(field: "models.Field[object, object]") -> str:
    return (field.rel_db_type(connection) if field.is_relation else field.db_type(connection)) or "text"
