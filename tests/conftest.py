"""One running product for every test of this folder, and customers of their own for those that count money."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import Saldo, running
from tests.wire import Client

HERE = Path(__file__).parent
TWILIO_AUTH_TOKEN = "a-token-of-the-tests"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With pytest-xdist, one process runs all that share the server; a test with a group of its own goes elsewhere."""
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group("live"))


@pytest.fixture(scope="session")
def saldo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saldo]:
    """The product, started once for all tests; they may buy, but not break it."""
    with running(tmp_path_factory.mktemp("saldo"), TWILIO_AUTH_TOKENS=TWILIO_AUTH_TOKEN) as product:
        yield product


@pytest.fixture(scope="session")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saldo]:
    """A product whose processes are killed, on a durable database: what is proven is what production promises.

    It soon gives up on a dead worker's call to a provider, and after 3 seconds on a dead request.
    """
    with running(
        tmp_path_factory.mktemp("fragile"),
        durable=True,
        PROVIDER_DEADLINE_SECONDS="1",
        REQUEST_DEADLINE_SECONDS="3",
        QUEUE_STALE_SECONDS="3",
    ) as product:
        yield product


@pytest.fixture(scope="session")
def keys(saldo: Saldo) -> dict[str, str]:
    """Keys of customers that one test file each has to itself; the value was the balance in dollars."""
    return saldo.customers(
        contract="150.50",
        javascript="150.50",
        hostile="500",
        five="0.75",
        races="100",
        canary="20",
        walk="150.50",
        numbers="100",
    )


@pytest.fixture
def owner(saldo: Saldo) -> Client:
    """The main customer of the demo world, with its USD key."""
    return saldo.client(saldo.world["api_keys"]["USD"])


@pytest.fixture
def anybody(saldo: Saldo) -> Client:
    """Somebody without a key."""
    return saldo.client()
