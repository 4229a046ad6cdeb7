"""What the search boxes understand of messages, and what the menu counts."""

import re
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from notifications.models import Chunk, DeliveryReport, Message, Sender, TemplateVersion, WebhookEndpoint
from wallets.admin import finding
from wallets.models import Hold

WRITTEN = re.compile(r"[\s().-]+")
SID = re.compile(r"\A[A-Z]{2}[0-9a-f]{8,62}\Z")
MANY = 10_000


def phone_in(term: str) -> str:
    """The term as E.164, if it can be a whole number however it is written; else ""."""
    digits = WRITTEN.sub("", term).removeprefix("+")
    return f"+{digits}" if digits.isascii() and digits.isdigit() and 8 <= len(digits) <= 15 else ""


def messages(term: str) -> Q:
    """Messages by number, uuid, the provider's id, recipient, or customer."""
    if SID.match(term):
        return Q(provider_message_id=term)
    if "@" in term:
        return Q(to=term) | Q(provider_message_id=term.strip("<>"))
    if phone := phone_in(term):
        number = finding.number_in(term)
        return Q(to=phone) | (Q(pk=number) if number is not None else Q(pk__in=()))
    if finding.number_in(term) is not None or finding.uuid_in(term):
        return finding.by_number_or_uuid(term)
    return Q(customer_id__in=finding.customer_ids(term))


def sendings(term: str) -> Q:
    """Sendings by number, uuid, a recipient, or customer."""
    if phone := phone_in(term):
        number = finding.number_in(term)
        return _sent_to(phone) | (Q(pk=number) if number is not None else Q(pk__in=()))
    if "@" in term:
        return _sent_to(term)
    if finding.number_in(term) is not None or finding.uuid_in(term):
        return finding.by_number_or_uuid(term)
    return Q(customer_id__in=finding.customer_ids(term))


def _sent_to(recipient: str) -> Q:
    """The latest hundred that were sent there."""
    found = Message.objects.filter(to=recipient, chunk__isnull=False).order_by("-id")
    return Q(pk__in=list(found.values_list("chunk__sending_id", flat=True)[:100]))


def open_order_of(hold: Hold) -> str:
    """The sending that a hold pays for while it is not over, in words; "" where there is none."""
    chunk = Chunk.objects.filter(hold=hold).select_related("sending").first()
    return "" if chunk is None or chunk.sending.is_final else f"sending #{chunk.sending_id}"


def customers_by_recipient(term: str) -> "QuerySet[Any]":
    """Ids of the customers who wrote to this number, the latest hundred messages."""
    phone = phone_in(term)
    found = Message.objects.filter(to=phone) if phone else Message.objects.none()
    return found.order_by("-id").values("customer_id")[:100]


def waiting_templates() -> "QuerySet[TemplateVersion]":
    return TemplateVersion.objects.filter(status=TemplateVersion.Status.SUBMITTED)


def template_badge(request: HttpRequest) -> str:
    """Beside the menu's line; only for whoever may open it, and nothing when there is nothing to do."""
    return _counted(request, "notifications.view_templateversion", waiting_templates())


def sender_badge(request: HttpRequest) -> str:
    waiting = Sender.objects.filter(status=Sender.Status.REQUESTED)
    return _counted(request, "notifications.view_sender", waiting)


def contradiction_badge(request: HttpRequest) -> str:
    contradicting = DeliveryReport.objects.filter(effect=DeliveryReport.Effect.CONTRADICTS)
    return _counted(request, "notifications.view_deliveryreport", contradicting)


def webhook_badge(request: HttpRequest) -> str:
    """Endpoints that were disabled by themselves: their customers may need help."""
    given_up = WebhookEndpoint.objects.kept().filter(disabled_reason__in=WebhookEndpoint.BY_ITSELF)
    return _counted(request, "notifications.view_webhookendpoint", given_up)


def _counted(request: HttpRequest, permission: str, rows: "QuerySet[Any]") -> str:
    if not request.user.has_perm(permission):
        return ""
    count = rows[:MANY].count()
    return str(count) if count else ""
