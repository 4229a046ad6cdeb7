"""SMTP: e-mail through a mail server of ours. It tells whether it took a mail, and nothing more of it.

What could not be delivered later comes back as a mail (see `services.bounces`); of all else no news is
good news. A mail whose answer was lost cannot be asked about: it stays unknown, for staff to see, until
something comes back from it.
"""

from collections.abc import Callable

from django.conf import settings

from notifications.mail.smtp import SmtpRefused, SmtpUnknown, deliver
from notifications.providers.base import OutcomeUnknown, ProviderError, SendRequest, Standing, Submitted, Verdict
from notifications.providers.composing import compose, message_id, one_address


class SmtpProvider:
    name = "smtp"
    needs_template_id = False
    silence_means_delivered = True

    def send(self, request: SendRequest, *, deadline_seconds: float) -> Submitted:
        if not settings.SMTP_URL:
            raise ProviderError("not_configured")
        content = compose(request).message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]
        try:
            deliver(envelope_sender(request), one_address(request.to), content, deadline_seconds=deadline_seconds)
        except SmtpRefused as refusal:
            raise _refused(refusal) from None
        except SmtpUnknown as unknown:
            raise OutcomeUnknown(str(unknown)) from None
        return Submitted(message_id(request.reference), "sent")

    def find(
        self, request: SendRequest, *, is_ours_already: Callable[[str], bool], deadline_seconds: float
    ) -> Submitted | None:
        raise OutcomeUnknown("a mail server cannot be asked what it took")

    def standing(self, message_id: str, *, deadline_seconds: float) -> Standing | None:
        return None

    def verdict(self, template_id: str, *, deadline_seconds: float) -> Verdict | None:
        return None


def envelope_sender(request: SendRequest) -> str:
    """Where a mail comes back to when it cannot be delivered: an address that names the message (VERP)."""
    if not settings.EMAIL_BOUNCE_ADDRESS:
        return one_address(request.sender)
    local, _, domain = settings.EMAIL_BOUNCE_ADDRESS.rpartition("@")
    return f"{local}+{request.reference.replace('-', '')}@{domain}"


def _refused(refusal: SmtpRefused) -> ProviderError:
    said = f"{refusal.reply} {refusal.status}".strip() if refusal.reply else "no_connection"
    about_recipient = refusal.stage == "rcpt" and refusal.is_permanent
    return ProviderError(said, permanent=refusal.is_permanent, about_recipient=about_recipient)
