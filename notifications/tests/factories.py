"""A small world to send messages in: a customer with money, an approved template, an outside we play ourselves."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils import timezone

from catalog.models import Price
from catalog.services.notifications import create_notification_product
from catalog.tests.factories import LONG_AGO, make_rate
from notifications import services
from notifications.models import Channel, Message, MessageTemplate, Sender
from notifications.providers import OutcomeUnknown, SendRequest, Standing, Submitted, Verdict
from notifications.services import Notification, texts
from wallets.models import Customer, Transaction, Wallet
from wallets.services import Buyer, deposit, open_customer
from wallets.services.audit import all_checks

TO = "+2348012345678"
NGN_PRICE = Decimal(20)
RATE = "1600"  # NGN for a dollar
USD_PRICE = Decimal("0.0125")
FUNDS = Decimal(10)
CONTENT_SID = f"HX{'0' * 32}"


class Crash(BaseException):
    """What `kill -9` does to us at this point: nothing of ours runs after it."""


class FakeProvider:
    """The outside: takes messages, remembers them by our reference, counts what it is asked.

    `before` and `after` are raised or called around `send`, for what goes wrong there.
    """

    name = "fake"
    needs_template_id = False
    silence_means_delivered = False

    def __init__(self) -> None:
        self.taken: dict[str, Submitted] = {}
        self.requests: list[SendRequest] = []
        self.standings: dict[str, Standing] = {}
        self.verdicts: dict[str, Verdict] = {}
        self.before: Any = None
        self.after: Any = None
        self.at_find: Any = None
        self.in_transaction: list[bool] = []

    def send(self, request: SendRequest, *, deadline_seconds: float) -> Submitted:
        self.requests.append(request)
        self.in_transaction.append(connection.in_atomic_block)
        act(self.before)
        taken = self.taken.setdefault(request.reference, Submitted(f"SM{len(self.taken):032x}"))
        act(self.after)
        return taken

    def find(self, request: SendRequest, *, is_ours_already: Any, deadline_seconds: float) -> Submitted | None:
        act(self.at_find)
        return self.taken.get(request.reference)

    def standing(self, message_id: str, *, deadline_seconds: float) -> Standing | None:
        return self.standings.get(message_id)

    def verdict(self, template_id: str, *, deadline_seconds: float) -> Verdict | None:
        return self.verdicts.get(template_id)


def act(trouble: Any) -> None:
    if isinstance(trouble, BaseException):
        raise trouble
    if trouble is not None:
        trouble()


UNKNOWN = OutcomeUnknown("no answer")


def make_prices(amount: Decimal = NGN_PRICE, **facts: Any) -> None:
    for category in ("utility", "marketing", "authentication"):
        product = create_notification_product(category=category, **facts)
        Price.objects.create(product_id=product.pk, amount=amount, currency="NGN", effective_from=LONG_AGO)
    make_rate("USD", "NGN", RATE)


def make_buyer(funds: Decimal = FUNDS, name: str = "Acme", mode: str = "live", currency: str = "USD") -> Buyer:
    """A customer with `funds` in its wallet, as a buyer."""
    customer = open_customer(name=name, currency=currency)
    wallet = customer.wallets.get()
    if funds:
        deposit(wallet=wallet, amount=funds, reference=f"deposit:{customer.pk}")
    return Buyer(customer.pk, wallet.pk, wallet.currency, mode=mode, credential="sgk_ab12", actor="key:sgk_ab12")


def make_sender(customer_id: int | None = None, address: str = "+12025550100", provider: str = "fake") -> Sender:
    """An approved WhatsApp sender; of the house without a customer."""
    return Sender.objects.create(
        customer_id=customer_id, channel=Channel.WHATSAPP, address=address, status="approved", provider=provider
    )


def make_draft(
    customer_id: int, body: str = "Your code is {{1}}.", name: str = "code", category: str = "authentication"
) -> MessageTemplate:
    return services.create_template(
        customer_id=customer_id, name=name, language="en", category=category, body=body,
        examples=dict.fromkeys(texts.placeholders(body), "example"),
    )  # fmt: skip


def make_template(customer_id: int, content_sid: str = "", **facts: Any) -> MessageTemplate:
    """An approved template."""
    template = make_draft(customer_id, **facts)
    services.approve(version=services.submit(template=template), actor="staff:ann", provider_template_id=content_sid)
    return template


def wish(template: MessageTemplate, to: str = TO, **variables: str) -> Notification:
    return Notification(template.pk, to, {"1": "123456"} | {key.removeprefix("v"): v for key, v in variables.items()})


def balance(buyer: Buyer) -> Decimal:
    return Wallet.objects.get(pk=buyer.wallet_id).balance


def movements(message: Message) -> list[tuple[str, Decimal]]:
    """What moved in the wallet for a message, oldest first."""
    rows = Transaction.objects.filter(reference__startswith=f"message:{message.pk}:", wallet__isnull=False)
    return [(row.kind, row.wallet_delta) for row in rows.order_by("id")]


def let_pass(message: Message, **delta: float) -> Message:
    """Move a message into the past, and make it due."""
    row = Message.objects.get(pk=message.pk)
    for field in ("created_at", "called_at", "call_deadline_at", "accepted_at", "erase_after"):
        moment = getattr(row, field)
        setattr(row, field, moment and moment - timedelta(**delta))
    row.due_at = row.due_at and timezone.now() - timedelta(seconds=1)
    row.save()
    return row


def report(message: Message, status: str, error_code: str = "", **facts: Any) -> Any:
    sid = message.provider_message_id
    return services.receive_report(sid=sid, status=status, error_code=error_code, **facts)


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


def differences() -> list[str]:
    """What the audit finds wrong; empty when the books are clean."""
    with connection.cursor() as cursor:
        return [f"{check.promise}: {row[0]}" for check in all_checks() for row in cursor.execute(check.sql).fetchall()]


def customer_of(buyer: Buyer) -> Customer:
    return Customer.objects.get(pk=buyer.customer_id)
