"""The ladder that every message climbs, as a pure function: what a report means to a message."""

from collections.abc import Mapping

from notifications.models import DeliveryReport, Message

State = Message.State
Effect = DeliveryReport.Effect

RANK: Mapping[str, int] = {
    State.SCHEDULED: 0, State.ACCEPTED: 1, State.QUEUED: 2, State.SENDING: 3, State.SENT: 4,
    **dict.fromkeys(Message.FINAL, 5),
    State.READ: 6,
}  # fmt: skip

# The carriers' words in ours. Source: Twilio, "Message Status Values".
WORDS: Mapping[str, str] = {
    "accepted": State.QUEUED, "scheduled": State.QUEUED, "queued": State.QUEUED, "sending": State.SENDING,
    "sent": State.SENT, "delivered": State.DELIVERED, "read": State.READ, "undelivered": State.UNDELIVERED,
    "failed": State.FAILED, "canceled": State.CANCELED,
}  # fmt: skip

# The same in the words of the native contract.
NATIVE_WORDS: Mapping[str, str] = {
    **dict.fromkeys((State.SCHEDULED, State.ACCEPTED, State.QUEUED), "queued"),
    **dict.fromkeys((State.SENDING, State.SENT), "sent"),
    State.DELIVERED: "delivered", State.READ: "read",
    **dict.fromkeys((State.UNDELIVERED, State.EXPIRED), "undelivered"),
    **dict.fromkeys((State.FAILED, State.REJECTED, State.CANCELED), "failed"),
}  # fmt: skip
# Those of messages by SMS and e-mail, which their customer may have taken back.
SENDING_WORDS: Mapping[str, str] = {**NATIVE_WORDS, State.CANCELED: "canceled"}

# Nothing was sent: the money goes back whatever the product's policy.
NEVER_SENT = frozenset({State.FAILED, State.REJECTED, State.CANCELED})
# Handed over in vain: the money goes back where the product's policy says so.
IN_VAIN = frozenset({State.UNDELIVERED, State.EXPIRED})


def effect_of(current: str, reported: str) -> Effect:
    """What a report does to a message in state `current`: only APPLIED changes it.

    States climb and never fall. A final one stays, but `delivered` may become `read`; a report of
    another end is a contradiction, for people to look at.
    """
    if current == reported:
        return Effect.REPEATED
    if RANK[reported] > RANK[current] and (current not in Message.FINAL or current == State.DELIVERED):
        return Effect.APPLIED
    if current in Message.FINAL and reported in Message.FINAL and {current, reported} != set(Message.ARRIVED):
        return Effect.CONTRADICTS
    return Effect.LATE


def gives_back(state: str, *, refund_undelivered: bool, was_sent: bool) -> bool:
    """Does a message that ended so give its money back? The product's policy is for what a carrier had."""
    if state == State.EXPIRED and not was_sent:
        return True
    return state in NEVER_SENT or (state in IN_VAIN and refund_undelivered)
