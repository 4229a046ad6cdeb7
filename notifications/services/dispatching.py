"""Handing a message to its provider: once, outside any transaction, and what its answer means.

Every change is "lock the row, look again, decide, write", so the request that sends, the tick and
a report may all come at once.
"""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from notifications.models import Message
from notifications.models.message import MessageQuerySet
from notifications.providers import OutcomeUnknown, ProviderError, SendRequest, provider_for
from notifications.services import ladder, pace, polling
from notifications.services.reports import accept

log = structlog.get_logger(__name__)

Dispatch = Message.Dispatch
State = Message.State

# Failures that are safe to repeat are repeated so often, then the money goes back.
MOST_TRIES = 6
FIRST_ASK = timedelta(seconds=5)
NEXT_TURN = timedelta(seconds=1)


def dispatch_due(*, limit: int = polling.BATCH) -> int:
    """Hand over what waits for it: one-time passwords first, then by time; returns how many. Safe twice at once."""
    due: MessageQuerySet = Message.objects.to_dispatch().order_by("priority", "due_at", "id")
    return polling.work_through(due, hand_over, limit=limit)


def hand_over(message: Message) -> Message:
    """Call the provider, unless somebody else has or no turn is free; returns the message as it is then.

    A clear yes queues it, a clear no ends it and gives its money back, a no for now leaves it to a
    later try; anything else makes it `unknown`, its money taken, until the provider is asked.
    """
    if not pace.take_turn(message.provider):
        # Waiting for a turn is no attempt.
        Message.objects.filter(pk=message.pk, dispatch=Dispatch.WAITING).update(
            due_at=timezone.now() + NEXT_TURN, attempts=Greatest(F("attempts") - 1, 0)
        )
        return fresh(message.pk)
    request = start_calling(message.pk)
    if request is None:
        return fresh(message.pk)
    try:
        submitted = provider_for(message.provider).send(request, deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS)
        return accept(message.pk, submitted)
    except ProviderError as refusal:
        return refuse(message.pk, refusal)
    except OutcomeUnknown:
        log.warning("provider outcome unknown", message=message.pk, provider=message.provider)
    except Exception:
        # A provider's bug is no answer: what it did is not known.
        log.exception("provider call failed", message=message.pk, provider=message.provider)
    return mark_unknown(message.pk)


@transaction.atomic
def start_calling(message_id: int) -> SendRequest | None:
    """Take the right to call the provider; None when the message is past that."""
    locked = Message.objects.locked().select_related("sender", "version").get(pk=message_id)
    if locked.dispatch != Dispatch.WAITING or locked.is_final:
        return None
    now = timezone.now()
    locked.dispatch = Dispatch.CALLING
    locked.called_at = now
    locked.call_deadline_at = now + timedelta(seconds=settings.PROVIDER_DEADLINE_SECONDS) + polling.GRACE
    locked.due_at = locked.call_deadline_at
    locked.save(update_fields=["dispatch", "called_at", "call_deadline_at", "due_at"])
    return request_of(locked)


def request_of(message: Message) -> SendRequest:
    version = message.version
    return SendRequest(
        reference=str(message.uuid),
        channel=message.channel,
        sender=message.sender.address if message.sender else "",
        to=message.to,
        body=message.body,
        called_at=message.called_at or message.created_at,
        template_id=version.provider_template_id if version else "",
        variables=message.variables,
    )


@transaction.atomic
def refuse(message_id: int, refusal: ProviderError) -> Message:
    """The provider certainly did not take it: tried again later where that helps, else over, its money back.

    One that the provider would not send to this recipient is `rejected`, any other `failed`; a
    failed one gives its idempotency key up, so that the same request may be tried again.
    """
    locked = ladder.lock(message_id)
    if locked.dispatch not in {Dispatch.CALLING, Dispatch.UNKNOWN}:
        return locked
    if not refusal.permanent and locked.attempts < MOST_TRIES:
        locked.dispatch = Dispatch.WAITING
        locked.call_deadline_at = None
        locked.attempts = max(locked.attempts, 1)
        locked.due_at = timezone.now() + polling.backoff(locked.attempts)
        locked.save(update_fields=["dispatch", "call_deadline_at", "attempts", "due_at"])
        return locked
    state = State.REJECTED if refusal.about_recipient else State.FAILED
    return end(locked, state, failure=refusal.code, actor="system:provider")


def end(locked: Message, state: str, *, failure: str, actor: str) -> Message:
    """Finish a locked message that no provider has, its money back."""
    locked.call_deadline_at = None
    if state == State.FAILED:
        locked.idempotency_key = None
    ladder.climb(locked, state, failure=failure, actor=actor)
    return locked


@transaction.atomic
def mark_unknown(message_id: int) -> Message:
    """The call has ended and nobody knows what it did: the money stays until the provider is asked."""
    locked = ladder.lock(message_id)
    if locked.dispatch == Dispatch.CALLING:
        locked.dispatch = Dispatch.UNKNOWN
        locked.attempts = 0
        locked.due_at = timezone.now() + FIRST_ASK
        locked.save(update_fields=["dispatch", "attempts", "due_at"])
    return locked


def fresh(message_id: int) -> Message:
    return Message.objects.select_related("charge").get(pk=message_id)
