from collections.abc import Iterator

import pytest
from django.test import Client

from apikeys.models import ApiKey
from apikeys.services import guessing
from apikeys.tests import factories
from wallets.models import Customer


@pytest.fixture(autouse=True)
def unseen_addresses() -> Iterator[None]:
    guessing._flood.__init__()
    yield
    guessing._flood.__init__()


@pytest.fixture
def customer(db) -> Customer:
    return factories.make_customer()


@pytest.fixture
def key_pair(customer) -> tuple[ApiKey, str]:
    return factories.make_key(customer)


@pytest.fixture
def key(key_pair) -> ApiKey:
    return key_pair[0]


@pytest.fixture
def plain(key_pair) -> str:
    return key_pair[1]


@pytest.fixture
def api() -> Client:
    # A crash is answered as a 500, as it is to a real client.
    return Client(raise_request_exception=False)
