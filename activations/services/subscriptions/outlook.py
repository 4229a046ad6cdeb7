"""What will renew in the next days, for how much, and whether the wallet covers it."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from activations.models import Subscription
from activations.services.subscriptions.months import months_after
from catalog.services.number_plans import PlanQuote, Wanted, price_changes, quote_renewals
from wallets.models import Wallet

DAYS = 30


@dataclass(frozen=True)
class Coming:
    """A renewal to come. `price` is None where nothing is sold any more; `available_after` is what is left then."""

    subscription: Subscription
    period: int
    renews_at: datetime
    price: Decimal | None
    available_after: Decimal

    @property
    def is_covered(self) -> bool:
        return self.price is not None and self.available_after >= 0


@dataclass(frozen=True)
class Outlook:
    """The renewals of one wallet, in their order; amounts are in its currency."""

    currency: str
    available: Decimal
    until: datetime
    renewals: list[Coming]

    @property
    def total(self) -> Decimal:
        return sum((each.price for each in self.renewals if each.price is not None), Decimal(0))

    @property
    def shortfall(self) -> Decimal:
        """What must be deposited for all of it to be covered."""
        return max(self.total - self.available, Decimal(0))


def outlook(*, wallet: Wallet, now: datetime | None = None, days: int = DAYS) -> Outlook:
    """Every renewal of the wallet's subscriptions within `days`, at the price that holds then as far as is known.

    Scheduled prices and rates count from their moment on. Each is covered when the wallet, as it is now,
    pays for it and for all before it.
    """
    at = now or timezone.now()
    until = at + timedelta(days=days)
    subscriptions = list(
        Subscription.objects.filter(
            wallet=wallet, mode="live", auto_renew=True, status__in=Subscription.LISTENING, expires_at__lte=until
        ).select_related("country")
    )
    steps = sorted(
        ((when, each.pk, period, each) for each in subscriptions for period, when in _renewals(each, until)),
        key=lambda step: step[:3],
    )
    prices = _Prices(subscriptions, at, until)
    available = wallet.available
    renewals = []
    for when, _, period, each in steps:
        price = prices.at(each, when)
        available -= price or Decimal(0)
        renewals.append(Coming(each, period, when, price, available))
    return Outlook(wallet.currency, wallet.available, until, renewals)


def _renewals(subscription: Subscription, until: datetime) -> Iterator[tuple[int, datetime]]:
    """Period and moment of each: the next one (in grace: the next try), and those a short month brings."""
    assert subscription.started_at is not None  # the database promises both of a number that was given
    assert subscription.anchor_day is not None
    period, when = subscription.period, subscription.next_renewal_at or subscription.expires_at
    while when is not None and when <= until:
        yield period + 1, when
        period += 1
        when = months_after(subscription.started_at, period, subscription.anchor_day)


class _Prices:
    """Prices by moment: quoted once for each stretch in which none is scheduled to change."""

    def __init__(self, subscriptions: list[Subscription], now: datetime, until: datetime) -> None:
        self.wanted = {_wanted(each) for each in subscriptions}
        plans = {each.plan_id for each in subscriptions}
        self.stretches = [now, *price_changes(plans, since=now, until=until)]
        self.quotes: dict[datetime, dict[Wanted, PlanQuote]] = {}

    def at(self, subscription: Subscription, when: datetime) -> Decimal | None:
        begin = self.stretches[max(bisect_right(self.stretches, when) - 1, 0)]
        if begin not in self.quotes:
            self.quotes[begin] = quote_renewals(self.wanted, at=begin)
        quoted = self.quotes[begin].get(_wanted(subscription))
        return quoted.amount if quoted else None


def _wanted(subscription: Subscription) -> Wanted:
    return Wanted(subscription.customer_id, subscription.currency, subscription.plan_id)
