"""A small world to order in: a service with a price, and providers that we play ourselves."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from activations.models import SmmOrder
from activations.providers.smm import OrderReport, SmmRequest, SmmSheet
from activations.services import smm
from activations.services.smm import Wish
from activations.tests.factories import _happen, depth
from catalog.models import SmmService
from catalog.services.smm import create_smm_service
from catalog.tests.factories import make_price
from wallets.services import Buyer

LINK = "https://instagram.com/example"
PRICE = Decimal("0.5")  # of a thousand at the printed rate
Status = SmmOrder.Status


class FakeSmmProvider:
    """The outside: takes orders, remembers them by our reference, reports what it is told to.

    `before["place"]` and `after["place"]` (and find, reports, cancel, refill) are raised or called at that point.
    """

    name = "fake"
    poll_seconds = 30.0

    def __init__(self, *, remembers_references: bool = True) -> None:
        self.remembers_references = remembers_references
        self.placed: dict[str, str] = {}
        self.says: dict[str, OrderReport] = {}
        self.requests: list[SmmRequest] = []
        self.questions: list[list[str]] = []
        self.calls: list[str] = []
        self.before: dict[str, Any] = {}
        self.after: dict[str, Any] = {}
        self.outermost = depth()  # the test's own

    def place(self, request: SmmRequest, *, deadline_seconds: float) -> str:
        self.requests.append(request)
        return self._call("place", lambda: self.placed.setdefault(request.reference, f"p{len(self.placed) + 1}"))

    def find(self, reference: str, *, deadline_seconds: float) -> str | None:
        return self._call("find", lambda: self.placed.get(reference))

    def reports(self, ids: list[str], *, deadline_seconds: float) -> dict[str, OrderReport]:
        self.questions.append(list(ids))
        return self._call("reports", lambda: {each: self.says[each] for each in ids if each in self.says})

    def cancel(self, order_id: str, *, deadline_seconds: float) -> None:
        self._call("cancel", lambda: None)

    def refill(self, order_id: str, *, deadline_seconds: float) -> str:
        return self._call("refill", lambda: f"refill-{order_id}")

    def sheet(self, *, deadline_seconds: float) -> SmmSheet:
        raise NotImplementedError

    def _call(self, name: str, answer: Callable[[], Any]) -> Any:
        assert depth() <= self.outermost, "a provider was called inside a transaction"
        self.calls.append(name)
        _happen(self.before.get(name))
        result = answer()
        _happen(self.after.get(name))
        return result


def make_smm_service(
    name: str = "Instagram Followers", rate: str | None = "0.5", provider: str = "fake", **facts: Any
) -> SmmService:
    """A new service as printed: 0.5 per 1,000, from 100 to 10,000; no price if `rate` is None."""
    number = SmmService.objects.count() + 1
    made = create_smm_service(
        name=name, provider=provider, **{
            "provider_service_id": str(number), "min_quantity": 100, "max_quantity": 10_000,
            "cost": Decimal("0.3"), **facts,
        },
    )  # fmt: skip
    if rate is not None:
        make_price(made, rate)
    return made


def wish(service: SmmService, **facts: Any) -> Wish:
    return Wish(**{"service_id": service.pk, "link": LINK, "quantity": 1000, **facts})


def ordered(buyer: Buyer, service: SmmService, **facts: Any) -> SmmOrder:
    return smm.place(buyer=buyer, wish=wish(service, **facts))


def let_pass(order: SmmOrder, **delta: float) -> SmmOrder:
    """Move an order into the past, and make it due."""
    row = SmmOrder.objects.get(pk=order.pk)
    for field in ("created_at", "call_deadline_at", "placed_at", "reported_at", "refill_asked_at", "closed_at"):
        moment = getattr(row, field)
        setattr(row, field, moment and moment - timedelta(**delta))
    row.due_at = row.due_at and timezone.now() - timedelta(seconds=1)
    row.save()
    return row


def tick(*orders: SmmOrder, **passed: float) -> int:
    """The ticks come by, after some time; returns how many orders they looked at."""
    for row in orders or SmmOrder.objects.exclude(due_at=None):
        let_pass(row, **(passed or {"minutes": 1}))
    looked = smm.look_at_due() + smm.poll_due()
    for order in orders:
        order.refresh_from_db()
    return looked


def report(
    provider: FakeSmmProvider, order: SmmOrder, status: str, remains: int | None = None, **facts: Any
) -> SmmOrder:
    """The provider says so, and the tick asks it."""
    provider.says[order.provider_order_id] = OrderReport(Status(status), remains=remains, **facts)
    tick(order)
    return order
