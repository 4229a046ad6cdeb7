"""Money set aside: placed, then captured or released, in parts or whole."""

from datetime import datetime
from decimal import Decimal

from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from wallets.errors import AmountExceedsHold, HoldClosed, ReferenceConflict
from wallets.models import Hold, Release, Transaction, Wallet
from wallets.services.amounts import check_amount
from wallets.services.exchange import Conversion
from wallets.services.posting import Posting, post, same_or_conflict, savepoint_if_inside
from wallets.services.refusals import constraint_of, domain_error, insufficient_funds


def place_hold(
    *,
    wallet: Wallet,
    amount: Decimal,
    reference: str,
    expires_at: datetime | None = None,
    description: str = "",
    actor: str = "",
    credential: str = "",
) -> Hold:
    """Set `amount` (wallet's currency) aside until it is captured or released.

    The sweep releases what is still open after `expires_at`. Repeating it with the same reference (at
    most 110 characters) returns the first hold. Raises InsufficientFunds, InvalidAmount, ReferenceConflict.
    """
    check_amount(amount)
    try:
        with savepoint_if_inside():
            return Hold.objects.create(
                wallet_id=wallet.pk, amount=amount, reference=reference, expires_at=expires_at,
                description=description, actor=actor, credential=credential,
            )  # fmt: skip
    except (IntegrityError, DataError) as refusal:
        existing = Hold.objects.filter(reference=reference).first()
        if existing is None:
            if constraint_of(refusal) == "wallet_available_not_negative":
                raise insufficient_funds(wallet.pk, amount) from refusal
            raise domain_error(refusal, None) from refusal
        if (existing.wallet_id, existing.amount) != (wallet.pk, amount):
            raise ReferenceConflict(reference=reference) from refusal
        return existing


@transaction.atomic
def capture(
    *,
    hold: Hold,
    amount: Decimal | None = None,
    kind: str,
    reference: str,
    account: str,
    description: str = "",
    conversion: Conversion | None = None,
    actor: str = "",
) -> Transaction:
    """Take `amount` (all that is left by default) of a hold, to the house account `account`.

    Repeating it with the same reference returns the first transaction. Raises HoldClosed,
    AmountExceedsHold, InvalidAmount, ReferenceConflict.
    """
    # Looked up only once locked: a concurrent repeat, capture or release waits here.
    locked = _lock(hold)
    repeated = Transaction.objects.filter(reference=reference).first()
    if amount is None:
        amount = repeated.amount if repeated else locked.remaining
    posting = Posting(
        debit=locked.wallet_id, credit=account, amount=amount, currency=locked.wallet.currency, kind=kind,
        reference=reference, description=description or locked.description, hold_id=locked.pk,
        actor=actor or locked.actor, credential=locked.credential, **(conversion.columns() if conversion else {}),
    )  # fmt: skip
    if repeated:
        return same_or_conflict(posting, repeated)
    _check_left(locked, amount)
    captured = post(posting)
    hold.refresh_from_db()
    return captured


@transaction.atomic
def release(
    *,
    hold: Hold,
    amount: Decimal | None = None,
    reference: str = "",
    cause: str = Release.Cause.RELEASED,
    actor: str = "",
) -> Release:
    """Give back `amount` of a hold, or all that is left of it.

    Repeating it with the same reference (of a whole release by default the hold's own plus `:release`;
    a part needs one of its own) returns the first. Raises HoldClosed, AmountExceedsHold, InvalidAmount,
    ReferenceConflict.
    """
    if amount is not None and not reference:
        raise TypeError("A release of a part needs a reference of its own.")
    reference = reference or f"{hold.reference}:release"
    locked = _lock(hold)
    repeated = Release.objects.filter(reference=reference).first()
    if repeated:
        if repeated.hold_id != hold.pk or amount not in {None, repeated.amount}:
            raise ReferenceConflict(reference=reference)
        return repeated
    amount = locked.remaining if amount is None else amount
    _check_left(locked, amount)
    try:
        with transaction.atomic():
            released = Release.objects.create(hold=hold, amount=amount, reference=reference, cause=cause, actor=actor)
    except IntegrityError as refusal:
        # Used for another hold by a caller who did not wait for our lock.
        if Release.objects.filter(reference=reference).exists():
            raise ReferenceConflict(reference=reference) from refusal
        raise
    hold.refresh_from_db()
    return released


@transaction.atomic
def expire_due_holds(*, limit: int = 500) -> int:
    """Give back what is left of holds whose deadline has passed; returns how many.

    Orders release their own holds in time; this catches what no order claims any more.
    Safe to run twice at once.
    """
    due = (
        Hold.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .filter(status=Hold.Status.ACTIVE, expires_at__lt=timezone.now())
        .order_by("id")[:limit]
    )
    # Wallet by wallet in id order, as everywhere: a batch may be moving the same wallets.
    releases = [
        Release(
            hold=hold, amount=hold.remaining, cause=Release.Cause.EXPIRED, reference=f"{hold.reference}:expired",
            actor="task:holds",
        )
        for hold in sorted(due, key=lambda hold: (hold.wallet_id, hold.pk))
    ]  # fmt: skip
    return len(Release.objects.bulk_create(releases))


def _lock(hold: Hold) -> Hold:
    return Hold.objects.select_for_update(no_key=True, of=("self",)).select_related("wallet").get(pk=hold.pk)


def _check_left(hold: Hold, amount: Decimal) -> None:
    if hold.status != Hold.Status.ACTIVE:
        raise HoldClosed(hold=hold.reference, status=hold.status)
    check_amount(amount)
    if amount > hold.remaining:
        raise AmountExceedsHold(remaining=hold.remaining)
