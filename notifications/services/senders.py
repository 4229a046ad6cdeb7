"""Senders: requested by customers, approved or refused by staff."""

import re
from collections.abc import Mapping

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone

from config.errors import InvalidInput
from notifications.errors import WrongState
from notifications.models import Channel, Sender
from notifications.providers import PROVIDERS, SANDBOX

Status = Sender.Status

E164 = re.compile(r"\A\+[0-9]{8,15}\Z")
# A name of 1 to 11 GSM letters and digits with a letter in it, or a number.
SMS_NAME = re.compile(r"\A(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}\Z|\A\+?[0-9]{3,15}\Z")
COMPLAINTS: Mapping[str, str] = {
    Channel.WHATSAPP: "A WhatsApp sender is a number in E.164 format.",
    Channel.SMS: "An SMS sender is a name of up to 11 letters, digits and spaces, or a number.",
    Channel.EMAIL: "An e-mail sender is an address.",
}


def request_sender(*, customer_id: int | None, channel: str, address: str) -> Sender:
    """Ask for a sender; staff decide. Repeating it returns the one that is there, unless it was rejected.

    Without a customer it is one of the house. Raises InvalidInput.
    """
    _check(channel, address)
    found = {"customer_id": customer_id, "channel": channel, "address": address}
    try:
        with transaction.atomic():
            return Sender.objects.create(**found)
    except IntegrityError:
        return Sender.objects.exclude(status=Status.REJECTED).get(**found)


@transaction.atomic
def approve_sender(*, sender: Sender, provider: str, actor: str) -> Sender:
    """Let messages go out from it, carried by `provider`. Raises WrongState, InvalidInput."""
    locked = _lock(sender.pk)
    _require(locked, Status.REQUESTED, Status.DISABLED)
    if provider not in provider_choices():
        raise InvalidInput({"provider": ["There is no such provider."]})
    locked.provider = provider
    return _decide(locked, Status.APPROVED, "", actor)


@transaction.atomic
def reject_sender(*, sender: Sender, reason: str, actor: str) -> Sender:
    """Refuse a requested one, with a reason that the customer reads. Raises WrongState, InvalidInput."""
    locked = _lock(sender.pk)
    _require(locked, Status.REQUESTED)
    return _decide(locked, Status.REJECTED, reason, actor)


@transaction.atomic
def disable_sender(*, sender: Sender, reason: str, actor: str) -> Sender:
    """Stop an approved one; approving it again resumes it. Raises WrongState, InvalidInput."""
    locked = _lock(sender.pk)
    _require(locked, Status.APPROVED)
    return _decide(locked, Status.DISABLED, reason, actor)


def provider_choices() -> list[str]:
    """Who can carry messages here: nothing pretends to where the sandbox is off."""
    return [name for name in PROVIDERS if settings.SANDBOX or name != SANDBOX]


def _check(channel: str, address: str) -> None:
    if channel not in Channel.values:
        raise InvalidInput({"channel": ["A channel is whatsapp, sms or email."]})
    if not _fits(channel, address):
        raise InvalidInput({"address": [COMPLAINTS[channel]]})


def _fits(channel: str, address: str) -> bool:
    if channel != Channel.EMAIL:
        return bool((E164 if channel == Channel.WHATSAPP else SMS_NAME).match(address))
    try:
        validate_email(address)
    except ValidationError:
        return False
    return len(address) <= 254


def _lock(sender_id: int) -> Sender:
    return Sender.objects.select_for_update(no_key=True).get(pk=sender_id)


def _require(locked: Sender, *statuses: Status) -> None:
    if locked.status not in statuses:
        raise WrongState(status=locked.status)


def _decide(locked: Sender, status: Status, reason: str, actor: str) -> Sender:
    if status != Status.APPROVED and not reason.strip():
        raise InvalidInput({"reason": ["Say why."]})
    locked.status = status
    locked.reason = reason.strip()[:200]
    locked.decided_at = timezone.now()
    locked.decided_by = actor
    locked.save()
    return locked
