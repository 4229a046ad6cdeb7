"""Renewal: every subscription whose period is over is charged for the next, kept in grace, or ended.

A number that is still the customer's keeps its periods: they follow each other without a gap, each is
charged once, at the price that holds when it is charged. After days without a scheduler the missed ones
are charged one by one, in order; the number was kept and its SMS arrived all the while. What cannot
be charged (no money, a suspended account, no price) is kept three days and tried daily, then released;
those days are free.

Due rows are taken in batches, each one transaction: subscriptions first, then their wallets in id order.
Two workers take different rows, and the unique reference of a charge stops whatever else might go wrong.
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from activations.errors import RenewalNotDue, SubscriptionInactive
from activations.models import Subscription
from activations.services.subscriptions import money
from activations.services.subscriptions.ending import close
from activations.services.subscriptions.months import months_after
from activations.services.subscriptions.telling import OBJECT, news_of
from catalog.services.number_plans import PlanQuote, Wanted, array, quote_renewals
from config.numbers import plain
from wallets.models import Customer, Wallet
from wallets.services import News, Posting, emit_many, post_many

log = structlog.get_logger(__name__)

Status = Subscription.Status

GRACE = timedelta(days=3)
TRY_EVERY = timedelta(days=1)
# Somebody looks before so much is charged at once: a clock that jumped looks just the same.
MOST_MISSED = 3
SET_ASIDE = timedelta(hours=1)
BATCH = 1_000
TICK_SECONDS = 60.0
ACTOR = "task:renewals"

# What a look may change: column and type, for one UPDATE of many rows.
COLUMNS = {
    "status": "text", "auto_renew": "boolean", "period": "integer", "period_started_at": "timestamptz",
    "expires_at": "timestamptz", "grace_until": "timestamptz", "price": "numeric", "failure": "text",
    "needs_staff": "boolean", "closed_at": "timestamptz", "due_at": "timestamptz", "attempts": "integer",
}  # fmt: skip


def renew_due(*, now: datetime | None = None, seconds: float = TICK_SECONDS, batch: int = BATCH) -> int:
    """Renew, keep in grace or end every subscription that is due, for at most about `seconds`; returns how many looks.

    Safe to run twice at once and after a crash: a batch is done as a whole or not at all.
    """
    stop = time.monotonic() + seconds
    looked = 0
    while time.monotonic() < stop and (found := _look_at_batch(batch, now or timezone.now())):
        looked += found
    return looked


@transaction.atomic
def renew(*, subscription: Subscription, actor: str, now: datetime | None = None) -> Subscription:
    """Try one renewal that is due now, without waiting for its tick, however many periods were missed.

    It is `active` where it was charged, `grace` where it could not be. Each call charges one period at most.
    Raises SubscriptionInactive, RenewalNotDue, which is what repeating it after a success does.
    """
    at = now or timezone.now()
    row = Subscription.objects.locked().get(pk=subscription.pk)
    if not row.is_listening or not row.auto_renew:
        raise SubscriptionInactive(id=row.pk, status=row.status)
    if row.expires_at is None or row.expires_at > at:
        raise RenewalNotDue(id=row.pk)
    _Round([row], at, actor, most_missed=None).run()
    return row


def _look_at_batch(limit: int, now: datetime) -> int:
    claimed: list[int] = []
    try:
        with transaction.atomic():
            rows = _claim(limit, now)
            claimed = [row.pk for row in rows]
            if rows:
                _Round(rows, now, ACTOR, most_missed=MOST_MISSED).run()
    except OperationalError:
        raise  # the database's trouble, not a row's: the next tick looks again
    except Exception:
        # One bad row must not stop the others.
        log.exception("a batch of renewals failed", subscriptions=len(claimed))
        for subscription_id in claimed:
            _look_at_one(subscription_id, now)
    return len(claimed)


def _look_at_one(subscription_id: int, now: datetime) -> None:
    try:
        with transaction.atomic():
            rows = list(_due(now).filter(pk=subscription_id))
            if rows:
                _Round(rows, now, ACTOR, most_missed=MOST_MISSED).run()
    except OperationalError:
        raise
    except Exception:
        log.exception("subscription could not be renewed", subscription=subscription_id)
        Subscription.objects.filter(pk=subscription_id).update(due_at=now + SET_ASIDE, needs_staff=True)


def _claim(limit: int, now: datetime) -> list[Subscription]:
    return list(_due(now).order_by("due_at", "id")[:limit])


def _due(now: datetime):  # type: ignore[no-untyped-def]
    return Subscription.objects.select_for_update(no_key=True, skip_locked=True, of=("self",)).filter(
        due_at__lte=now, status__in=Subscription.LISTENING
    )


class _Round:
    """One look at locked rows: decide each in order, then write everything at once."""

    def __init__(self, rows: Sequence[Subscription], now: datetime, actor: str, *, most_missed: int | None) -> None:
        self.rows = rows
        self.now = now
        self.actor = actor
        self.most_missed = most_missed
        self.postings: list[Posting] = []
        self.begun: list[tuple[Subscription, PlanQuote]] = []
        self.news: list[News] = []

    def run(self) -> None:
        renewing = [row for row in self.rows if row.auto_renew]
        self.quotes = quote_renewals({_wanted(row) for row in renewing}, at=self.now)
        self.spenders = _who_may_spend(renewing)
        self.purses = _lock_purses(renewing)
        for row in self.rows:
            self._look(row)
        if self.postings:
            post_many(self.postings)
        money.record_periods(self.begun, now=self.now)
        _write(self.rows)
        emit_many(self.news, object_type=OBJECT)

    def _look(self, row: Subscription) -> None:
        if not row.auto_renew:
            close(row, Status.CANCELED if row.is_canceled else Status.EXPIRED, self.now)
            self.news.append(news_of(row, row.status))
        else:
            self._try(row)

    def _try(self, row: Subscription) -> None:
        quoted = self.quotes.get(_wanted(row))
        if quoted is None:
            self._keep(row, "not_offered")
        elif row.customer_id not in self.spenders:
            self._keep(row, "account_suspended")
        elif row.moves_money and self.purses[row.wallet_id] < quoted.amount:
            self._keep(row, "insufficient_balance", quoted)
        elif self._has_missed_too_much(row):
            row.due_at, row.needs_staff, row.failure = None, True, "missed_periods"
        else:
            self._renew(row, quoted)

    def _has_missed_too_much(self, row: Subscription) -> bool:
        return self.most_missed is not None and self.now >= _end_of(row, row.period + self.most_missed)

    def _renew(self, row: Subscription, quoted: PlanQuote) -> None:
        row.period += 1
        if row.moves_money:
            self.purses[row.wallet_id] -= quoted.amount
            charge = money.posting(row, row.period, quoted, kind=money.RENEWAL, actor=self.actor)
            self.postings.append(charge)
        row.period_started_at = row.expires_at
        row.expires_at = row.due_at = _end_of(row, row.period)
        row.status = Status.ACTIVE
        row.grace_until = None
        row.price = quoted.amount
        row.failure = ""
        row.needs_staff = False
        row.attempts = 0
        self.begun.append((row, quoted))
        self.news.append(news_of(row, "renewed"))

    def _keep(self, row: Subscription, reason: str, quoted: PlanQuote | None = None) -> None:
        """Grace begins, goes on, or is over."""
        if row.status == Status.GRACE and row.grace_until is not None and self.now >= row.grace_until:
            close(row, Status.RELEASED, self.now, reason)
            self.news.append(news_of(row, "released", reason=reason))
            return
        begins = row.status != Status.GRACE or row.grace_until is None
        if begins or row.grace_until is None:
            # From now, not from the period's end: three days to pay, however late we noticed.
            row.status, row.grace_until, row.attempts = Status.GRACE, self.now + GRACE, 0
        row.due_at = min(self.now + TRY_EVERY, row.grace_until)
        row.failure = reason
        row.attempts += 1
        row.needs_staff = reason == "not_offered"
        if begins:
            self.news.append(self._notice(row, reason, quoted))

    def _notice(self, row: Subscription, reason: str, quoted: PlanQuote | None) -> News:
        facts = {"reason": reason, "grace_until": row.grace_until and row.grace_until.isoformat()}
        if quoted is not None:
            available = max(self.purses[row.wallet_id], Decimal(0))
            facts |= {"required": str(plain(quoted.amount)), "available": str(plain(available))}
        return news_of(row, "grace", **facts)


def _wanted(row: Subscription) -> Wanted:
    return Wanted(row.customer_id, row.currency, row.plan_id)


def _end_of(row: Subscription, period: int) -> datetime:
    assert row.started_at is not None  # the database promises both of a number that was given
    assert row.anchor_day is not None
    return months_after(row.started_at, period, row.anchor_day)


def _who_may_spend(rows: Sequence[Subscription]) -> set[int]:
    customers = Customer.objects.filter(pk__in=array({row.customer_id for row in rows}), status=Customer.Status.ACTIVE)
    return set(customers.order_by().values_list("pk", flat=True))


def _lock_purses(rows: Sequence[Subscription]) -> dict[int, Decimal]:
    """What can be spent from each wallet, locked in id order: nobody else takes it before this commits."""
    wallets = {row.wallet_id for row in rows if row.moves_money}
    locked = Wallet.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=array(wallets)).order_by("pk")
    columns = ("pk", "balance", "held", "credit_limit")
    return {pk: balance - held + limit for pk, balance, held, limit in locked.values_list(*columns)}


def _write(rows: Sequence[Subscription]) -> None:
    sets = ", ".join(f"{name} = n.{name}" for name in COLUMNS)
    arrays = ", ".join(["%s::bigint[]", *(f"%s::{kind}[]" for kind in COLUMNS.values())])
    values = [[row.pk for row in rows], *([getattr(row, name) for row in rows] for name in COLUMNS)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE activations_subscription s SET {sets}"  # noqa: S608
            f" FROM unnest({arrays}) AS n (id, {', '.join(COLUMNS)}) WHERE s.id = n.id",
            values,
        )
