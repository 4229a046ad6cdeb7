"""What a provider's answer means to a message: it has it, it will not have it, or nobody knows."""

from collections.abc import Mapping
from datetime import timedelta

import structlog
from django.db import transaction

from notifications.models import Channel, Message
from notifications.providers import ProviderError, Submitted
from notifications.services import engagement, ladder, polling, reports
from notifications.services.ladder import Changes

log = structlog.get_logger(__name__)

Dispatch = Message.Dispatch
State = Message.State

# A yes, a clear no, or None: nobody knows.
Answer = Submitted | ProviderError | None

# Failures that are safe to repeat are repeated so often, then the money goes back.
MOST_TRIES = 6
FIRST_ASK = timedelta(seconds=5)
# Why we ourselves would not hand an e-mail over: no server has refused it.
NOT_THE_SERVERS_WORD = frozenset({"suppressed", "bad_address"})


@transaction.atomic
def apply_answers(answers: Mapping[int, Answer]) -> set[int]:
    """Bring messages, by their id, to where their provider's answers put them; returns whose outcome is unknown.

    A yes queues a message, and reports that came before are applied. A clear no ends it and gives its
    money back; a no for now leaves it to a later try. Anything else, and a yes under an id that belongs
    to another message, makes it `unknown`, its money kept, until the provider is asked. Repeating it
    changes nothing.
    """
    sids = {answer.id for answer in answers.values() if isinstance(answer, Submitted)}
    reports.lock_sids(sids)
    owners = reports.owners_of(sids)
    locked = ladder.lock_many(answers)
    changes = Changes(actor="system:provider")
    taken: dict[str, Message] = {}
    unknown: set[int] = set()
    for key, message in locked.items():
        answer = answers[key]
        if isinstance(answer, ProviderError):
            refuse(changes, message, answer)
        elif answer is None or owners.get(answer.id, key) != key or taken.get(answer.id, message) is not message:
            unknown.add(key)
            _mark_unknown(changes, message)
        else:
            _accept(changes, message, answer)
            taken[answer.id] = message
    reports.judge(changes, taken, reports.parked_for(taken.keys()))
    changes.write()
    _note_bounces(locked, answers)
    return unknown


def _note_bounces(locked: Mapping[int, Message], answers: Mapping[int, Answer]) -> None:
    """Where a recipient's server would not have an e-mail, it has bounced at the door."""
    for key, message in locked.items():
        answer = answers[key]
        if not isinstance(answer, ProviderError) or not answer.about_recipient or message.channel != Channel.EMAIL:
            continue
        is_new = message.state == State.REJECTED and message.bounced_at is None
        if is_new and answer.code not in NOT_THE_SERVERS_WORD:
            engagement.bounce(message, code=answer.code, actor=f"provider:{message.provider}")


def refuse(changes: Changes, message: Message, refusal: ProviderError) -> None:
    """The provider certainly did not take it: tried again later where that helps, else over, its money back.

    One that the provider would not send to this recipient is `rejected`, any other `failed`.
    """
    if message.dispatch not in {Dispatch.CALLING, Dispatch.UNKNOWN}:
        return
    if not refusal.permanent and message.attempts < MOST_TRIES:
        message.dispatch = Dispatch.WAITING
        message.call_deadline_at = None
        message.attempts = max(message.attempts, 1)
        message.due_at = changes.now + polling.backoff(message.attempts)
        changes.touch(message)
    else:
        end(changes, message, State.REJECTED if refusal.about_recipient else State.FAILED, failure=refusal.code)


def end(changes: Changes, message: Message, state: str, *, failure: str) -> None:
    """Finish a locked message that no provider has, its money back.

    A failed one gives its idempotency key up, so that the same request may be tried again.
    """
    message.call_deadline_at = None
    if state == State.FAILED:
        message.idempotency_key = None
    changes.touch(message)
    changes.climb(message, state, failure=failure)


def _accept(changes: Changes, message: Message, submitted: Submitted) -> None:
    if message.provider_message_id is None:
        reports.take(changes, message, submitted)
    elif message.provider_message_id != submitted.id:
        log.error("provider has one message twice", message=message.pk, first=message.provider_message_id)
        message.needs_staff = True
        changes.touch(message)


def _mark_unknown(changes: Changes, message: Message) -> None:
    """The call has ended and nobody knows what it did: the money stays until the provider is asked."""
    if message.dispatch == Dispatch.CALLING:
        message.dispatch = Dispatch.UNKNOWN
        message.attempts = 0
        message.due_at = changes.now + FIRST_ASK
        changes.touch(message)
