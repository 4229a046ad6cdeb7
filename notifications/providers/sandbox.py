"""A pretend carrier for development and for test keys: it walks the ladder by itself.

The last four digits of a recipient choose other outcomes, see MAGIC.
"""

import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from notifications.models import SandboxMessage
from notifications.providers.base import OutcomeUnknown, ProviderError, SendRequest, Standing, Submitted, Verdict

# A report: when, as a share of SANDBOX_DELAY_SECONDS, its status and error code.
Plan = tuple[tuple[float, str, str], ...]

DELIVERED: Plan = ((0.2, "sent", ""), (0.5, "delivered", ""))
REFUSED: Plan = ((0.2, "failed", "63016"),)
UNDELIVERED: Plan = ((0.2, "sent", ""), (0.5, "undelivered", "63024"))
SILENT: Plan = ((0.2, "sent", ""),)
SHUFFLED: Plan = (
    (0.2, "sent", ""), (0.2, "sent", ""), (0.3, "queued", ""), (0.4, "delivered", ""), (0.5, "sent", ""),
    (0.5, "delivered", ""),
)  # fmt: skip
SLOW = "0004"
SLOW_SECONDS = 30
HANGS = "0006"
OPTED_OUT = "0007"
MAGIC: dict[str, Plan] = {"0001": REFUSED, "0002": UNDELIVERED, "0003": SILENT, SLOW: DELIVERED, "0005": SHUFFLED}
COST = Standing("", cost=Decimal("0.004"), cost_currency="USD")


class SandboxProvider:
    name = "sandbox"
    needs_template_id = False

    def send(self, request: SendRequest, *, deadline_seconds: float) -> Submitted:
        if request.to.endswith(OPTED_OUT):
            raise ProviderError("63024", about_recipient=True)
        remembered = _remember(request)
        if request.to.endswith(HANGS):
            time.sleep(min(deadline_seconds, settings.SANDBOX_DELAY_SECONDS))  # hangs, as such providers do
            raise OutcomeUnknown("the sandbox does not answer")
        return Submitted(remembered.sid)

    def find(
        self, request: SendRequest, *, is_ours_already: Callable[[str], bool], deadline_seconds: float
    ) -> Submitted | None:
        found = SandboxMessage.objects.filter(reference=request.reference).first()
        return Submitted(found.sid) if found else None

    def standing(self, message_id: str, *, deadline_seconds: float) -> Standing | None:
        """It never has news, since every report goes out by itself; only the pretend cost."""
        return COST

    def verdict(self, template_id: str, *, deadline_seconds: float) -> Verdict | None:
        return None


def due_at(message: SandboxMessage, index: int) -> datetime | None:
    """When report number `index` goes out; None after the last."""
    if index >= len(message.plan):
        return None
    return message.accepted_at + timedelta(seconds=message.plan[index][0])


def _remember(request: SendRequest) -> SandboxMessage:
    now = timezone.now()
    plan = _plan(request.to)
    try:
        with transaction.atomic():
            return SandboxMessage.objects.create(
                reference=request.reference,
                sid=f"SM{secrets.token_hex(16)}",
                to=request.to,
                plan=plan,
                accepted_at=now,
                next_report_at=now + timedelta(seconds=plan[0][0]),
            )
    except IntegrityError:
        SandboxMessage.objects.filter(reference=request.reference).update(asked=F("asked") + 1)
        return SandboxMessage.objects.get(reference=request.reference)


def _plan(to: str) -> list[tuple[float, str, str]]:
    shares = MAGIC.get(to[-4:], DELIVERED)
    plan = [(share * settings.SANDBOX_DELAY_SECONDS, status, error) for share, status, error in shares]
    if to.endswith(SLOW):
        plan[-1] = (SLOW_SECONDS, *plan[-1][1:])
    return plan
