"""A small world to rent numbers in: a customer with money, an offer, and an outside world we play ourselves."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from activations.models import Activation
from activations.providers import GivenNumber, NumberRequest, ReceivedText
from activations.services.buying import Wish
from catalog.tests.factories import make_offer
from wallets.models import Customer, Wallet
from wallets.services import Buyer, deposit, open_customer
from wallets.services.audit import all_checks

PRICE = Decimal("0.15")
FUNDS = Decimal(10)


class Crash(BaseException):
    """What `kill -9` does to us at this point: nothing of ours runs after it."""


class FakeProvider:
    """The outside: gives numbers, remembers them by our reference, holds texts, counts what it is asked.

    `before["order"]` and `after["order"]` (and find, texts, give_back) are raised or called at that point.
    """

    name = "fake"

    def __init__(self) -> None:
        self.given: dict[str, GivenNumber] = {}
        self.inbox: dict[str, list[ReceivedText]] = defaultdict(list)
        self.returned: list[str] = []
        self.calls: list[str] = []
        self.before: dict[str, Any] = {}
        self.after: dict[str, Any] = {}
        self.requests: list[NumberRequest] = []
        self.outermost = depth()  # the test's own
        self._lock = threading.Lock()

    def order(self, request: NumberRequest, *, deadline_seconds: float) -> GivenNumber:
        self.requests.append(request)
        return self._call("order", lambda: self.give(request.reference))

    def find(self, reference: str, *, deadline_seconds: float) -> GivenNumber | None:
        return self._call("find", lambda: self.given.get(reference))

    def texts(self, number_id: str, *, deadline_seconds: float) -> list[ReceivedText]:
        return self._call("texts", lambda: list(self.inbox[number_id]))

    def give_back(self, number_id: str, *, deadline_seconds: float) -> None:
        self._call("give_back", lambda: self.returned.append(number_id))

    def give(self, reference: str) -> GivenNumber:
        with self._lock:
            number = f"n{len(self.given) + 1}"
            return self.given.setdefault(reference, GivenNumber(number, f"+1202555{len(self.given) + 1000:04}"))

    def send(self, activation: Activation, text: str = "Your code is 482913", sms_id: str = "sms-1") -> None:
        """An SMS lies ready at the provider; nobody has told us."""
        self.inbox[activation.provider_number_id].append(ReceivedText(id=sms_id, text=text, sender="Telegram"))

    def _call(self, name: str, answer: Callable[[], Any]) -> Any:
        assert depth() <= self.outermost, "a provider was called inside a transaction"
        self.calls.append(name)
        _happen(self.before.get(name))
        result = answer()
        _happen(self.after.get(name))
        return result


def depth() -> int:
    """How many transactions and savepoints are open."""
    return len(connection.savepoint_ids) + connection.in_atomic_block


def _happen(what: Any) -> None:
    if isinstance(what, BaseException):
        raise what
    if what is not None:
        what()


def die(*args: Any, **kwargs: Any) -> None:
    raise Crash


@contextmanager
def crash_at(where: Any, what: str) -> Iterator[None]:
    """Die where `where.what` would run (a module's function, or a call of the provider), and go on as a new process."""
    with pytest.MonkeyPatch.context() as patch:
        if isinstance(where, dict):
            patch.setitem(where, what, Crash())
        else:
            patch.setattr(where, what, die)
        with pytest.raises(Crash):
            yield


def together(*works: Callable[[], Any]) -> list[Any]:
    """Run these at once, each with a connection of its own; what each returned, or the exception it raised."""
    barrier = threading.Barrier(len(works), timeout=20)

    def run(work: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            barrier.wait()
            return work()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result(60) for future in [pool.submit(run, work) for work in works]]


def make_buyer(funds: Decimal = FUNDS, name: str = "Acme", mode: str = "live", currency: str = "USD") -> Buyer:
    """A customer with `funds` in its wallet, as a buyer."""
    customer = open_customer(name=name, currency=currency)
    wallet = customer.wallets.get()
    if funds:
        deposit(wallet=wallet, amount=funds, reference=f"deposit:{customer.pk}")
    return buyer_of(customer, mode)


def buyer_of(customer: Customer, mode: str = "live") -> Buyer:
    wallet = customer.wallets.get()
    return Buyer(customer.pk, wallet.pk, wallet.currency, mode=mode, credential="sgk_ab12", actor="key:sgk_ab12")


def make_fake_offer(service: str = "telegram", price: str | None = "0.15", **facts: Any) -> Any:
    return make_offer(service, "US", price=price, **{"provider": "fake", **facts})


def wish(service: str = "telegram", **facts: Any) -> Wish:
    return Wish(service=service, country="US", **facts)


def purse(buyer: Buyer) -> tuple[Decimal, Decimal]:
    """What is in the wallet, and what of it is held."""
    wallet = Wallet.objects.get(pk=buyer.wallet_id)
    return wallet.balance, wallet.held


def let_pass(activation: Activation, **delta: float) -> Activation:
    """Move an order into the past, and make it due."""
    fields = ("created_at", "call_deadline_at", "started_at", "expires_at", "received_at", "closed_at")
    row = Activation.objects.get(pk=activation.pk)
    for field in fields:
        moment = getattr(row, field)
        setattr(row, field, moment and moment - timedelta(**delta))
    row.due_at = row.due_at and timezone.now() - timedelta(seconds=1)
    row.save()
    return row


def differences() -> list[str]:
    """What the audit finds wrong; empty when the books are clean."""
    with connection.cursor() as cursor:
        return [f"{check.promise}: {row[0]}" for check in all_checks() for row in cursor.execute(check.sql).fetchall()]
