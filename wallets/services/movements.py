"""Money in, money out, money back."""

from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Sum

from config.numbers import plain
from wallets.errors import InvalidAmount, NotRefundable, RefundExceedsOriginal
from wallets.models import Transaction, Wallet
from wallets.services.alerts import rearm
from wallets.services.events import emit
from wallets.services.exchange import Conversion
from wallets.services.posting import Posting, post

BANK = "cash:bank"
ADJUSTMENTS = "expense:adjustments"


@transaction.atomic
def deposit(
    *,
    wallet: Wallet,
    amount: Decimal,
    reference: str,
    source: str = BANK,
    description: str = "Deposit",
    actor: str = "",
) -> Transaction:
    """Credit `amount` (wallet's currency) that arrived in the house account `source`.

    Repeating it with the same reference returns the first. Raises InvalidAmount, ReferenceConflict.
    """
    posting = Posting(
        debit=source, credit=wallet.pk, amount=amount, currency=wallet.currency, kind="deposit",
        reference=reference, description=description, actor=actor,
    )  # fmt: skip
    return _post_and_tell(posting, _lock(wallet.pk), "wallet.deposited")


def charge(
    *,
    wallet: Wallet,
    amount: Decimal,
    kind: str,
    reference: str,
    account: str,
    description: str = "",
    journal: str = "",
    conversion: Conversion | None = None,
    actor: str = "",
    credential: str = "",
) -> Transaction:
    """Take `amount` (wallet's currency) at once, to the house account `account`.

    Repeating it with the same reference returns the first. Raises InsufficientFunds, InvalidAmount,
    ReferenceConflict.
    """
    return post(
        Posting(
            debit=wallet.pk, credit=account, amount=amount, currency=wallet.currency, kind=kind, reference=reference,
            description=description, journal=journal, actor=actor, credential=credential,
            **(conversion.columns() if conversion else {}),
        )
    )  # fmt: skip


@transaction.atomic
def refund(
    *,
    original: Transaction,
    amount: Decimal | None = None,
    reference: str,
    kind: str = "refund",
    description: str = "",
    actor: str = "",
) -> Transaction:
    """Give back `amount` of a charge (by default all that was not given back yet).

    Repeating it with the same reference returns the first. Raises RefundExceedsOriginal, NotRefundable
    (a deposit, a refund, a conversion, a movement between house accounts), InvalidAmount, ReferenceConflict.
    """
    if original.wallet_delta is None or original.wallet_delta > 0 or original.reverses_id:
        raise NotRefundable()
    if original.kind == "conversion":
        raise NotRefundable("A conversion is not refunded; convert back.")
    # Locked first, so that two refunds of "the rest" see each other.
    wallet = _lock(original.debit_id)
    if amount is None:
        repeated = Transaction.objects.filter(reference=reference, reverses=original).first()
        amount = repeated.amount if repeated else refundable(original)
        if amount == 0:
            raise RefundExceedsOriginal(refundable=amount)
    posting = Posting(
        debit=original.credit.code, credit=original.debit_id, amount=amount, currency=original.currency, kind=kind,
        reference=reference, description=description, journal=original.journal, reverses_id=original.pk, actor=actor,
        credential=original.credential,
    )  # fmt: skip
    return _post_and_tell(posting, wallet, "wallet.refunded")


def refundable(original: Transaction) -> Decimal:
    """What of a transaction has not been given back yet."""
    given = original.refunds.aggregate(total=Sum("amount"))["total"] or Decimal(0)
    return original.amount - given


def adjust(*, wallet: Wallet, amount: Decimal, reference: str, reason: str, actor: str) -> Transaction:
    """Correct a wallet by a signed `amount`: above zero credits, below debits it.

    Repeating it with the same reference returns the first. Raises InsufficientFunds, InvalidAmount
    (also for a missing reason), ReferenceConflict.
    """
    if not reason.strip() or not amount.is_finite() or amount == 0:
        raise InvalidAmount("An adjustment needs an amount and a reason.")
    sides: dict[str, Any] = {"debit": ADJUSTMENTS, "credit": wallet.pk}
    if amount < 0:
        sides = {"debit": wallet.pk, "credit": ADJUSTMENTS}
    return post(
        Posting(
            **sides, amount=abs(amount), currency=wallet.currency, kind="adjustment", reference=reference,
            description=reason, actor=actor,
        )
    )  # fmt: skip


def chargeback(*, original: Transaction, amount: Decimal, reference: str, description: str, actor: str) -> Transaction:
    """Take back a deposit that the payer's bank reversed, even where the money is spent already.

    What is missing becomes the wallet's `debt`: nothing can be spent until deposits have paid it.
    Repeating it with the same reference returns the first. Raises NotRefundable (for what is no
    deposit), RefundExceedsOriginal, InvalidAmount, ReferenceConflict.
    """
    if original.kind != "deposit":
        raise NotRefundable("Only a deposit can be charged back.")
    return post(
        Posting(
            debit=original.credit_id, credit=original.debit.code, amount=amount, currency=original.currency,
            kind="chargeback", reference=reference, description=description, reverses_id=original.pk, actor=actor,
        )
    )  # fmt: skip


def _lock(wallet_id: int) -> Wallet:
    return Wallet.objects.select_for_update(no_key=True, of=("self",)).get(pk=wallet_id)


def _post_and_tell(posting: Posting, wallet: Wallet, event: str) -> Transaction:
    """Post and write the event once; `wallet` is locked, so a concurrent repeat waits before this."""
    posted_before = Transaction.objects.filter(reference=posting.reference).exists()
    posted = post(posting)
    if not posted_before:
        rearm(wallet.pk, (posted.balance_after or Decimal(0)) - wallet.held + wallet.credit_limit)
        emit(
            customer_id=wallet.customer_id,
            kind=event,
            object_type="wallet",
            object_id=wallet.pk,
            payload={
                "transaction_id": posted.pk,
                "kind": posted.kind,
                "amount": str(plain(posted.amount)),
                "currency": posted.currency,
                "balance": str(plain(posted.balance_after or Decimal(0))),
                "reference": posted.reference,
            },
        )
    return posted
