"""SMM services: what they cost whom, and what a provider's own list makes of ours."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from catalog.errors import EmptyList
from catalog.models import Product, SmmService
from catalog.models.smm import SmmServiceQuerySet
from catalog.services.resolution import EXACT, Quote, resolve
from wallets.services import quantize

PER = Decimal(1000)  # a rate is per 1,000


@dataclass(frozen=True, slots=True)
class ListedService:
    """A service as a provider's list has it: `cost` is per 1,000, in the currency the provider counts in."""

    id: str
    name: str
    category: str
    cost: Decimal
    min_quantity: int
    max_quantity: int
    can_refill: bool = False
    can_cancel: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """What a list changed: services added, with another cost, otherwise changed, and gone from the list."""

    added: int = 0
    repriced: int = 0
    changed: int = 0
    vanished: int = 0

    def __str__(self) -> str:
        return (
            f"{self.added} new, {self.repriced} with another cost, {self.changed} otherwise changed, "
            f"{self.vanished} vanished"
        )


@transaction.atomic
def save_smm_service(service: SmmService) -> SmmService:
    """Save a service, new or changed; a new one becomes a product."""
    if service.product_id is None:
        service.product = Product.objects.create(kind=Product.Kind.SMM)
    service.save()
    return service


def create_smm_service(*, name: str, provider: str, provider_service_id: str, **facts: Any) -> SmmService:
    """Sell a service of `provider`; `facts` are further columns.

    Repeating it violates `smm_service_once_per_provider`.
    """
    return save_smm_service(SmmService(name=name, provider=provider, provider_service_id=provider_service_id, **facts))


def quote_smm(
    services: SmmServiceQuerySet, *, customer_id: int, currency: str, at: datetime | None = None
) -> list[Quote[SmmService]]:
    """What 1,000 of each of `services` costs this customer, in `currency`, to 6 places; by id.

    What is not sellable or has no price is left out. Raises NoExchangeRate when prices exist but none
    can be converted.
    """
    quotes = resolve(list(services.sellable()), customer_id=customer_id, currency=currency, at=at)
    return sorted(quotes, key=lambda quote: quote.offer.product_id)


def price_of(rate_per_thousand: Decimal, quantity: int) -> Decimal:
    """What `quantity` costs at a rate per 1,000: rounded once, half up, to 6 places."""
    with localcontext(EXACT):
        return quantize(rate_per_thousand * quantity / PER)


def set_active(*, ids: Iterable[int], active: bool) -> int:
    """Sell services, or no more; returns how many were meant. One that its provider no longer has is not sold again."""
    meant = SmmService.objects.filter(pk__in=list(ids))
    return (meant.filter(vanished_at=None) if active else meant).update(is_active=active)


# --- The provider's list -------------------------------------------------------------------------


@transaction.atomic
def take_over(
    *, provider: str, cost_currency: str, listed: Sequence[ListedService], also_there: Collection[str] = ()
) -> Taken:
    """Make our services of `provider` follow its list; prices are never touched.

    A new one arrives switched off, with its cost and without a price: staff decide. Another cost is stored
    and flagged. One that is no longer listed is switched off, and stays so when it comes back;
    `also_there` are ids that the list has in a form we cannot read: those stay as they are.
    Repeating it with the same list changes nothing. Raises EmptyList: it would switch everything off.
    """
    if not listed:
        raise EmptyList
    _wait_for_others(provider)
    now = timezone.now()
    known = {row.provider_service_id: row for row in _locked(provider)}
    added = [_new(provider, cost_currency, each, now) for each in listed if each.id not in known]
    changes = [_follow(known[each.id], each, cost_currency, now) for each in listed if each.id in known]
    there = {each.id for each in listed} | set(also_there)
    SmmService.objects.filter(provider=provider, provider_service_id__in=there).update(listed_at=now)
    gone = [_vanish(row, now) for key, row in known.items() if key not in there and row.vanished_at is None]
    return Taken(added=len(added), repriced=changes.count("cost"), changed=changes.count("facts"), vanished=len(gone))


def accept_cost(service: SmmService) -> bool:
    """Staff have looked at the new cost: the flag goes. False where there was none."""
    flagged = SmmService.objects.filter(pk=service.pk, cost_changed_at__isnull=False)
    return bool(flagged.update(cost_changed_at=None, previous_cost=None))


def _wait_for_others(provider: str) -> None:
    """Two lists at once would both add what is new: the second waits for the first one's commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"catalog.smm:{provider}"])


def _locked(provider: str) -> SmmServiceQuerySet:
    return SmmService.objects.select_for_update(no_key=True).filter(provider=provider).order_by("pk")


def _new(provider: str, cost_currency: str, listed: ListedService, now: datetime) -> SmmService:
    return create_smm_service(
        provider=provider, provider_service_id=listed.id, cost_currency=cost_currency, is_active=False,
        listed_at=now, name=listed.name, category=listed.category, **_facts(listed),
    )  # fmt: skip


def _facts(listed: ListedService) -> dict[str, Any]:
    """What is the provider's to say, whatever staff have made of the rest."""
    names = ("cost", "min_quantity", "max_quantity", "can_refill", "can_cancel")
    return {name: getattr(listed, name) for name in names}


def _follow(row: SmmService, listed: ListedService, cost_currency: str, now: datetime) -> str:
    """Bring a service up to date; what changed in a word: cost, facts, or nothing."""
    wanted = _facts(listed) | {"cost_currency": cost_currency, "vanished_at": None}
    differs = {name for name, value in wanted.items() if getattr(row, name) != value}
    if differs & {"cost", "cost_currency"}:
        # Several changes before anybody looked are one: from what staff knew to what it is now.
        row.previous_cost = row.previous_cost if row.cost_changed_at else row.cost
        row.cost_changed_at = now
    for name in differs:
        setattr(row, name, wanted[name])
    if differs:
        row.save()
    return "cost" if differs & {"cost", "cost_currency"} else "facts" if differs else ""


def _vanish(row: SmmService, now: datetime) -> SmmService:
    row.is_active = False
    row.vanished_at = now
    row.save(update_fields=["is_active", "vanished_at"])
    return row
