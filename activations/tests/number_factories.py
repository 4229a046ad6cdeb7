"""A small world of monthly numbers: a plan, a customer with money, and a clock that tests move."""

import itertools
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from activations.models import Subscription, SubscriptionPeriod
from activations.providers import GivenNumber
from activations.services import subscriptions
from activations.services.subscriptions import numbers
from activations.services.subscriptions.months import months_after
from activations.tests.factories import make_buyer
from catalog.models import MonthlyNumberPlan, Price
from catalog.services.number_plans import create_plan
from catalog.tests.factories import LONG_AGO, make_country
from wallets.models import Event, Transaction
from wallets.services import Buyer

PRICE = Decimal(6)
_phones = itertools.count(1)


def make_plan(
    country: str = "US", price: str | None = "6", currency: str = "USD", provider: str = "fake", **facts: Any
) -> MonthlyNumberPlan:
    """A plan, with a base price that has held since 2020 (none if `price` is None)."""
    plan = create_plan(country=make_country(country), provider=provider, **facts)
    if price is not None:
        set_plan_price(plan, price, currency)
    return plan


def set_plan_price(plan: MonthlyNumberPlan, amount: str | None, currency: str = "USD", **facts: Any) -> Price:
    value = None if amount is None else Decimal(amount)
    return Price.objects.create(
        product_id=plan.pk, amount=value, currency=currency, **{"effective_from": LONG_AGO, **facts}
    )


def subscribe(
    buyer: Buyer | None = None, *, auto_renew: bool = True, started: datetime | None = None, **facts: Any
) -> Subscription:
    """A number bought through the services, as if it had been given at `started`."""
    buyer = buyer or make_buyer(Decimal(100))
    bought = subscriptions.purchase(buyer=buyer, country="US", auto_renew=auto_renew)
    if started is not None:
        _give_at(bought, started)
    if facts:
        Subscription.objects.filter(pk=bought.pk).update(**facts)
    return Subscription.objects.get(pk=bought.pk)


def _give_at(bought: Subscription, started: datetime) -> None:
    end = months_after(started, 1, started.day)
    Subscription.objects.filter(pk=bought.pk).update(
        started_at=started, period_started_at=started, anchor_day=started.day, expires_at=end, due_at=end
    )
    SubscriptionPeriod.objects.filter(subscription=bought).update(starts_at=started, ends_at=end)


def charges(subscription: Subscription) -> list[tuple[str, Decimal]]:
    """Kind and amount of what the wallet paid for it, in order."""
    rows = Transaction.objects.filter(reference__startswith=f"subscription:{subscription.pk}:", wallet_delta__lt=0)
    return list(rows.order_by("id").values_list("kind", "amount"))


def events(subscription: Subscription) -> list[str]:
    """What its customer was told, in order."""
    rows = Event.objects.filter(object_type="subscription", object_id=subscription.pk).order_by("sequence")
    return [kind.removeprefix("subscription.") for kind in rows.values_list("kind", flat=True)]


def spans(subscription: Subscription) -> list[tuple[datetime, datetime]]:
    rows = SubscriptionPeriod.objects.filter(subscription=subscription).order_by("number")
    return [(row.starts_at, row.ends_at) for row in rows]


def give(subscription: Subscription) -> Subscription:
    """The provider's answer comes."""
    number = next(_phones)
    given = GivenNumber(f"late{number}", f"+1202556{number:04}")
    return numbers.give_number(subscription.pk, given, now=timezone.now())
