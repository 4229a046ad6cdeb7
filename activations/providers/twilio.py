"""Numbers bought by the month from Twilio. Their SMS come by its webhook.

Sources: Twilio's "AvailablePhoneNumbers" and "IncomingPhoneNumber" resources. Our reference is the number's
FriendlyName, so that an order whose answer was lost is found again.
"""

import time
from typing import Any

from django.conf import settings

from activations.providers.base import GivenNumber, NumberRequest, OutcomeUnknown, ProviderError, ReceivedText
from notifications.twilio import TwilioClient, TwilioRefused, TwilioUnknown, configured_client

WEBHOOK = "/api/webhooks/twilio/sms"
# Mobile first: most countries have only one of the two that can receive SMS.
KINDS = ("Mobile", "Local")
NOT_FOUND = 404
# Somebody else was faster: "not available" and "invalid number", as Twilio's error dictionary has them.
TAKEN = frozenset({21421, 21422})
TRIES = 3


class TwilioProvider:
    name = "twilio"

    def order(self, request: NumberRequest, *, deadline_seconds: float) -> GivenNumber:
        if not request.monthly:
            # It charges a whole month for every number: not for an activation's minutes.
            raise ProviderError("no_numbers_available")
        call = _Call(deadline_seconds)
        for phone in call.candidates(request.country)[:TRIES]:
            given = call.buy(phone, request.reference)
            if given is not None:
                return given
        raise ProviderError("no_numbers_available", permanent=False)

    def find(self, reference: str, *, deadline_seconds: float) -> GivenNumber | None:
        return _Call(deadline_seconds).find(reference)

    def texts(self, number_id: str, *, deadline_seconds: float) -> list[ReceivedText]:
        return []

    def give_back(self, number_id: str, *, deadline_seconds: float) -> None:
        _Call(deadline_seconds).release(number_id)


class _Call:
    """Some requests within one deadline. Twilio's refusals become ours; silence is an unknown outcome."""

    def __init__(self, deadline_seconds: float) -> None:
        client = configured_client()
        if client is None:
            raise ProviderError("no_numbers_available")
        self.client: TwilioClient = client
        self.ends = time.monotonic() + deadline_seconds

    @property
    def left(self) -> float:
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TwilioUnknown("deadline")
        return left

    def candidates(self, country: str) -> list[str]:
        """Numbers that can receive SMS and need no local address. Nothing is bought yet, so silence is a no."""
        asked = {"SmsEnabled": "true", "ExcludeAllAddressRequired": "true", "PageSize": TRIES}
        try:
            for kind in KINDS:
                found = self._search(f"AvailablePhoneNumbers/{country}/{kind}", asked)
                if found:
                    return found
        except TwilioUnknown:
            raise ProviderError("provider_error", permanent=False) from None
        except TwilioRefused as refusal:
            raise ProviderError("provider_error", permanent=refusal.permanent) from refusal
        return []

    def _search(self, path: str, asked: dict[str, Any]) -> list[str]:
        try:
            page = self.client.get(path, asked, deadline_seconds=self.left)
        except TwilioRefused as refusal:
            if refusal.status == NOT_FOUND:  # the country has no numbers of this kind
                return []
            raise
        return [str(row["phone_number"]) for row in page.get("available_phone_numbers") or [] if _is_whole(row)]

    def buy(self, phone: str, reference: str) -> GivenNumber | None:
        """The number; None when somebody else has it by now."""
        fields = {
            "PhoneNumber": phone,
            "FriendlyName": reference,
            "SmsUrl": f"{settings.PUBLIC_BASE_URL}{WEBHOOK}",
            "SmsMethod": "POST",
        }
        try:
            left = self.left
        except TwilioUnknown:
            raise ProviderError("provider_error", permanent=False) from None  # not asked any more
        try:
            bought = self.client.post("IncomingPhoneNumbers", fields, deadline_seconds=left)
        except TwilioRefused as refusal:
            if refusal.code in TAKEN:
                return None
            raise ProviderError("provider_error", permanent=refusal.permanent) from refusal
        except TwilioUnknown as silence:
            raise OutcomeUnknown(str(silence)) from None
        return _given(bought)

    def find(self, reference: str) -> GivenNumber | None:
        try:
            page = self.client.get("IncomingPhoneNumbers", {"FriendlyName": reference}, deadline_seconds=self.left)
        except (TwilioRefused, TwilioUnknown) as silence:
            # A refusal to list says nothing of what was bought.
            raise OutcomeUnknown(str(silence)) from None
        rows = page.get("incoming_phone_numbers")
        if not isinstance(rows, list):
            raise OutcomeUnknown("no list")
        # Twilio's filter may match more than the exact name.
        own = [row for row in rows if isinstance(row, dict) and row.get("friendly_name") == reference]
        return _given(own[0]) if own else None

    def release(self, number_id: str) -> None:
        try:
            self.client.delete(f"IncomingPhoneNumbers/{number_id}", deadline_seconds=self.left)
        except (TwilioRefused, TwilioUnknown) as silence:
            raise OutcomeUnknown(str(silence)) from None


def _is_whole(row: Any) -> bool:
    return isinstance(row, dict) and bool(row.get("phone_number"))


def _given(row: dict[str, Any]) -> GivenNumber:
    sid, phone = row.get("sid"), row.get("phone_number")
    if not isinstance(sid, str) or not isinstance(phone, str):
        raise OutcomeUnknown("Twilio's answer names no number")
    return GivenNumber(id=sid, phone=phone)
