"""Events: what customers' systems are told, in the transaction in which it happened."""

from notifications.models import Channel, Message, TemplateVersion
from notifications.services.states import NATIVE_WORDS, SENDING_WORDS
from wallets.services import News, emit

State = Message.State

MESSAGE_EVENTS = {
    State.QUEUED: "message.queued", State.SENT: "message.sent", State.DELIVERED: "message.delivered",
    State.READ: "message.delivered", State.UNDELIVERED: "message.failed", State.FAILED: "message.failed",
    State.REJECTED: "message.failed", State.EXPIRED: "message.failed", State.CANCELED: "message.failed",
}  # fmt: skip


def news_of(message: Message, *, before: str) -> list[News]:
    """What is told of a message, its row locked, that has climbed from `before`; read after delivery is no event."""
    kind = MESSAGE_EVENTS.get(State(message.state))
    if kind is None or kind == MESSAGE_EVENTS.get(State(before)):
        return []
    return [message_news(message, kind)]


def message_news(message: Message, kind: str) -> News:
    """An event of a message, with a snapshot of what a customer may know of it."""
    words = NATIVE_WORDS if message.channel == Channel.WHATSAPP else SENDING_WORDS
    return News(
        customer_id=message.customer_id,
        kind=kind,
        object_id=message.pk,
        erase_after=message.erase_after,
        payload={
            "id": message.pk,
            "uuid": str(message.uuid),
            "channel": message.channel,
            "template_id": message.template_id,
            "message_sid": message.provider_message_id,
            "to": message.to,
            "status": words[message.state],
            "billing_status": message.billing,
            "mode": message.mode,
        },
    )


def tell_of_template(version: TemplateVersion) -> None:
    """Tell that a version, its row locked, was approved or rejected."""
    template = version.template
    emit(
        customer_id=template.customer_id,
        kind=f"template.{version.status}",
        object_type="template",
        object_id=template.pk,
        payload={
            "id": template.pk, "name": template.name, "language": template.language, "version": version.number,
            "status": version.status, "reason": version.reason,
        },
    )  # fmt: skip
