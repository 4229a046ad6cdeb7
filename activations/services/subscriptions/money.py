"""The money of a subscription: each period is charged once, by its reference.

Call these inside the transaction that changes the subscription, its row locked: subscription, then wallet.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db import connection

from activations.models import Subscription, SubscriptionPeriod
from catalog.services.number_plans import PlanQuote
from wallets.models import Transaction
from wallets.services import Posting, post, refund

REVENUE = "revenue:numbers"
PURCHASE, RENEWAL, REFUND = "number_purchase", "number_renewal", "number_refund"


def charge_first(subscription: Subscription, quoted: PlanQuote, *, now: datetime) -> None:
    """Charge the first month, before any provider is asked. Raises InsufficientFunds."""
    SubscriptionPeriod.objects.create(
        subscription=subscription,
        number=1,
        price=quoted.amount,
        currency=quoted.currency,
        cost=quoted.offer.cost,
        cost_currency=quoted.offer.cost_currency,
        charged_at=now,
    )
    if subscription.moves_money:
        post(posting(subscription, 1, quoted, kind=PURCHASE, actor=actor_of(subscription)))


def give_back_first(subscription: Subscription, *, actor: str) -> None:
    """No number came: all that was charged goes back, once."""
    charge = Transaction.objects.filter(reference=subscription.reference(1)).first()
    if charge is not None:
        refund(
            original=charge,
            reference=f"subscription:{subscription.pk}:refund",
            kind=REFUND,
            description=f"Refund for {charge.description}",
            actor=actor,
        )


def posting(subscription: Subscription, period: int, quoted: PlanQuote, *, kind: str, actor: str) -> Posting:
    """The charge of a period, at the price that was quoted for it."""
    is_converted = quoted.original_currency != quoted.currency
    return Posting(
        debit=subscription.wallet_id,
        credit=REVENUE,
        amount=quoted.amount,
        currency=quoted.currency,
        kind=kind,
        reference=subscription.reference(period),
        # No phone number: the books keep every word for ever.
        description=f"Monthly number #{subscription.pk}, period {period}",
        original_amount=quoted.original_amount if is_converted else None,
        original_currency=quoted.original_currency if is_converted else None,
        rate=quoted.rate if is_converted else None,
        actor=actor,
        credential=subscription.credential,
    )


def record_periods(begun: Sequence[tuple[Subscription, PlanQuote]], *, now: datetime) -> None:
    """Write the rows of the periods that have just begun, at once."""
    if not begun:
        return
    columns = "subscription_id, number, starts_at, ends_at, price, currency, cost, cost_currency, charged_at"
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY activations_subscriptionperiod ({columns}) FROM STDIN") as copy,
    ):
        for row, quoted in begun:
            offer = quoted.offer
            copy.write_row((
                row.pk, row.period, row.period_started_at, row.expires_at, quoted.amount, quoted.currency,
                offer.cost, offer.cost_currency, now,
            ))  # fmt: skip


def taken_for(subscription: Subscription) -> Decimal:
    """What the wallet paid for it so far, less what was given back."""
    references = [subscription.reference(number) for number in range(1, subscription.period + 1)]
    charges = Transaction.objects.filter(reference__in=references).prefetch_related("refunds")
    return sum((row.amount - sum(back.amount for back in row.refunds.all()) for row in charges), Decimal(0))


def actor_of(subscription: Subscription) -> str:
    return f"key:{subscription.credential}" if subscription.credential else ""
