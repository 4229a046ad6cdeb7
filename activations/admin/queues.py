"""What waits for somebody: counted by partial indexes, never by walking a table."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet
from django.http import HttpRequest

from activations.models import Activation, InboundMessage, SmmOrder
from config.admin import CONTRADICTING, GIVEN_UP, TO_APPROVE, TO_DECIDE, address, may
from notifications.admin import finding
from wallets.admin.look import list_of
from wallets.admin.pages import LAST_PAGE

MANY = LAST_PAGE * 50


@dataclass(frozen=True)
class Queue:
    title: str
    count: int
    url: str
    tone: str


def due() -> "QuerySet[Activation]":
    """Open rentals: every one has a moment at which it is looked at again, and an index on it."""
    return Activation.objects.filter(due_at__isnull=False)


def open_late_cases() -> "QuerySet[InboundMessage]":
    return InboundMessage.objects.filter(state=InboundMessage.State.LATE, resolved_at__isnull=True)


def late_cases(request: HttpRequest) -> int:
    """Beside the menu's line: how many wait; 0, which shows nothing, for whoever may not open them."""
    return counted(open_late_cases()) if may("activations_inboundmessage")(request) else 0


def counted(rows: "QuerySet[Any]") -> int:
    """How many, without counting for ever."""
    return rows[:MANY].count()


def by_status() -> list[tuple[str, str, int, str]]:
    """Open rentals by state: code, words, how many, the list of them."""
    counts = dict(due().order_by().values_list("status").annotate(number=Count("pk")))
    return [
        (status, label, counts[status], list_of("activations_activation", status=status))
        for status, label in Activation.Status.choices
        if counts.get(status)
    ]


def message_queues(request: HttpRequest) -> list[Queue]:
    """What waits in notifications, each for whoever may open it; what the menu counts too."""
    waiting = (
        ("Templates to approve", finding.template_badge, "notifications_templateversion", TO_APPROVE),
        ("Senders to approve", finding.sender_badge, "notifications_sender", TO_DECIDE),
        ("Contradicting reports", finding.contradiction_badge, "notifications_deliveryreport", CONTRADICTING),
        ("Webhooks given up", finding.webhook_badge, "notifications_webhookendpoint", GIVEN_UP),
    )
    return [
        Queue(title, int(count(request) or 0), address(page, query), "warning")
        for title, count, page, query in waiting
        if may(page)(request)
    ]


def queues() -> list[Queue]:
    unknown = counted(due().filter(status=Activation.Status.UNKNOWN))
    stuck = counted(due().filter(needs_staff=True))
    late = counted(open_late_cases())
    boosts = counted(SmmOrder.objects.filter(needs_staff=True))
    orders, messages = "activations_activation", "activations_inboundmessage"
    return [
        Queue("Outcome unknown", unknown, list_of(orders, status="unknown"), "warning"),
        Queue("Needs staff", stuck, list_of(orders, staff="yes"), "danger"),
        Queue("Late SMS", late, list_of(messages, case="open"), "warning"),
        Queue("SMM orders", boosts, list_of("activations_smmorder", staff="yes"), "danger"),
    ]
