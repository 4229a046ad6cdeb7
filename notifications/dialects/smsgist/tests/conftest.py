import pytest
from django.test import Client

from apikeys.models import ClientCredential
from apikeys.services import clients
from apikeys.services.client_tokens import make_token
from apikeys.tests.factories import make_client, make_customer
from wallets.models import Customer


class Gist(Client):
    """A client program with a credential. A crash is answered as a 500, as it is to a real one."""

    def __init__(self, shown: clients.ClientSecrets) -> None:
        token = make_token(shown.app_secret_key, shown.client_secret)
        super().__init__(
            raise_request_exception=False,
            headers={"X-Client-Id": shown.client_id, "Authorization": f"Bearer {token}"},
        )


@pytest.fixture
def customer(db) -> Customer:
    return make_customer(currency="GHS")


@pytest.fixture
def issued(customer) -> tuple[ClientCredential, clients.ClientSecrets]:
    return make_client(customer)


@pytest.fixture
def gist(issued) -> Gist:
    return Gist(issued[1])
