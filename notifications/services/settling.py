"""Finding out: what became of a call, of a message without a report, and what it cost."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from notifications.errors import WrongState
from notifications.models import Message
from notifications.models.message import MessageQuerySet
from notifications.providers import OutcomeUnknown, ProviderError, Standing, Submitted, provider_for
from notifications.services import answers, calling, ladder, polling, settlement
from notifications.services.ladder import Changes
from notifications.services.reports import receive_report

log = structlog.get_logger(__name__)

Dispatch = Message.Dispatch
State = Message.State

STAFF_AFTER = timedelta(hours=24)
# A message that was certainly not taken is sent after all, while it is still of use.
OF_USE = timedelta(minutes=10)
# Asked so often what a message cost, a provider will not say.
MOST_COST_ASKS = 12


def settle_due(*, limit: int = polling.BATCH) -> int:
    """Deal with what is due among messages that were handed over; returns how many. Safe twice at once."""
    due: MessageQuerySet = Message.objects.exclude(dispatch=Dispatch.WAITING).order_by("due_at", "id")
    return polling.work_through(due, look_at, limit=limit)


def look_at(message: Message) -> None:
    """One look: resolve an unknown call, ask for a missing report, expire, or ask for the cost."""
    if message.dispatch in {Dispatch.CALLING, Dispatch.UNKNOWN}:
        resolve(message)
    elif message.provider_message_id is None:
        Message.objects.filter(pk=message.pk).update(due_at=None)
    else:
        _ask_standing(message, message.provider_message_id)


def resolve(message: Message) -> Message:
    """Ask the provider what it did with a message whose outcome nobody knows.

    It has it: the message goes on. It certainly has not: it is sent after all while that is of
    use, else it has failed and its money goes back. No proof: it stays `unknown` and is asked about later;
    after a day staff are told, and after 72 hours it has expired. One whose call may still be in
    flight, or whose outcome is known, is returned as it is. Safe at any time and twice at once.
    """
    current = take_over(message.pk)
    if current.dispatch != Dispatch.UNKNOWN:
        return current
    try:
        found = _find(current)
        if found is None:
            return _not_taken(current.pk)
        if not answers.apply_answers({current.pk: found}):
            return Message.objects.get(pk=current.pk)
    except (OutcomeUnknown, ProviderError) as unknown:
        # A provider that refuses to say, or is not configured now, has not said that it has none.
        log.info("outcome still unknown", message=current.pk, why=str(unknown))
    except Exception:
        log.exception("provider did not say what it did", message=current.pk, provider=current.provider)
    return _ask_again_later(current.pk)


@transaction.atomic
def take_over(message_id: int) -> Message:
    """Take the right to ask what became of a message: afterwards it is `unknown`, or not to be asked about."""
    locked = Message.objects.locked().get(pk=message_id)  # not its chunk: no money moves here
    now = timezone.now()
    # Looked at again once locked: since it was found, its call may have been answered.
    over = locked.call_deadline_at is None or locked.call_deadline_at <= now
    if locked.dispatch == Dispatch.CALLING and over:
        locked.dispatch = Dispatch.UNKNOWN
        locked.due_at = now + timedelta(seconds=polling.claim_seconds())
        locked.save(update_fields=["dispatch", "due_at"])
    return locked


@transaction.atomic
def give_up(*, message: Message, actor: str) -> Message:
    """Staff decide that a message nobody knows about was not sent: it has failed, and its money goes back.

    Raises WrongState where its outcome is known.
    """
    locked = ladder.lock(message.pk)
    if locked.dispatch != Dispatch.UNKNOWN or locked.is_final:
        raise WrongState(status=locked.state)
    return _end(locked, failure="given_up", actor=actor)


def _find(message: Message) -> Submitted | None:
    def is_ours_already(sid: str) -> bool:
        return Message.objects.filter(provider_message_id=sid).exclude(pk=message.pk).exists()

    return provider_for(message.provider).find(
        calling.request_of(message),
        is_ours_already=is_ours_already,
        deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS,
    )


def _not_taken(message_id: int) -> Message:
    try:
        return _again_or_over(message_id)
    except IntegrityError:
        # Another message to the same recipient is on its way; this one waits for its turn.
        return _ask_again_later(message_id)


@transaction.atomic
def _again_or_over(message_id: int) -> Message:
    locked = ladder.lock(message_id)
    if locked.dispatch != Dispatch.UNKNOWN:
        return locked
    now = timezone.now()
    if now - ladder.asked_since(locked) > OF_USE:
        return _end(locked, failure="not_taken", actor="system:sweeper")
    locked.dispatch = Dispatch.WAITING
    locked.call_deadline_at = None
    locked.due_at = now
    locked.save(update_fields=["dispatch", "call_deadline_at", "due_at"])
    return locked


def _end(locked: Message, *, failure: str, actor: str) -> Message:
    changes = Changes(actor=actor)
    answers.end(changes, locked, State.FAILED, failure=failure)
    changes.write()
    return locked


@transaction.atomic
def _ask_again_later(message_id: int) -> Message:
    locked = ladder.lock(message_id)
    if locked.dispatch != Dispatch.UNKNOWN:
        return locked
    now = timezone.now()
    if now >= ladder.expires_at(locked):
        ladder.climb(locked, State.EXPIRED, failure="no_report", actor="system:sweeper")
        return locked
    locked.due_at = min(now + polling.backoff(locked.attempts), ladder.expires_at(locked))
    locked.needs_staff = locked.needs_staff or now - ladder.asked_since(locked) > STAFF_AFTER
    locked.save(update_fields=["due_at", "needs_staff"])
    return locked


def _ask_standing(message: Message, sid: str) -> None:
    standing: Standing | None = None
    try:
        standing = provider_for(message.provider).standing(sid, deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS)
    except (OutcomeUnknown, ProviderError) as error:
        log.info("provider does not say how a message stands", message=message.pk, why=str(error))
    if standing is not None and standing.status:
        # Kept and judged like any other report; of one that came by itself it is a repetition.
        receive_report(sid=sid, status=standing.status, error_code=standing.error_code)
    _after_asking(message.pk, standing)


@transaction.atomic
def _after_asking(message_id: int, standing: Standing | None) -> None:
    locked = ladder.lock(message_id)
    now = timezone.now()
    if not locked.is_final and now >= ladder.expires_at(locked):
        state = State.DELIVERED if _silence_is_good(locked) else State.EXPIRED
        ladder.climb(locked, state, failure="no_report", actor="system:sweeper")
    if not locked.is_final:
        locked.due_at = polling.next_look(locked, now)
    elif locked.cost is None and standing is not None and standing.cost is not None and locked.moves_money:
        settlement.book_cost(locked, standing.cost, standing.cost_currency)
        locked.due_at = None
    elif locked.cost is None and locked.moves_money and locked.attempts < MOST_COST_ASKS:
        locked.due_at = now + polling.backoff(locked.attempts + 3)
    else:
        locked.due_at = None
    locked.save(update_fields=["due_at", "cost", "cost_currency"])


def _silence_is_good(message: Message) -> bool:
    """Of a mail that the server took, only failures come back."""
    return message.state == State.SENT and provider_for(message.provider).silence_means_delivered
