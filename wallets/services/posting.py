"""Writing one transaction: one INSERT. Everything else here builds on it (see `batches` for many).

The triggers of `0002_ledger.sql` move the wallet and the hold in the same statement and refuse
what must not be; this module only words the request.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DataError, IntegrityError, connection, connections, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import Cursor

from wallets.errors import ReferenceConflict
from wallets.models import Transaction
from wallets.services.accounts import HouseAccounts, find_house_accounts, house_accounts
from wallets.services.amounts import check_amount
from wallets.services.refusals import constraint_of, domain_error


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """A transaction to be: `amount` from `debit` to `credit`.

    A side is a wallet's id or the code of a house account (`revenue:activations`), which is
    made on demand.
    """

    debit: int | str
    credit: int | str
    amount: Decimal
    currency: str
    kind: str
    reference: str
    description: str = ""
    journal: str = ""
    hold_id: int | None = None
    reverses_id: int | None = None
    original_amount: Decimal | None = None
    original_currency: str | None = None
    rate: Decimal | None = None
    actor: str = ""
    credential: str = ""

    @property
    def wallet_id(self) -> int:
        """The wallet that it moves, or 0."""
        return self.debit if isinstance(self.debit, int) else self.credit if isinstance(self.credit, int) else 0

    @property
    def wallet_delta(self) -> Decimal:
        """What it adds to that wallet."""
        return -self.amount if isinstance(self.debit, int) else self.amount

    def is_same_as(self, posted: Transaction, house: HouseAccounts) -> bool:
        """Would this posting have made that transaction? (words and actors may differ)"""
        return (
            self._side(self.debit, house) == posted.debit_id
            and self._side(self.credit, house) == posted.credit_id
            and self.amount == posted.amount
            and self.currency == posted.currency
            and self.kind == posted.kind
            and self.hold_id == posted.hold_id
            and self.reverses_id == posted.reverses_id
        )

    def row(self, house: HouseAccounts) -> tuple[Any, ...]:
        return (self._side(self.debit, house), self._side(self.credit, house), *_facts_of(self))

    def _side(self, side: int | str, house: HouseAccounts) -> int | None:
        return side if isinstance(side, int) else house.get((side, self.currency))


_FACTS = tuple(field.name for field in fields(Posting))[2:]  # all but the two sides
_facts_of = attrgetter(*_FACTS)
COLUMNS = ", ".join(("debit_id", "credit_id", *_FACTS))
_MODEL_FIELDS = [field.attname for field in Transaction._meta.concrete_fields]
# What the database makes of a posting; the rest it keeps as it is given. (An amount comes back with all its places.)
_ROUNDED = ("amount", "original_amount", "rate")
_MADE = tuple(name for name in _MODEL_FIELDS if name not in _FACTS or name in _ROUNDED)
_IN_ROW = {name: place for place, name in enumerate((*_FACTS, *_MADE))}
_in_model_order = itemgetter(*(_IN_ROW[name] for name in _MODEL_FIELDS))
_HOUSE = "(SELECT id FROM wallets_account WHERE code = %s AND currency = %s)"  # NULL where there is none:
HOUSE_ACCOUNT_MISSING = "transaction_has_two_accounts"


def house_of(batch: Iterable[Posting]) -> set[tuple[str, str]]:
    """The house accounts of these postings, by code and currency."""
    return {
        (side, posting.currency)
        for posting in batch
        for side in (posting.debit, posting.credit)
        if isinstance(side, str)
    }


def post(posting: Posting) -> Transaction:
    """Write one transaction; its wallet and hold move with it, in one round trip.

    Repeating it with the same reference returns the first. Raises InsufficientFunds, HoldClosed,
    AmountExceedsHold, RefundExceedsOriginal, NotRefundable, CurrencyMismatch, InvalidAmount, and
    ReferenceConflict when the reference was used for something else.
    """
    check_amount(posting.amount)
    try:
        with savepoint_if_inside():
            return _insert(posting)
    except (IntegrityError, DataError) as refusal:
        if constraint_of(refusal) == HOUSE_ACCOUNT_MISSING:
            house_accounts(house_of([posting]))
            return post(posting)
        # Whatever the refusal: a repeat of a charge that emptied its wallet is refused for
        # lack of funds before its reference is seen.
        repeated = already_posted([posting])
        if not repeated:
            raise domain_error(refusal, posting) from refusal
        return repeated[posting.reference]


def same_or_conflict(posting: Posting, posted: Transaction) -> Transaction:
    """`posted` if this posting would have made it. Raises ReferenceConflict if it would not."""
    if not posting.is_same_as(posted, find_house_accounts(house_of([posting]))):
        raise ReferenceConflict(reference=posting.reference)
    return posted


def savepoint_if_inside() -> AbstractContextManager[None]:
    """A single statement needs no transaction of its own; inside one it needs a way back."""
    return transaction.atomic() if connection.in_atomic_block else nullcontext()


def _insert(posting: Posting) -> Transaction:
    parameters: list[int | str] = []
    for side in (posting.debit, posting.credit):
        parameters += [side] if isinstance(side, int) else [side, posting.currency]
    facts = _facts_of(posting)
    with _prepared() as cursor:
        cursor.execute(
            _statement(isinstance(posting.debit, int), isinstance(posting.credit, int)), [*parameters, *facts]
        )
        return Transaction.from_db(connection.alias, _MODEL_FIELDS, _in_model_order(facts + cursor.fetchone()))


@cache
def _statement(debit_is_wallet: bool, credit_is_wallet: bool) -> str:
    """The INSERT for sides that are wallets, or codes of house accounts."""
    sides = ["%s" if is_wallet else _HOUSE for is_wallet in (debit_is_wallet, credit_is_wallet)]
    values = ", ".join([*sides, *["%s"] * len(_FACTS)])
    return f"INSERT INTO wallets_transaction ({COLUMNS}) VALUES ({values}) RETURNING {', '.join(_MADE)}"  # noqa: S608


@contextmanager
def _prepared() -> Iterator[CursorWrapper]:
    """A cursor whose statements the server parses once; Django's own sends each as a new text, values and all.

    Only in here: a connection that prepares also keeps the texts of what it might prepare, however long they are.
    """
    ours = connections[DEFAULT_DB_ALIAS]
    if settings.DATABASE_POOLER or ours.queries_logged:
        with ours.cursor() as cursor:
            yield cursor
        return
    ours.close_if_health_check_failed()
    ours.ensure_connection()
    ours.connection.prepare_threshold = 0
    try:
        yield CursorWrapper(Cursor(ours.connection), ours)
    finally:
        ours.connection.prepare_threshold = None


def already_posted(batch: Sequence[Posting]) -> dict[str, Transaction]:
    """The transactions that these postings made before. Raises ReferenceConflict where one differs."""
    # One array instead of a parameter for each: a batch may have 100,000.
    references = [posting.reference for posting in batch]
    found = Transaction.objects.raw("SELECT * FROM wallets_transaction WHERE reference = ANY(%s)", [references])
    already = {posted.reference: posted for posted in found}
    if already:
        house = find_house_accounts(house_of(batch))
        for posting in batch:
            posted = already.get(posting.reference)
            if posted and not posting.is_same_as(posted, house):
                raise ReferenceConflict(reference=posting.reference)
    return already
