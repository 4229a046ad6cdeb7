"""Who carries messages. One file a provider; `provider_for` picks it by its word."""

from notifications.providers.base import (
    MessageProvider,
    OutcomeUnknown,
    ProviderError,
    SendRequest,
    Standing,
    Submitted,
    Verdict,
)
from notifications.providers.esp import EspProvider
from notifications.providers.sandbox import SandboxProvider
from notifications.providers.smtp import SmtpProvider
from notifications.providers.twilio import TwilioProvider

SANDBOX = SandboxProvider.name
SMTP = SmtpProvider.name
PROVIDERS: dict[str, MessageProvider] = {
    provider.name: provider for provider in (SandboxProvider(), TwilioProvider(), SmtpProvider(), EspProvider())
}

__all__ = [
    "PROVIDERS",
    "SANDBOX",
    "SMTP",
    "MessageProvider",
    "OutcomeUnknown",
    "ProviderError",
    "SendRequest",
    "Standing",
    "Submitted",
    "Verdict",
    "provider_for",
]


def provider_for(word: str) -> MessageProvider:
    """The provider called so. Raises ProviderError for a word nobody knows."""
    try:
        return PROVIDERS[word]
    except KeyError:
        raise ProviderError("provider_unknown") from None
