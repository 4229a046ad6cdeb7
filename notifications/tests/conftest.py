import pytest

from notifications import providers
from notifications.models import MessageTemplate
from notifications.tests import factories
from notifications.tests.factories import FakeProvider
from wallets.services import Buyer


@pytest.fixture
def provider(db, monkeypatch) -> FakeProvider:
    """The senders' provider, played by the test; a house sender and prices are there."""
    fake = FakeProvider()
    monkeypatch.setitem(providers.PROVIDERS, "fake", fake)
    factories.make_prices()
    factories.make_sender()
    return fake


@pytest.fixture
def buyer(db) -> Buyer:
    return factories.make_buyer()


@pytest.fixture
def template(buyer) -> MessageTemplate:
    return factories.make_template(buyer.customer_id)


@pytest.fixture
def sent(provider, buyer, template):
    """A message that the provider has."""
    from notifications import services

    return services.send(buyer=buyer, wanted=factories.wish(template))
