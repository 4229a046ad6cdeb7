"""What a provider of SMM orders must be able to do. It fails as every provider does (see providers/base.py)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from activations.models import SmmOrder
from catalog.services.smm import ListedService

BATCH = 100  # orders that one question may be about


@dataclass(frozen=True, slots=True)
class SmmRequest:
    """An order to place. `reference` is ours and unique; `service_id` is the provider's."""

    reference: str
    service_id: str
    link: str
    quantity: int


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What a provider says of an order. None: it did not say, or nothing that can be true."""

    status: SmmOrder.Status
    start_count: int | None = None
    remains: int | None = None
    cost: Decimal | None = None
    cost_currency: str = ""


@dataclass(frozen=True, slots=True)
class SmmSheet:
    """A provider's list of services. `unreadable` are ids that are there, but nothing we could sell."""

    cost_currency: str
    services: Sequence[ListedService]
    unreadable: frozenset[str] = field(default_factory=frozenset)


class SmmProvider(Protocol):
    """Every call ends within `deadline_seconds`; all but `place` may be repeated."""

    name: str
    poll_seconds: float  # how soon after an order, or a change, it is worth asking again
    # Can an order be found by our reference? Where not, only a person can find out what a call has done.
    remembers_references: bool

    def place(self, request: SmmRequest, *, deadline_seconds: float) -> str:
        """Order it; the provider's id of the order. Raises ProviderError (clear no) or OutcomeUnknown."""

    def find(self, reference: str, *, deadline_seconds: float) -> str | None:
        """The id of the order with our reference; None where there certainly is none. Raises OutcomeUnknown."""

    def reports(self, ids: Sequence[str], *, deadline_seconds: float) -> dict[str, OrderReport]:
        """What became of up to 100 orders; those it says nothing understandable of are absent.

        Raises ProviderError, OutcomeUnknown where it answers nothing at all.
        """

    def cancel(self, order_id: str, *, deadline_seconds: float) -> None:
        """Ask to stop an order; its next reports say what became of that. Raises ProviderError, OutcomeUnknown."""

    def refill(self, order_id: str, *, deadline_seconds: float) -> str:
        """Ask for what dropped off; the provider's id of the refill. Raises ProviderError, OutcomeUnknown."""

    def sheet(self, *, deadline_seconds: float) -> SmmSheet:
        """Everything it sells. Raises ProviderError, OutcomeUnknown."""
