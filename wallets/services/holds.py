"""Money set aside: placed, then captured or released, in parts or whole."""

from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils import timezone

from wallets.errors import AmountExceedsHold, HoldClosed, ReferenceConflict
from wallets.models import Hold, Release, Transaction, Wallet
from wallets.services.exchange import Conversion
from wallets.services.posting import (
    Posting,
    check_amount,
    constraint_of,
    domain_error,
    insufficient_funds,
    post,
)


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

    The sweep releases what is still open after `expires_at`. Repeating it with the same reference
    returns the first hold. Raises InsufficientFunds, InvalidAmount, ReferenceConflict.
    """
    check_amount(amount)
    try:
        with transaction.atomic():
            return Hold.objects.create(
                wallet_id=wallet.pk, amount=amount, reference=reference, expires_at=expires_at,
                description=description, actor=actor, credential=credential,
            )  # fmt: skip
    except IntegrityError as refusal:
        existing = Hold.objects.filter(reference=reference).first()
        if existing is None:
            if constraint_of(refusal) == "wallet_available_not_negative":
                raise insufficient_funds(wallet.pk, amount) from refusal
            raise
        if (existing.wallet_id, existing.amount) != (wallet.pk, amount):
            raise ReferenceConflict(reference=reference) from refusal
        return existing


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
    AmountExceedsHold, ReferenceConflict.
    """
    repeated = Transaction.objects.filter(reference=reference).first()
    if repeated:
        if repeated.hold_id != hold.pk or (amount is not None and amount != repeated.amount):
            raise ReferenceConflict(reference=reference)
        return repeated
    hold.refresh_from_db()
    amount = _amount_of(hold, amount)
    captured = post(
        Posting(
            debit=hold.wallet_id, credit=account, amount=amount, currency=hold.wallet.currency, kind=kind,
            reference=reference, description=description or hold.description, hold_id=hold.pk, actor=actor or hold.actor,
            credential=hold.credential, **(conversion.columns() if conversion else {}),
        )
    )  # fmt: skip
    hold.refresh_from_db()
    return captured


def release(
    *,
    hold: Hold,
    amount: Decimal | None = None,
    reference: str = "",
    cause: str = Release.Cause.RELEASED,
    actor: str = "",
) -> Release:
    """Give back `amount` (all that is left by default) of a hold.

    Repeating it with the same reference (by default the hold's own plus `:release`) returns the first.
    Raises HoldClosed, AmountExceedsHold, ReferenceConflict.
    """
    reference = reference or f"{hold.reference}:release"
    repeated = Release.objects.filter(reference=reference).first()
    if repeated:
        if repeated.hold_id != hold.pk or (amount is not None and amount != repeated.amount):
            raise ReferenceConflict(reference=reference)
        return repeated
    hold.refresh_from_db()
    amount = _amount_of(hold, amount)
    try:
        with transaction.atomic():
            released = Release.objects.create(hold=hold, amount=amount, reference=reference, cause=cause, actor=actor)
    except IntegrityError as refusal:
        repeated = Release.objects.filter(reference=reference, hold=hold, amount=amount).first()
        if repeated is None:
            raise domain_error(refusal, None) from refusal
        released = repeated
    hold.refresh_from_db()
    return released


def expire_due_holds(*, limit: int = 500) -> int:
    """Give back what is left of holds whose deadline has passed; returns how many.

    Orders release their own holds in time; this catches what no order claims any more.
    Safe to run twice at once.
    """
    with transaction.atomic():
        due = list(
            Hold.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
            .filter(status=Hold.Status.ACTIVE, expires_at__lt=timezone.now())
            .order_by("id")[:limit]
        )
        for hold in due:
            release(hold=hold, cause=Release.Cause.EXPIRED, reference=f"{hold.reference}:expired", actor="task:holds")
    return len(due)


def _amount_of(hold: Hold, amount: Decimal | None) -> Decimal:
    if hold.status != Hold.Status.ACTIVE:
        raise HoldClosed(hold=hold.reference, status=hold.status)
    if amount is None:
        return hold.remaining
    check_amount(amount)
    if amount > hold.remaining:
        raise AmountExceedsHold(remaining=hold.remaining)
    return amount
