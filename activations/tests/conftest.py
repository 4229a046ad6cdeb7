import pytest

from activations import providers
from activations.providers import smm as smm_providers
from activations.tests import factories
from activations.tests.factories import FakeProvider
from activations.tests.smm import FakeSmmProvider, make_smm_service
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


@pytest.fixture
def booster(db, monkeypatch) -> FakeSmmProvider:
    """The provider of SMM orders, played by the test."""
    fake = FakeSmmProvider()
    monkeypatch.setitem(smm_providers.PROVIDERS, "fake", fake)
    return fake


@pytest.fixture
def followers(db):
    """The printed SMM service: 0.5 per 1,000."""
    return make_smm_service()
