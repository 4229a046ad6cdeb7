"""An e-mail out of a request: headers and both bodies, as Django builds them."""

import re
import uuid
from email.utils import formataddr
from functools import partial

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.mail.message import sanitize_address
from django.core.validators import validate_email

from notifications.mail import bodies, links
from notifications.providers.base import ProviderError, SendRequest

# Nothing of this may stand in a header: line breaks in any spelling, and what no reader shows.
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def compose(request: SendRequest) -> EmailMultiAlternatives:
    """The e-mail, tracked unless the customer would not have it. Raises ProviderError where it cannot be one."""
    headers = (request.subject, request.from_name, request.reply_to, request.sender, request.to)
    if any(UNPRINTABLE.search(each) for each in headers):
        raise ProviderError("bad_header")
    message = uuid.UUID(request.reference)
    body = bodies.read(request.body)
    mail = EmailMultiAlternatives(
        subject=request.subject,
        body=body.text,
        from_email=formataddr((request.from_name, one_address(request.sender))),
        to=[one_address(request.to)],
        reply_to=[one_address(request.reply_to)] if request.reply_to else None,
        headers={
            "Message-ID": f"<{message_id(request.reference)}>",
            # RFC 8058: one POST to this address, without any question, and no more of it comes.
            "List-Unsubscribe": f"<{links.unsubscribe_url(message)}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    )
    mail.attach_alternative(_html(body, message, tracked=not request.no_tracking), "text/html")
    return mail


def message_id(reference: str) -> str:
    """The Message-ID of a message of ours, without its brackets."""
    return f"{reference}@{settings.EMAIL_DOMAIN}"


def reference_in(found: str) -> str:
    """Our reference in a Message-ID, with or without its brackets; "" where it is none of ours."""
    reference, _, domain = found.strip().strip("<>").partition("@")
    return reference if domain == settings.EMAIL_DOMAIN else ""


def one_address(text: str) -> str:
    """The one address that `text` is, its domain as DNS writes it. Raises ProviderError for anything else."""
    try:
        validate_email(text)  # also that it is one alone, without a name
        address = sanitize_address(text, "ascii")
    except (ValidationError, ValueError):
        raise ProviderError("bad_address", about_recipient=True) from None
    if not address.isascii():
        raise ProviderError("bad_address", about_recipient=True)
    return address


def _html(body: bodies.Body, message: uuid.UUID, *, tracked: bool) -> str:
    if not tracked:
        return body.untouched
    return body.tracked(link=partial(links.click_url, message), pixel=links.open_url(message))
