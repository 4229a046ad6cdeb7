"""Endpoints, events, and a dispatcher to deliver them; the receiver is `tests.receiver`."""

import asyncio
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from notifications.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from notifications.services.webhooks import Dispatcher, create_endpoint
from wallets.models import Event
from wallets.services import emit

API_KEY = "sgk_" + "k" * 40
CODE = {
    "activation_id": 10561661,
    "message_id": "a1b2c3d4-1111-2222-3333-444455556666",
    "service": "whatsapp",
    "phone": "+15181234567",
    "code": "123456",
    "text": "Your WhatsApp code is 123456",
    "received_at": "2026-05-18T14:02:11+00:00",
}


def make_endpoint(customer_id: int, url: str, **facts: Any) -> WebhookEndpoint:
    if facts.get("format") == "smsgig":
        facts = {"signing_key": API_KEY} | facts
    return create_endpoint(customer_id=customer_id, url=url, **facts)[0]


def tell(
    customer_id: int, kind: str = "wallet.deposited", payload: Any = None, object_id: int = 1, **facts: Any
) -> Event:
    """An event as any service writes one."""
    with transaction.atomic():
        return emit(
            customer_id=customer_id,
            kind=kind,
            object_type=kind.partition(".")[0],
            object_id=object_id,
            payload={"amount": "12.50"} if payload is None else payload,
            **facts,
        )


def deliver() -> None:
    """Deliver until nothing is due."""
    asyncio.run(Dispatcher().run(until_idle=True))


def make_due() -> None:
    """Let every wait be over."""
    WebhookDelivery.objects.filter(status="pending").update(next_attempt_at=timezone.now())


def attempts(delivery: WebhookDelivery | None = None) -> list[WebhookAttempt]:
    found = WebhookAttempt.objects.order_by("delivery", "number")
    return list(found if delivery is None else found.filter(delivery=delivery))


def rows(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()
