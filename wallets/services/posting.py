"""Writing transactions: one INSERT, or one COPY for many. Everything else here builds on it.

The triggers of `0002_ledger.sql` move the wallet and the hold in the same statement and refuse
what must not be; this module only words the request, and the refusal.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, connection, transaction
from psycopg.errors import Diagnostic

from config.errors import DomainError
from wallets.errors import (
    AmountExceedsHold,
    CurrencyMismatch,
    HoldClosed,
    InsufficientFunds,
    InvalidAmount,
    NotRefundable,
    ReferenceConflict,
    RefundExceedsOriginal,
)
from wallets.models import Account, Hold, Transaction, Wallet
from wallets.models.ledger import MONEY_PLACES
from wallets.services.accounts import house_accounts

# More rows than this for one wallet in one database transaction and each costs more than the
# last: PostgreSQL walks every version of the wallet's row that the transaction made.
ROWS_PER_WALLET = 1_000
ATTEMPTS = 3

SMALLEST = Decimal(1).scaleb(-MONEY_PLACES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """A transaction to be: `amount` from `debit` to `credit`.

    A side is a wallet's id or the code of a house account (`revenue:activations`), which is
    made on demand. `wallet_id` orders a batch, so that two batches never wait in a circle.
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
        return self.debit if isinstance(self.debit, int) else self.credit if isinstance(self.credit, int) else 0

    def is_same_as(self, posted: Transaction, house: dict[tuple[str, str], int]) -> bool:
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

    def _side(self, side: int | str, house: dict[tuple[str, str], int]) -> int | None:
        return side if isinstance(side, int) else house.get((side, self.currency))

    def row(self, house: dict[tuple[str, str], int]) -> tuple[Any, ...]:
        values = [getattr(self, field.name) for field in fields(self)]
        values[0] = self._side(self.debit, house)
        values[1] = self._side(self.credit, house)
        return tuple(values)


COLUMNS = (
    "debit_id", "credit_id", "amount", "currency", "kind", "reference", "description", "journal", "hold_id",
    "reverses_id", "original_amount", "original_currency", "rate", "actor", "credential",
)  # fmt: skip
_MODEL_FIELDS = [field.attname for field in Transaction._meta.concrete_fields]
_MODEL_COLUMNS = ", ".join(f'"{field.column}"' for field in Transaction._meta.concrete_fields)
_SIDE = "(SELECT id FROM wallets_account WHERE code = %s AND currency = %s)"


def post(posting: Posting) -> Transaction:
    """Write one transaction; its wallet and hold move with it, in one round trip.

    Repeating it with the same reference returns the first. Raises InsufficientFunds, HoldClosed,
    AmountExceedsHold, RefundExceedsOriginal, NotRefundable, CurrencyMismatch, InvalidAmount, and
    ReferenceConflict when the reference was used for something else.
    """
    check_amount(posting.amount)
    for attempt in range(ATTEMPTS):
        try:
            with _savepoint_if_inside():
                return _insert(posting)
        except IntegrityError as refusal:
            if _missing_house(posting, refusal) and attempt == 0:
                house_accounts({(side, posting.currency) for side in _house_sides(posting)})
                continue
            # Whatever the refusal: a repeat of a charge that emptied its wallet is refused for
            # lack of funds before its reference is seen.
            already = _already_posted([posting])
            if already:
                return already[posting.reference]
            raise domain_error(refusal, posting) from refusal
    raise AssertionError("unreachable")


def post_many(postings: Iterable[Posting]) -> int:
    """Write many transactions; returns how many are new.

    A reference that was posted before is skipped if it is the same request; otherwise nothing of
    the batch is written and ReferenceConflict is raised, as for every other refusal (see `post`).
    One exception: more than 1,000 rows for one wallet are committed in several parts, in order,
    when no transaction is open around the call; repeating the call finishes what was cut short.
    """
    batch = sorted(postings, key=lambda posting: posting.wallet_id)
    for posting in batch:
        check_amount(posting.amount)
    _refuse_repeated_references(batch)
    return sum(_post_part(part) for part in _parts(batch))


def check_amount(amount: Decimal) -> None:
    """Raises InvalidAmount unless it is above zero with at most 6 places."""
    if not amount.is_finite() or amount <= 0 or amount != amount.quantize(SMALLEST):
        raise InvalidAmount(amount=str(amount))


def _insert(posting: Posting) -> Transaction:
    parameters: list[Any] = []
    sides = []
    for side in (posting.debit, posting.credit):
        if isinstance(side, int):
            sides.append("%s")
            parameters.append(side)
        else:
            sides.append(_SIDE)
            parameters += [side, posting.currency]
    parameters += posting.row({})[2:]
    values = ", ".join([*sides, *["%s"] * (len(COLUMNS) - 2)])
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO wallets_transaction ({', '.join(COLUMNS)}) VALUES ({values}) RETURNING {_MODEL_COLUMNS}",  # noqa: S608
            parameters,
        )
        return Transaction.from_db(connection.alias, _MODEL_FIELDS, cursor.fetchone())


def _post_part(batch: Sequence[Posting]) -> int:
    for _ in range(ATTEMPTS):
        try:
            with transaction.atomic():
                house = house_accounts({(s, p.currency) for p in batch for s in _house_sides(p)})
                _lock_holds(batch)
                _copy(batch, house)
                return len(batch)
        except IntegrityError as refusal:
            already = _already_posted(batch)
            if not already:
                raise domain_error(refusal, None) from refusal
            batch = [posting for posting in batch if posting.reference not in already]
            if not batch:
                return 0
    raise ReferenceConflict("The batch was posted by several callers at once; repeat it.")


def _copy(batch: Sequence[Posting], house: dict[tuple[str, str], int]) -> None:
    statement = f"COPY wallets_transaction ({', '.join(COLUMNS)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for posting in batch:
            copy.write_row(posting.row(house))


def _lock_holds(batch: Sequence[Posting]) -> None:
    """Every hold before any wallet: a batch keeps its first wallets locked while it goes on."""
    holds = {posting.hold_id for posting in batch if posting.hold_id}
    if holds:
        list(Hold.objects.select_for_update(no_key=True).filter(id__in=holds).order_by("id").values_list("id"))


def _parts(batch: Sequence[Posting]) -> Iterator[Sequence[Posting]]:
    """The batch whole, or in rounds of at most ROWS_PER_WALLET rows for any one wallet."""
    rows = Counter(posting.wallet_id for posting in batch)
    rows.pop(0, None)
    if connection.in_atomic_block or not rows or max(rows.values()) <= ROWS_PER_WALLET:
        yield batch
        return
    seen: Counter[int] = Counter()
    rounds: dict[int, list[Posting]] = {}
    for posting in batch:
        rounds.setdefault(seen[posting.wallet_id] // ROWS_PER_WALLET, []).append(posting)
        seen[posting.wallet_id] += 1
    yield from rounds.values()


def _refuse_repeated_references(batch: Sequence[Posting]) -> None:
    if len({posting.reference for posting in batch}) != len(batch):
        counts = Counter(posting.reference for posting in batch)
        raise ReferenceConflict(reference=counts.most_common(1)[0][0])


def _house_sides(posting: Posting) -> list[str]:
    return [side for side in (posting.debit, posting.credit) if isinstance(side, str)]


def _missing_house(posting: Posting, refusal: IntegrityError) -> bool:
    return bool(_house_sides(posting)) and constraint_of(refusal) == "transaction_accounts_exist"


def _savepoint_if_inside() -> AbstractContextManager[None]:
    """A single statement needs no transaction of its own; inside one it needs a way back."""
    return transaction.atomic() if connection.in_atomic_block else nullcontext()


def _already_posted(batch: Sequence[Posting]) -> dict[str, Transaction]:
    """The transactions that these postings made before. Raises ReferenceConflict where one differs."""
    found = {
        posted.reference: posted
        for posted in Transaction.objects.filter(reference__in=[posting.reference for posting in batch])
    }
    if found:
        house = {(a.code, a.currency): a.id for a in Account.objects.filter(is_wallet=False)}
        for posting in batch:
            posted = found.get(posting.reference)
            if posted and not posting.is_same_as(posted, house):
                raise ReferenceConflict(reference=posting.reference)
    return found


# --- Refusals in words ---------------------------------------------------------------


def constraint_of(refusal: IntegrityError) -> str:
    """The name of the promise that the database kept."""
    diagnostic: Diagnostic | None = getattr(refusal.__cause__, "diag", None)
    return (diagnostic.constraint_name if diagnostic else None) or ""


def domain_error(refusal: IntegrityError, posting: Posting | None) -> DomainError:
    """The database's refusal as a typed error with its facts. Re-raises what is no business matter."""
    name = constraint_of(refusal)
    if name == "wallet_available_not_negative":
        return _insufficient(posting)
    if name in {"transaction_hold_is_open", "release_hold_is_open"}:
        return HoldClosed()
    if name == "hold_captured_and_released_not_above_amount":
        return AmountExceedsHold()
    if name == "transaction_refunds_not_above_original":
        return RefundExceedsOriginal()
    if name == "transaction_refund_mirrors_original":
        return NotRefundable()
    if name == "transaction_one_currency":
        return CurrencyMismatch()
    raise refusal


def _insufficient(posting: Posting | None) -> InsufficientFunds:
    if posting is None:
        return InsufficientFunds()
    return insufficient_funds(posting.wallet_id, posting.amount)


def insufficient_funds(wallet_id: int, required: Decimal) -> InsufficientFunds:
    wallet = Wallet.objects.get(pk=wallet_id)
    return InsufficientFunds(required=required, available=max(wallet.available, Decimal(0)), currency=wallet.currency)
