"""Mail that comes back: why, and of which message of ours."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import Message

# The tag of the address that undeliverable mail comes back to: our reference, without its dashes.
TAG = re.compile(r"\+([0-9a-f]{32})@")
STATUS = re.compile(r"\A\s*([45]\.[0-9]{1,3}\.[0-9]{1,3})")
TO_US = ("Delivered-To", "X-Original-To", "Envelope-To", "To")


@dataclass(frozen=True)
class Returned:
    """`kind` is bounced or complained; `reference` and `message_id` say of which message, either may be empty."""

    kind: str
    code: str
    reference: str
    message_id: str


def read(raw: bytes) -> Returned | None:
    """A delivery report of a failure (RFC 3464) or a complaint (RFC 5965); None for any other mail.

    Whoever can send mail can write one: it is believed for the message that it names, whose number nobody guesses.
    """
    mail = message_from_bytes(raw, policy=policy.compat32)
    if mail.get_content_type() != "multipart/report":
        return None
    kinds = {part.get_content_type(): part for part in mail.walk()}
    if "message/feedback-report" in kinds:
        return Returned("complained", "", _reference(mail), _original_id(mail))
    failed = next((fields for fields in _recipients(kinds.get("message/delivery-status")) if _has_failed(fields)), None)
    if failed is None:
        return None
    status = STATUS.match(str(failed.get("Status") or ""))
    return Returned("bounced", status[1] if status else "", _reference(mail), _original_id(mail))


def _recipients(report: Message | None) -> Iterator[Message]:
    payload = report.get_payload() if report is not None else []
    yield from (fields for fields in payload if isinstance(fields, Message)) if isinstance(payload, list) else ()


def _has_failed(fields: Message) -> bool:
    """Delayed, relayed and delivered ones are no bounces."""
    return str(fields.get("Action") or "").strip().lower() == "failed"


def _reference(mail: Message) -> str:
    """By the address it came to, which was made for this message alone."""
    found = (TAG.search(str(value)) for name in TO_US for value in mail.get_all(name, []))
    return next((tag[1] for tag in found if tag), "")


def _original_id(mail: Message) -> str:
    """The Message-ID of the mail, or of its headers, that is sent back with the report."""
    for part in mail.walk():
        if part.get_content_type() == "message/rfc822" and isinstance(part.get_payload(), list):
            return str(part.get_payload()[0].get("Message-ID") or "")  # type: ignore[index,union-attr]
        if part.get_content_type() == "text/rfc822-headers":
            headers = message_from_bytes(part.get_payload(decode=True) or b"")  # type: ignore[arg-type]
            return str(headers.get("Message-ID") or "")
    return ""
