"""Moving a message along its ladder: state, clock, money and events change together, or not at all."""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from notifications.models import DeliveryReport, Message
from notifications.services import settlement, states
from notifications.services.telling import tell_of_message

State = Message.State
Effect = DeliveryReport.Effect

# Twilio knows the price of a message some minutes after it ended.
COST_AFTER = timedelta(minutes=2)


def lock(message_id: int) -> Message:
    """The message, locked, as it is now."""
    return Message.objects.locked().select_related("charge", "wallet").get(pk=message_id)


def climb(message: Message, state: str, *, failure: str = "", actor: str = "") -> Effect:
    """Bring a locked message to `state` if that is a step up; a final one gives its money back where it must.

    Saves the message where it changed.
    """
    effect = states.effect_of(message.state, state)
    if effect == Effect.APPLIED:
        before, message.state = message.state, state
        _note(message, timezone.now(), failure)
        settlement.give_back(message, actor=actor)
        message.save()
        tell_of_message(message, before=before)
    elif effect == Effect.CONTRADICTS and not message.is_contradicted:
        message.is_contradicted = True
        message.save(update_fields=["is_contradicted"])
    return effect


def judge(message: Message, report: DeliveryReport) -> None:
    """Apply a report to its locked message, and keep what came of it."""
    report.message = message
    word = states.WORDS.get(report.status)
    report.effect = Effect.UNKNOWN if word is None else climb(message, word, failure=report.error_code)
    report.save(update_fields=["message", "effect"])


def _note(message: Message, now: datetime, failure: str) -> None:
    if message.state == State.SENT:
        message.sent_at = now
    elif message.state in Message.ARRIVED:
        message.delivered_at = message.delivered_at or now
    if not message.is_final:
        return
    message.closed_at = message.closed_at or now
    message.dispatch = Message.Dispatch.DONE
    message.failure = failure if message.state not in Message.ARRIVED else ""
    message.needs_staff = False
    message.attempts = 0
    asks_cost = message.moves_money and message.provider_message_id and message.cost is None
    message.due_at = now + COST_AFTER if asks_cost else None


def expires_at(message: Message) -> datetime:
    """When a message without a final report has expired."""
    return (message.accepted_at or message.created_at) + timedelta(hours=settings.DELIVERY_REPORT_HOURS)
