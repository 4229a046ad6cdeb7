"""A small world to send SMS in bulk: rates, a house sender, and recipients by what becomes of them."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import F
from django.utils import timezone

from catalog.tests.factories import make_destination
from notifications import services
from notifications.models import Channel, Message, SandboxMessage, Sender, Sending
from notifications.services import SendingWanted
from notifications.services.sandbox import deliver_due_reports

PRICE = Decimal("0.03")
COST = Decimal("0.01")
DANE = "+4520123456"
REFUSED, UNDELIVERED, NO_REPORT, OPTED_OUT = "+4520120001", "+4520120002", "+4520120003", "+4520120007"


def make_sms_world(provider: str = "sandbox") -> Sender:
    """Denmark at PRICE, everywhere else dearer, and a house sender."""
    make_destination("DK", mcc="238", mnc="01", operator="TDC", prefixes=["45"], price=str(PRICE), cost=COST)
    make_destination(price="0.0777777", cost=Decimal("0.02"))
    return Sender.objects.create(channel=Channel.SMS, address="INFO", status="approved", provider=provider)


def numbers(count: int) -> list[str]:
    """Danes who are reached."""
    return [f"+4530{number:04}99" for number in range(count)]


def wish(recipients: Sequence[str], **facts: Any) -> SendingWanted:
    return SendingWanted(**{"channel": "sms", "recipients": recipients, "text": "Hello", **facts})


def settle() -> int:
    return services.settle_chunks(seconds=60)


def hand_over_and_report(*, settled: bool = True) -> None:
    """All that is due goes out, and every report that will ever come comes."""
    services.dispatch_due(seconds=60)
    for _ in range(8):
        SandboxMessage.objects.filter(next_report_at__isnull=False).update(next_report_at=timezone.now())
        deliver_due_reports(seconds=60)
    if settled:
        settle()


def let_time_pass(sending: Sending, **delta: float) -> None:
    """Move a sending's messages into the past; what has a time to be looked at is due."""
    past = timedelta(**delta)
    rows = Message.objects.filter(chunk__sending=sending)
    rows.update(
        **{name: F(name) - past for name in ("created_at", "called_at", "call_deadline_at", "accepted_at", "due_at")}
    )
    rows.filter(due_at__gt=timezone.now()).update(due_at=timezone.now())
