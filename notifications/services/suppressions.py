"""Who is not to be sent to: bounced, complained, opted out, or by decision. Checked before anything is charged."""

from collections.abc import Sequence

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from config.errors import InvalidInput
from notifications.errors import DecidedByRecipient
from notifications.models import Channel, Message, Sender, Suppression
from notifications.services import opt_out_words
from notifications.services.addresses import fits, normal

Reason = Suppression.Reason

RECIPIENT = "recipient"
LONGEST_NOTE = 200

# Joined, not `= ANY`: 100,000 addresses are one hash join with the few that are suppressed.
AMONG = """
SELECT s.address
  FROM (SELECT DISTINCT address FROM notifications_suppression
         WHERE lifted_at IS NULL AND channel = %(channel)s AND (customer_id IS NULL OR customer_id = %(customer)s)) s
  JOIN unnest(%(addresses)s::text[]) AS asked(address) ON asked.address = s.address
"""


def suppressed_among(*, customer_id: int | None, channel: str, addresses: Sequence[str]) -> set[str]:
    """Those of `addresses`, as they are written here, that this customer may not send to now."""
    held_back = Suppression.objects.in_force().filter(channel=channel)
    if not addresses or not held_back.filter(Q(customer=None) | Q(customer_id=customer_id)).exists():
        return set()
    normalised = {address: normal(channel, address) for address in addresses}
    asked = {"channel": channel, "customer": customer_id, "addresses": list(normalised.values())}
    with connection.cursor() as cursor:
        cursor.execute(AMONG, asked)
        found = {row[0] for row in cursor.fetchall()}
    return {address for address, plain in normalised.items() if plain in found}


def suppress(
    *,
    customer_id: int | None,
    channel: str,
    address: str,
    reason: str,
    actor: str,
    note: str = "",
    message: Message | None = None,
) -> Suppression:
    """Send nothing more to `address` for this customer; for nobody, without one.

    Repeating it for the same reason returns the one in force. Raises InvalidInput.
    """
    _check(channel, address, reason)
    found = {"customer_id": customer_id, "channel": channel, "address": normal(channel, address), "reason": reason}
    made_by = {"created_by": actor, "note": note.strip()[:LONGEST_NOTE], "message": message}
    return Suppression.objects.in_force().get_or_create(**found, defaults=made_by)[0]


@transaction.atomic
def lift(*, suppression: Suppression, actor: str) -> Suppression:
    """Let messages go there again, unless another reason is in force. Repeating it changes nothing."""
    locked = Suppression.objects.select_for_update(no_key=True, of=("self",)).get(pk=suppression.pk)
    if locked.lifted_at is None:
        locked.lifted_at = timezone.now()
        locked.lifted_by = actor
        locked.save(update_fields=["lifted_at", "lifted_by"])
    return locked


def lift_for_customer(*, suppression: Suppression, actor: str) -> Suppression:
    """As `lift`, for the customer itself: what the recipient decided only the recipient or staff take back.

    Raises DecidedByRecipient.
    """
    if suppression.reason in Suppression.BY_RECIPIENT and not suppression.is_lifted:
        raise DecidedByRecipient(reason=suppression.reason)
    return lift(suppression=suppression, actor=actor)


def hear(*, customer_id: int | None, sender: str, text: str, to: str = "") -> Suppression | None:
    """Somebody has sent us an SMS: STOP holds messages to them back, START lets them go again.

    They are the messages of the customer whose number it came to. Without one, those of whoever
    sends from `to`; everybody's where that is the house, and where no number is given. Returns what
    it changed, None for any other text. Repeating it changes nothing.
    """
    is_stop = opt_out_words.is_stop(text)
    if not (is_stop or opt_out_words.is_start(text)) or not fits(Channel.SMS, sender):
        return None
    if customer_id is None and to:
        owner = Sender.objects.filter(
            channel=Channel.SMS, address__in=(to, to.removeprefix("+")), status=Sender.Status.APPROVED
        ).first()
        if owner is None:
            return None
        customer_id = owner.customer_id
    return _opt_out(customer_id, sender, text) if is_stop else _opt_in(customer_id, sender)


def _opt_out(customer_id: int | None, sender: str, text: str) -> Suppression:
    return suppress(
        customer_id=customer_id, channel=Channel.SMS, address=sender, reason=Reason.OPTED_OUT, actor=RECIPIENT,
        note=f"Answered {text.strip().upper()}",
    )  # fmt: skip


def _opt_in(customer_id: int | None, sender: str) -> Suppression | None:
    whose = Q(customer=None) if customer_id is None else Q(customer_id=customer_id)
    opted_out = Suppression.objects.in_force().filter(
        whose, channel=Channel.SMS, address=normal(Channel.SMS, sender), reason=Reason.OPTED_OUT
    )
    found = opted_out.first()
    return lift(suppression=found, actor=RECIPIENT) if found else None


def _check(channel: str, address: str, reason: str) -> None:
    errors: dict[str, list[str]] = {}
    if channel not in {Channel.SMS, Channel.EMAIL}:
        errors["channel"] = ["A channel is sms or email."]
    elif not fits(channel, address):
        wanted = "an e-mail address" if channel == Channel.EMAIL else "a number in E.164 format"
        errors["address"] = [f"Give {wanted}."]
    if reason not in Reason.values:
        errors["reason"] = [f"A reason is one of {', '.join(Reason.values)}."]
    if errors:
        raise InvalidInput(errors)
