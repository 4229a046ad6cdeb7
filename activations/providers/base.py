"""What a source of numbers must be able to do, and the ways it can fail."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol


class ProviderError(Exception):
    """The provider answered with a clear no: nothing was bought and nothing is owed.

    `code` is one of our words: `no_numbers_available` or `provider_error`. `permanent` says that
    asking the same again is pointless.
    """

    def __init__(self, code: str = "provider_error", *, permanent: bool = True) -> None:
        super().__init__(code)
        self.code = code
        self.permanent = permanent


class OutcomeUnknown(Exception):
    """The call may or may not have happened: a timeout, a cut connection, an answer nobody understands."""


@dataclass(frozen=True)
class NumberRequest:
    """An order for one number. `reference` is ours and unique: `find` asks by it.

    A `monthly` one is kept until it is given back, and for no service of its own.
    """

    reference: str
    service: str
    service_name: str
    country: str
    ttl_seconds: int
    multiple_sms: bool = False
    area_code: str = ""
    carrier: str = ""
    monthly: bool = False


@dataclass(frozen=True)
class GivenNumber:
    """A number that the provider gave us; `id` is the provider's."""

    id: str
    phone: str
    cost: Decimal | None = None


@dataclass(frozen=True)
class ReceivedText:
    id: str
    text: str
    sender: str = ""
    received_at: datetime | None = field(default=None)


class NumberProvider(Protocol):
    """Every call ends within `deadline_seconds`, and may be repeated."""

    name: str

    def order(self, request: NumberRequest, *, deadline_seconds: float) -> GivenNumber:
        """Buy a number. Raises ProviderError (clear no) or OutcomeUnknown."""

    def find(self, reference: str, *, deadline_seconds: float) -> GivenNumber | None:
        """The number that our reference was given; None when it certainly was given none. Raises OutcomeUnknown."""

    def texts(self, number_id: str, *, deadline_seconds: float) -> list[ReceivedText]:
        """Every SMS that arrived so far, oldest first. Raises OutcomeUnknown."""

    def give_back(self, number_id: str, *, deadline_seconds: float) -> None:
        """End the rental: no more SMS. Giving back twice is fine. Raises OutcomeUnknown."""
