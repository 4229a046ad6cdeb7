"""A pretend provider for development and for test keys: orders that deliver by themselves within seconds.

Magic endings of the link choose other outcomes: `sandbox-partial`, `sandbox-canceled`, `sandbox-failed`,
`sandbox-refused`, `sandbox-unknown`.
"""

import time
import zlib
from collections.abc import Sequence

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from activations.models import SandboxSmmOrder, SmmOrder
from activations.providers.base import OutcomeUnknown, ProviderError
from activations.providers.smm.base import OrderReport, SmmRequest, SmmSheet

Status = SmmOrder.Status
ENDINGS = {"sandbox-partial": Status.PARTIAL, "sandbox-canceled": Status.CANCELED, "sandbox-failed": Status.FAILED}
# Where a partial one stops, in parts of its quantity.
STOPS_AT = 0.7


class SandboxSmmProvider:
    name = "sandbox"
    poll_seconds = 1.0
    remembers_references = True

    def place(self, request: SmmRequest, *, deadline_seconds: float) -> str:
        if request.link.endswith("sandbox-refused"):
            raise ProviderError
        order = self._remember(request)
        if request.link.endswith("sandbox-unknown"):
            time.sleep(min(deadline_seconds, settings.SANDBOX_DELAY_SECONDS))  # hangs, as such providers do
            raise OutcomeUnknown("the sandbox does not answer")
        return str(order.pk)

    def find(self, reference: str, *, deadline_seconds: float) -> str | None:
        order = SandboxSmmOrder.objects.filter(reference=reference).first()
        return str(order.pk) if order else None

    def reports(self, ids: Sequence[str], *, deadline_seconds: float) -> dict[str, OrderReport]:
        known = SandboxSmmOrder.objects.filter(pk__in=[int(each) for each in ids if each.isdecimal()])
        return {str(order.pk): _report(order) for order in known}

    def cancel(self, order_id: str, *, deadline_seconds: float) -> None:
        SandboxSmmOrder.objects.filter(pk=order_id, canceled_at=None).update(canceled_at=timezone.now())

    def refill(self, order_id: str, *, deadline_seconds: float) -> str:
        return f"refill-{order_id}"

    def sheet(self, *, deadline_seconds: float) -> SmmSheet:
        raise ProviderError  # what the sandbox sells is in the demo catalogue

    def _remember(self, request: SmmRequest) -> SandboxSmmOrder:
        ending = next((outcome for word, outcome in ENDINGS.items() if request.link.endswith(word)), Status.COMPLETED)
        # The same link has the same count before, however often it is boosted.
        start_count = zlib.crc32(request.link.encode()) % 5_000
        try:
            with transaction.atomic():
                return SandboxSmmOrder.objects.create(
                    reference=request.reference, quantity=request.quantity, ending=ending, start_count=start_count
                )
        except IntegrityError:
            return SandboxSmmOrder.objects.get(reference=request.reference)


def _report(order: SandboxSmmOrder) -> OrderReport:
    """Pending for half the sandbox's delay, then evenly delivered within one delay, then at its end."""
    delay = settings.SANDBOX_DELAY_SECONDS or 0.001
    moment = order.canceled_at or timezone.now()
    done = ((moment - order.ordered_at).total_seconds() - delay / 2) / delay
    if done < 0:
        # A stop before anything was delivered gives all back.
        status = Status.CANCELED if order.canceled_at else Status.PENDING
        return OrderReport(status, remains=order.quantity)
    stops_at = STOPS_AT if order.ending == Status.PARTIAL else 1.0
    if done >= stops_at:
        return _ended(order, stops_at)
    remains = order.quantity - int(order.quantity * done)
    return OrderReport(Status.PARTIAL if order.canceled_at else Status.IN_PROGRESS, order.start_count, remains)


def _ended(order: SandboxSmmOrder, stops_at: float) -> OrderReport:
    ending = Status(order.ending)
    if ending in SmmOrder.GIVEN_BACK:
        return OrderReport(ending, order.start_count, order.quantity)
    return OrderReport(ending, order.start_count, order.quantity - int(order.quantity * stops_at))
