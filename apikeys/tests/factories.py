"""Customers, people and keys, made as the product makes them."""

from typing import Any

from apikeys.models import ApiKey, ClientCredential, Membership, User
from apikeys.services import clients, keys
from wallets.models import Customer
from wallets.services import open_customer

PASSWORD = "correct horse battery"


def make_customer(name: str = "Acme", currency: str = "USD") -> Customer:
    return open_customer(name=name, currency=currency)


def make_key(customer: Customer, **terms: Any) -> tuple[ApiKey, str]:
    return keys.issue_key(**{"customer": customer, "name": "Production key", "actor": "test", **terms})


def make_client(customer: Customer, **terms: Any) -> tuple[ClientCredential, clients.ClientSecrets]:
    return clients.issue_client(**{"customer": customer, "name": "Shop", "actor": "test", **terms})


def make_user(customer: Customer | None = None, email: str = "ann@example.com", role: str = "owner") -> User:
    user = User.objects.create_user(email, PASSWORD)
    if customer is not None:
        Membership.objects.create(user=user, customer=customer, role=role)
    return user
