"""Monthly numbers: their plans, and what they cost whom."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models.expressions import RawSQL

from catalog.models import Country, CustomerPricing, MarkupRule, MonthlyNumberPlan, Price, PriceList, Product
from catalog.services.resolution import Quote, resolve
from wallets.errors import NoExchangeRate
from wallets.models import ExchangeRate


class PlanLine(NamedTuple):
    """A plan as pricing knows it."""

    product_id: int
    country_id: int
    provider: str
    cost: Decimal
    cost_currency: str
    kind: str = Product.Kind.MONTHLY_NUMBER
    service_id: int | None = None


class Wanted(NamedTuple):
    """One question of many: what does this plan cost this customer in this currency?"""

    customer_id: int
    currency: str
    plan_id: int


PlanQuote = Quote[PlanLine]


@transaction.atomic
def save_plan(plan: MonthlyNumberPlan) -> MonthlyNumberPlan:
    """Save a plan, new or changed; a new one becomes a product."""
    if plan.product_id is None:
        plan.product = Product.objects.create(kind=Product.Kind.MONTHLY_NUMBER)
    plan.save()
    return plan


def create_plan(*, country: Country, provider: str, **facts: Any) -> MonthlyNumberPlan:
    """Sell monthly numbers of `country` through `provider`; `facts` are further columns of the plan.

    Repeating it violates `number_plan_unique_per_country_provider`.
    """
    return save_plan(MonthlyNumberPlan(country=country, provider=provider, **facts))


def quote_plans(*, customer_id: int, currency: str, country: Country | None = None) -> list[PlanQuote]:
    """What a month costs this customer under each plan that is sold (in `country`), cheapest first.

    Amounts are in `currency`, to 6 places. Empty when nothing is sold there. Raises NoExchangeRate when
    prices exist but none can be converted.
    """
    plans = MonthlyNumberPlan.objects.sellable()
    if country is not None:
        plans = plans.filter(country=country)
    return resolve(_lines(plans), customer_id=customer_id, currency=currency)


def quote_renewals(wanted: Collection[Wanted], *, at: datetime | None = None) -> dict[Wanted, PlanQuote]:
    """What a further month costs each customer, sold to others or not; what has no price is absent.

    Many customers at once: all without a price of their own who are on the same list pay the same, so
    each such group is resolved once, by the same rules as a purchase.
    """
    lines = {line.product_id: line for line in _lines(MonthlyNumberPlan.objects.filter(pk__in=_plans(wanted)))}
    quotes: dict[Wanted, PlanQuote] = {}
    for alike in _groups(wanted):
        customer_id, currency, _ = alike[0]
        asked = [lines[plan_id] for plan_id in sorted(_plans(alike))]
        try:
            found = resolve(asked, customer_id=customer_id, currency=currency, at=at)
        except NoExchangeRate:
            continue
        by_plan = {quote.offer.product_id: quote for quote in found}
        quotes |= {each: by_plan[each.plan_id] for each in alike if each.plan_id in by_plan}
    return quotes


def price_changes(plan_ids: Collection[int], *, since: datetime, until: datetime) -> list[datetime]:
    """The moments after `since`, up to `until`, at which a renewal's price may change: what is scheduled now."""
    prices = Price.objects.filter(product__in=plan_ids, effective_from__gt=since, effective_from__lte=until)
    begins = MarkupRule.objects.filter(effective_from__gt=since, effective_from__lte=until)
    ends = MarkupRule.objects.filter(effective_until__gt=since, effective_until__lte=until)
    rates = ExchangeRate.objects.filter(effective_at__gt=since, effective_at__lte=until)
    moments = {
        *prices.values_list("effective_from", flat=True),
        *begins.values_list("effective_from", flat=True),
        *ends.values_list("effective_until", flat=True),
        *rates.values_list("effective_at", flat=True),
    }
    return sorted(moment for moment in moments if moment is not None)


def array(ids: Iterable[int]) -> RawSQL:
    """For `__in`: one parameter instead of thousands."""
    return RawSQL("SELECT unnest(%s::bigint[])", [list(ids)])


def _lines(plans: Any) -> list[PlanLine]:
    columns = ("product_id", "country_id", "provider", "cost", "cost_currency")
    return [PlanLine(*row) for row in plans.order_by().values_list(*columns)]


def _plans(wanted: Iterable[Wanted]) -> set[int]:
    return {each.plan_id for each in wanted}


def _groups(wanted: Collection[Wanted]) -> list[list[Wanted]]:
    """Those who pay the same: by list and currency; whoever has a price of their own is alone."""
    customers = array({each.customer_id for each in wanted})
    own = Price.objects.filter(customer__in=customers, product__in=_plans(wanted))
    alone = set(own.order_by().values_list("customer_id", flat=True).distinct())
    lists = dict(CustomerPricing.objects.filter(customer__in=customers).values_list("customer_id", "price_list_id"))
    default = PriceList.objects.filter(is_default=True).values_list("pk", flat=True).first()
    groups: dict[tuple[int | None, int | None, str], list[Wanted]] = defaultdict(list)
    for each in wanted:
        whose = each.customer_id if each.customer_id in alone else None
        groups[(whose, lists.get(each.customer_id, default), each.currency)].append(each)
    return list(groups.values())
