"""What a test event says, shaped like the real ones of its format."""

from collections.abc import Mapping
from typing import Any

from notifications.models import WebhookEndpoint

Format = WebhookEndpoint.Format

# The example that SMSGig's reference prints.
_CODE = {
    "activation_id": 10561661,
    "message_id": "a1b2c3d4-0000-0000-0000-000000000000",
    "service": "whatsapp",
    "phone": "+15181234567",
    "code": "123456",
    "text": "Your WhatsApp code is 123456",
    "received_at": "2026-05-18T14:02:11+00:00",
}
_TEST = {"test": True, "message": "This is a test event."}
_PAYLOADS: Mapping[str, dict[str, Any]] = {Format.SMSGIG: _CODE}


def payload_for(shape: str) -> dict[str, Any]:
    return dict(_PAYLOADS.get(shape, _TEST))
