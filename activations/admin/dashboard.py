"""The first page: what the day brought, what is open, and what waits for somebody."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, Sum
from django.http import HttpRequest
from django.utils import timezone

from activations.admin import queues
from wallets.admin.days import first_id_since, today
from wallets.admin.filters import AVAILABLE, low
from wallets.admin.house import overdue
from wallets.admin.look import list_of, money, page_of
from wallets.models import Account, Hold, Tick, Transaction, Wallet

SHOWN = 8


@dataclass(frozen=True)
class Day:
    """One currency since midnight UTC, and what is set aside in it now."""

    currency: str
    revenue: Decimal = Decimal(0)
    deposits: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    holds: int = 0
    movements: int = 0

    @property
    def shown(self) -> dict[str, str]:
        return {name: money(getattr(self, name), self.currency) for name in ("revenue", "deposits", "held")}


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Each part for whoever may see it; every query goes by an index or reads today's rows only."""
    may = request.user.has_perm
    parts: dict[str, Any] = {"now": timezone.now(), "title": "Today", "queues": queues.message_queues(request)}
    if may("wallets.view_transaction"):
        parts |= {
            "days": days(),
            "transactions_url": list_of("wallets_transaction", posted_at_from=f"{today():%Y-%m-%d}"),
        }
        parts |= {
            "deposits_url": list_of("wallets_transaction", kind="deposit"),
            "holds_url": list_of("wallets_hold", status__exact="active"),
        }
    if may("activations.view_activation"):
        parts |= {"queues": queues.queues() + parts["queues"], "states": queues.by_status()}
    if may("wallets.view_tick"):
        parts |= {
            "overdue": [tick for tick in Tick.objects.all() if overdue(tick)],
            "ticks_url": list_of("wallets_tick"),
        }
    if may("wallets.view_wallet"):
        parts |= {"low_wallets": low_wallets(), "low_url": list_of("wallets_wallet", standing="low")}
    return context | parts


def days() -> list[Day]:
    """Today's movements and the open holds, by currency."""
    found: dict[str, dict[str, Any]] = {row["currency"]: row for row in _movements()}
    for row in _holds():
        found.setdefault(row["currency"], {"currency": row["currency"]}).update(row)
    return [
        Day(
            currency=currency,
            revenue=(row.get("earned") or Decimal(0)) - (row.get("returned") or Decimal(0)),
            deposits=row.get("deposited") or Decimal(0),
            held=row.get("held") or Decimal(0),
            holds=row.get("holds", 0),
            movements=row.get("movements", 0),
        )
        for currency, row in sorted(found.items())
    ]


def _movements() -> Any:
    revenue = Account.Type.REVENUE
    return (
        Transaction.objects.filter(pk__gte=first_id_since(today()), posted_at__gte=today())
        .order_by()
        .values("currency")
        .annotate(
            earned=Sum("amount", filter=Q(credit__type=revenue)),
            returned=Sum("amount", filter=Q(debit__type=revenue)),
            deposited=Sum("amount", filter=Q(kind="deposit")),
            movements=Count("pk"),
        )
    )


def _holds() -> Any:
    active = Hold.objects.filter(status=Hold.Status.ACTIVE).order_by().values(currency=F("wallet__currency"))
    return active.annotate(held=Sum(F("amount") - F("captured") - F("released")), holds=Count("pk"))


def low_wallets() -> list[dict[str, Any]]:
    """The wallets furthest below their warning."""
    rows = low(Wallet.objects.select_related("customer")).order_by(AVAILABLE - F("warned_below"))
    return [
        {
            "customer": wallet.customer,
            "url": page_of("wallets_wallet", wallet.pk),
            "available": money(wallet.available, wallet.currency),
            "threshold": money(wallet.warned_below, wallet.currency),
        }
        for wallet in rows[:SHOWN]
    ]
