"""The de facto panel API v2: one POST endpoint, form fields `key` and `action`, JSON back.

The API takes no reference of ours, and `add` twice is two orders. So an `add` whose answer never came can be
found by nobody but a person who looks at the panel: such an order stays `unknown`, its money charged, and goes
to staff at once, who say "it was placed as provider order N" or "it was not placed: refund".
"""

import json
import ssl
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import requests
import structlog
import urllib3.exceptions
from django.conf import settings

from activations.providers.base import OutcomeUnknown, ProviderError
from activations.providers.smm import wire
from activations.providers.smm.base import OrderReport, SmmRequest, SmmSheet
from activations.providers.smm.deadline import within

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 3.0
LARGEST_ANSWER = 32 * 1024 * 1024  # a long list of services has some megabytes


class PanelProvider:
    name = "panel"
    poll_seconds = 30.0
    remembers_references = False

    def place(self, request: SmmRequest, *, deadline_seconds: float) -> str:
        answer = self._ask(
            deadline_seconds, "add", service=request.service_id, link=request.link, quantity=str(request.quantity)
        )
        order_id = wire.identifier(answer.get("order")) if isinstance(answer, dict) else None
        refused = wire.complaint(answer)
        if refused and order_id is None:
            # Such as our own balance at the panel: nobody else will say so.
            log.warning("panel refused an order", reason=refused, reference=request.reference)
            raise ProviderError
        if order_id is None or refused:
            raise OutcomeUnknown("the panel's answer is no order")
        return order_id

    def find(self, reference: str, *, deadline_seconds: float) -> str | None:
        raise OutcomeUnknown("a panel knows no reference of ours")

    def reports(self, ids: Sequence[str], *, deadline_seconds: float) -> dict[str, OrderReport]:
        answer = self._ask(deadline_seconds, "status", orders=",".join(ids))
        if wire.complaint(answer):
            raise ProviderError(permanent=False)
        if not isinstance(answer, dict):
            raise OutcomeUnknown("the panel's answer is no list of orders")
        return {each: report for each in ids if (report := wire.report(answer.get(each))) is not None}

    def cancel(self, order_id: str, *, deadline_seconds: float) -> None:
        answer = self._ask(deadline_seconds, "cancel", orders=order_id)
        row = answer[0] if isinstance(answer, list) and answer else answer
        done = row.get("cancel", row.get("success")) if isinstance(row, dict) else None
        if wire.complaint(row) or wire.complaint(done):
            raise ProviderError
        if not done:
            raise OutcomeUnknown("the panel's answer is not understood")

    def refill(self, order_id: str, *, deadline_seconds: float) -> str:
        answer = self._ask(deadline_seconds, "refill", order=order_id)
        refill = answer.get("refill") if isinstance(answer, dict) else None
        if wire.complaint(answer) or wire.complaint(refill):
            raise ProviderError
        refill_id = wire.identifier(refill)
        if refill_id is None:
            raise OutcomeUnknown("the panel's answer is no refill")
        return refill_id

    def sheet(self, *, deadline_seconds: float) -> SmmSheet:
        answer = self._ask(deadline_seconds, "services")
        if wire.complaint(answer):
            raise ProviderError
        if not isinstance(answer, list):
            raise OutcomeUnknown("the panel's answer is no list of services")
        return wire.sheet(answer, settings.SMM_PANEL_CURRENCY)

    def balance(self, *, deadline_seconds: float) -> tuple[Decimal, str]:
        """What the house has left at the panel. Raises ProviderError, OutcomeUnknown."""
        answer = self._ask(deadline_seconds, "balance")
        if wire.complaint(answer):
            raise ProviderError
        left = wire.number(answer.get("balance")) if isinstance(answer, dict) else None
        if left is None:
            raise OutcomeUnknown("the panel's answer is no balance")
        return left, str(answer.get("currency") or settings.SMM_PANEL_CURRENCY)[:3]

    def _ask(self, deadline_seconds: float, action: str, **fields: str) -> Any:
        """One action's answer. Raises ProviderError where it certainly was not carried out, else OutcomeUnknown."""
        if not settings.SMM_PANEL_URL or not settings.SMM_PANEL_KEY:
            raise ProviderError
        sent = {"key": settings.SMM_PANEL_KEY, "action": action, **fields}
        return within(deadline_seconds, lambda: _understood(_post(sent, deadline_seconds)))


def _post(fields: dict[str, str], deadline_seconds: float) -> tuple[int, bytes]:
    """Status and body. Never retried, never redirected; the key is in the body alone and reaches no message."""
    timeout = (min(CONNECT_SECONDS, deadline_seconds), deadline_seconds)
    try:
        with requests.post(
            settings.SMM_PANEL_URL, data=fields, timeout=timeout, allow_redirects=False, stream=True
        ) as answer:
            return answer.status_code, _bounded(answer)
    except requests.RequestException as error:
        if _never_sent(error):
            raise ProviderError(permanent=False) from None
        raise OutcomeUnknown(type(error).__name__) from None


def _bounded(answer: requests.Response) -> bytes:
    body = bytearray()
    for chunk in answer.iter_content(64 * 1024):
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise OutcomeUnknown("the panel's answer is too large")
    return bytes(body)


def _never_sent(error: requests.RequestException) -> bool:
    """No connection, or none that can be trusted: the panel has certainly heard nothing."""
    failed = error.args[0] if error.args else None
    reason = failed.reason if isinstance(failed, urllib3.exceptions.MaxRetryError) else None
    if isinstance(reason, urllib3.exceptions.SSLError):
        return bool(reason.args) and isinstance(reason.args[0], ssl.SSLCertVerificationError)
    return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)


def _understood(answer: tuple[int, bytes]) -> Any:
    status, body = answer
    try:
        found = json.loads(body, parse_float=Decimal, parse_constant=lambda word: None)
    except (ValueError, RecursionError):
        found = None
    if 400 <= status < 500:
        raise ProviderError(permanent=status != requests.codes.too_many_requests)
    if status != requests.codes.ok or found is None:
        raise OutcomeUnknown(f"the panel answered {status}")
    return found
