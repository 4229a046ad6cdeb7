"""A provider's list of services becomes ours."""

from django.conf import settings

from activations.errors import ProviderSilent
from activations.providers.smm import PANEL, OutcomeUnknown, ProviderError, provider_for
from catalog.services.smm import Taken, take_over

# A long list takes a panel longer than an order.
DEADLINE_FACTOR = 3


def sync_services(provider: str = PANEL) -> Taken:
    """Read the provider's list and make our services follow it (see `catalog.services.smm.take_over`).

    Prices are never touched. Repeating it, also twice at once, changes nothing more. Raises ProviderSilent
    where the list cannot be had, EmptyList.
    """
    try:
        sheet = provider_for(provider).sheet(deadline_seconds=DEADLINE_FACTOR * settings.PROVIDER_DEADLINE_SECONDS)
    except (ProviderError, OutcomeUnknown):
        raise ProviderSilent("The provider's list cannot be had.") from None
    return take_over(
        provider=provider, cost_currency=sheet.cost_currency, listed=sheet.services, also_there=sheet.unreadable
    )
