"""What a customer asks for when they send: checked here, field by field, before anything is priced."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from config.errors import InvalidInput
from notifications.models import Channel
from notifications.services.addresses import fits, normal

# Wider than E.164, for one contract takes up to 20 digits; who cannot be reached is an outcome of the delivery.
NUMBER = re.compile(r"\A\+?[0-9]{8,20}\Z")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
LONGEST_SMS = 10_000
LONGEST_EMAIL = 1_000_000
LONGEST = {"subject": 998, "from_name": 128, "reply_to": 254, "from_number": 32}
NAMED = 3
# Moments that follow from it, such as when its text is erased, must still be moments.
LATEST = datetime(3000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SendingWanted:
    """One text to one or many recipients: numbers with or without +, or e-mail addresses.

    `sender` is the address of an approved one; without it the customer's newest own goes out, else the
    house's. `from_number` instead is a number the customer rents, carried by `from_provider`. In test
    mode everything goes to `redirect_to`.
    """

    channel: str
    recipients: Sequence[str] = field(repr=False)
    text: str = field(repr=False)
    subject: str = ""
    from_name: str = ""
    reply_to: str = ""
    no_tracking: bool = False
    sender: str | None = None
    route: str = "regular"
    scheduled_at: datetime | None = None
    redirect_to: str = ""
    remove_duplicates: bool = False
    from_number: str = ""
    from_provider: str = ""


def checked(wanted: SendingWanted) -> SendingWanted:
    """The same with its recipients written one way: + and digits, or as given. Raises InvalidInput for all at once."""
    errors = dict(_faults(wanted))
    if errors:
        raise InvalidInput(errors)
    recipients = wanted.recipients
    if wanted.channel == Channel.SMS:
        recipients = [to if to[0] == "+" else f"+{to}" for to in recipients]
    if wanted.remove_duplicates:
        recipients = _without_duplicates(wanted.channel, recipients)
    return replace(wanted, recipients=recipients)


def _without_duplicates(channel: str, recipients: Sequence[str]) -> list[str]:
    """Each recipient once, as first written, in the order given."""
    first: dict[str, str] = {}
    for to in recipients:
        first.setdefault(normal(channel, to), to)
    return list(first.values())


def _faults(wanted: SendingWanted) -> "list[tuple[str, list[str]]]":
    faults = []
    if wanted.channel not in {Channel.SMS, Channel.EMAIL}:
        faults.append(("channel", ["A channel is sms or email."]))
    elif bad := bad_recipients(wanted.channel, wanted.recipients):
        faults.append(("recipients", [f"This is no recipient: {to}" for to in bad[:NAMED]]))
    if wanted.scheduled_at is not None and wanted.scheduled_at >= LATEST:
        faults.append(("scheduled_at", [f"A sending goes out before the year {LATEST.year}."]))
    if not wanted.recipients:
        faults.append(("recipients", ["Give at least one recipient."]))
    longest = LONGEST_EMAIL if wanted.channel == Channel.EMAIL else LONGEST_SMS
    if not wanted.text or len(wanted.text) > longest:
        faults.append(("text", [f"A text has 1 to {longest} characters."]))
    if wanted.channel == Channel.EMAIL:
        faults += _faults_of_email(wanted)
    return faults


def _faults_of_email(wanted: SendingWanted) -> "list[tuple[str, list[str]]]":
    """No line break may reach a header of the mail."""
    faults = []
    for name in ("subject", "from_name", "reply_to"):
        value = getattr(wanted, name)
        if CONTROL.search(value) or len(value) > LONGEST[name]:
            faults.append((name, [f"This holds no line break and at most {LONGEST[name]} characters."]))
    if not wanted.subject:
        faults.append(("subject", ["An e-mail needs a subject."]))
    if wanted.reply_to and not fits(Channel.EMAIL, wanted.reply_to):
        faults.append(("reply_to", ["This is no e-mail address."]))
    return faults


def bad_recipients(channel: str, recipients: Sequence[str]) -> list[str]:
    """Those who are none, by their shape."""
    if channel == Channel.SMS:
        return [to for to in recipients if not NUMBER.match(to)]
    return [to for to in recipients if not fits(Channel.EMAIL, to)]
