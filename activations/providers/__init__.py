"""Where numbers come from. One file a provider; `provider_for` picks it by its word."""

from activations.providers.base import (
    GivenNumber,
    NumberProvider,
    NumberRequest,
    OutcomeUnknown,
    ProviderError,
    ReceivedText,
)
from activations.providers.pool import PoolProvider
from activations.providers.sandbox import SandboxProvider

SANDBOX = SandboxProvider.name
PROVIDERS: dict[str, NumberProvider] = {provider.name: provider for provider in (PoolProvider(), SandboxProvider())}

__all__ = [
    "PROVIDERS",
    "SANDBOX",
    "GivenNumber",
    "NumberProvider",
    "NumberRequest",
    "OutcomeUnknown",
    "ProviderError",
    "ReceivedText",
    "provider_for",
]


def provider_for(word: str) -> NumberProvider:
    """The provider of an offer. A word nobody knows refuses like a provider that has nothing."""
    try:
        return PROVIDERS[word]
    except KeyError:
        raise ProviderError("no_numbers_available") from None
