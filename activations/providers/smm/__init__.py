"""Who delivers followers, views and likes. One file a provider; `provider_for` picks it by its word."""

from activations.providers.base import OutcomeUnknown, ProviderError
from activations.providers.smm.base import OrderReport, SmmProvider, SmmRequest, SmmSheet
from activations.providers.smm.panel import PanelProvider
from activations.providers.smm.sandbox import SandboxSmmProvider

PANEL = PanelProvider.name
SANDBOX = SandboxSmmProvider.name
PROVIDERS: dict[str, SmmProvider] = {provider.name: provider for provider in (PanelProvider(), SandboxSmmProvider())}

__all__ = [
    "PANEL",
    "PROVIDERS",
    "SANDBOX",
    "OrderReport",
    "OutcomeUnknown",
    "ProviderError",
    "SmmProvider",
    "SmmRequest",
    "SmmSheet",
    "provider_for",
]


def provider_for(word: str) -> SmmProvider:
    """The provider of a service. A word nobody knows refuses."""
    try:
        return PROVIDERS[word]
    except KeyError:
        raise ProviderError from None
