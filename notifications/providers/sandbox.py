"""A pretend carrier for development and for test keys: it walks the ladder by itself.

The last four digits of a recipient choose other outcomes, see MAGIC; of an e-mail address, the last four
characters before its @.
"""

import json
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from notifications.models import SandboxMessage
from notifications.providers.base import OutcomeUnknown, ProviderError, SendRequest, Standing, Submitted, Verdict

# A report: when, as a share of SANDBOX_DELAY_SECONDS, its status and error code.
Plan = tuple[tuple[float, str, str], ...]

DELIVERED: Plan = ((0.2, "sent", ""), (0.5, "delivered", ""))
REFUSED: Plan = ((0.2, "failed", "63016"),)
UNDELIVERED: Plan = ((0.2, "sent", ""), (0.5, "undelivered", "63024"))
SILENT: Plan = ((0.2, "sent", ""),)
AFTERWARDS: Plan = ((1.2, "sent", ""), (1.5, "delivered", ""))  # when the call that hung has been given up
SHUFFLED: Plan = (
    (0.2, "sent", ""), (0.2, "sent", ""), (0.3, "queued", ""), (0.4, "delivered", ""), (0.5, "sent", ""),
    (0.5, "delivered", ""),
)  # fmt: skip
SLOW = "0004"
SLOW_SECONDS = 30
HANGS = "0006"
OPTED_OUT = "0007"
MAGIC: dict[str, Plan] = {
    "0001": REFUSED, "0002": UNDELIVERED, "0003": SILENT, SLOW: DELIVERED, "0005": SHUFFLED, HANGS: AFTERWARDS,
}  # fmt: skip
COST = Standing("", cost=Decimal("0.004"), cost_currency="USD")


class SandboxProvider:
    name = "sandbox"
    needs_template_id = False
    silence_means_delivered = False

    def send(self, request: SendRequest, *, deadline_seconds: float) -> Submitted:
        answer = self.send_many([request], deadline_seconds=deadline_seconds).get(request.reference)
        if answer is None:
            time.sleep(min(deadline_seconds, settings.SANDBOX_DELAY_SECONDS))  # hangs, as such providers do
            raise OutcomeUnknown("the sandbox does not answer")
        if isinstance(answer, ProviderError):
            raise answer
        return answer

    def send_many(
        self, requests: Sequence[SendRequest], *, deadline_seconds: float
    ) -> dict[str, Submitted | ProviderError]:
        answers: dict[str, Submitted | ProviderError] = {
            request.reference: ProviderError("63024", about_recipient=True)
            for request in requests
            if magic_of(request.to) == OPTED_OUT
        }
        sids = _remember([request for request in requests if request.reference not in answers])
        hanging = {request.reference for request in requests if magic_of(request.to) == HANGS}
        return answers | {name: Submitted(sid) for name, sid in sids.items() if name not in hanging}

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


def magic_of(to: str) -> str:
    """What of a recipient chooses the outcome."""
    return to.split("@", 1)[0][-4:]


# Asked again for the same message it answers the same, and remembers that it was asked.
REMEMBER = """
INSERT INTO notifications_sandboxmessage AS known
       (reference, sid, "to", plan, accepted_at, next_report_at, asked, reported)
SELECT reference, sid, recipient, %(plan)s, %(now)s, %(now)s + make_interval(secs => %(wait)s), 1, 0
  FROM unnest(%(references)s::text[], %(sids)s::text[], %(to)s::text[]) AS request (reference, sid, recipient)
ON CONFLICT (reference) DO UPDATE SET asked = known.asked + 1
RETURNING reference, sid
"""


def _remember(requests: Sequence[SendRequest]) -> dict[str, str]:
    """Take the messages; their ids here, by reference."""
    alike: dict[str, list[SendRequest]] = defaultdict(list)
    for request in requests:
        magic = magic_of(request.to)
        alike[magic if magic in MAGIC else ""].append(request)
    sids: dict[str, str] = {}
    with connection.cursor() as cursor:
        for magic, some in alike.items():
            cursor.execute(REMEMBER, _facts(some, _plan(magic)))
            sids |= dict(cursor.fetchall())
    return sids


def _facts(requests: Sequence[SendRequest], plan: Sequence[tuple[float, str, str]]) -> dict[str, Any]:
    return {
        "now": timezone.now(),
        "plan": json.dumps(plan),
        "wait": plan[0][0],
        "references": [request.reference for request in requests],
        "sids": [f"SM{secrets.token_hex(16)}" for _ in requests],
        "to": [request.to for request in requests],
    }


def _plan(magic: str) -> list[tuple[float, str, str]]:
    shares = MAGIC.get(magic, DELIVERED)
    plan = [(share * settings.SANDBOX_DELAY_SECONDS, status, error) for share, status, error in shares]
    if magic == SLOW:
        plan[-1] = (SLOW_SECONDS, *plan[-1][1:])
    return plan
