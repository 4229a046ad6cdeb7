"""Customers of plainsms: one in Kenya with an API password."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from apikeys.services import guessing, passwords
from wallets.models import Customer
from wallets.services import open_customer


@pytest.fixture(autouse=True)
def unseen_addresses() -> Iterator[None]:
    guessing._flood.__init__()
    yield
    guessing._flood.__init__()


@pytest.fixture
def customer(db) -> Customer:
    return open_customer(name="Acme", currency="USD", default_region="KE")


@pytest.fixture
def login(customer) -> dict[str, str]:
    _, plain = passwords.issue_password(customer=customer, username="user123", actor="test")
    return {"username": "user123", "password": plain}


@pytest.fixture
def api() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture
def post(api):
    def call(path: str, body: Any = None, **headers: str) -> Any:
        return api.post(path, body or {}, "application/json", headers=headers)

    return call
