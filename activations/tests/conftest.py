import pytest

from activations import providers
from activations.tests import factories
from activations.tests.factories import FakeProvider
from wallets.services import Buyer


@pytest.fixture
def provider(db, monkeypatch) -> FakeProvider:
    """The offer's provider, played by the test."""
    fake = FakeProvider()
    monkeypatch.setitem(providers.PROVIDERS, "fake", fake)
    return fake


@pytest.fixture
def buyer(db) -> Buyer:
    return factories.make_buyer()


@pytest.fixture
def offer(db):
    return factories.make_fake_offer()
