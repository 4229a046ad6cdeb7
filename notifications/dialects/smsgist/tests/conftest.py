from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from apikeys.models import ClientCredential
from apikeys.services import clients
from apikeys.services.client_tokens import make_token
from apikeys.tests.factories import make_client, make_customer
from catalog.models import NotificationProduct, Price
from catalog.services.notifications import create_notification_product
from catalog.tests.factories import LONG_AGO, make_destination
from notifications.models import Channel, Sender
from wallets.models import Customer, Wallet
from wallets.services import deposit

FUNDS = Decimal("125.5")
SMS, EMAIL = Decimal("0.03"), Decimal("0.001")


class Gist(Client):
    """A client program with a credential. A crash is answered as a 500, as it is to a real one."""

    def __init__(self, shown: clients.ClientSecrets) -> None:
        token = make_token(shown.app_secret_key, shown.client_secret)
        super().__init__(
            raise_request_exception=False,
            headers={"X-Client-Id": shown.client_id, "Authorization": f"Bearer {token}"},
        )

    def send(self, path: str = "/api/sms/send", key: str | None = None, **body: Any) -> Any:
        headers = {} if key is None else {"X-Idempotency-Key": key}
        return self.post(path, body, "application/json", headers=headers)

    def sms(self, *recipients: str, **more: Any) -> Any:
        body = {"recipients": list(recipients) or ["+233245972246"], "message": "Your OTP is 482916"}
        return self.send(**{**body, **more})

    def email(self, *recipients: str, **more: Any) -> Any:
        body = {"subject": "Welcome to MyApp", "body": "<h1>Hello!</h1>", "recipients": list(recipients)}
        return self.send("/api/email/send", **{**body, **more})

    def status(self, message_id: str) -> Any:
        return self.get(f"/api/message/{message_id}/status")

    def retry(self, message_id: str, key: str | None = None) -> Any:
        return self.send(f"/api/message/{message_id}/retry", key=key)


@pytest.fixture
def customer(db) -> Customer:
    return make_customer(currency="GHS")


@pytest.fixture
def wallet(customer) -> Wallet:
    return customer.wallets.get()


@pytest.fixture
def issued(customer) -> tuple[ClientCredential, clients.ClientSecrets]:
    return make_client(customer)


@pytest.fixture
def gist(issued) -> Gist:
    return Gist(issued[1])


@pytest.fixture
def world(wallet, settings) -> None:
    """Money, prices in GHS, and house senders whose carrier only plays."""
    settings.SANDBOX_DELAY_SECONDS = 0
    deposit(wallet=wallet, amount=FUNDS, reference="test:deposit", actor="test")
    make_destination(price=str(SMS), currency="GHS")
    make_destination("GB", mcc="234", prefixes=["44"], price="0.05", currency="GHS")
    product = create_notification_product(category=NotificationProduct.Category.EMAIL)
    Price.objects.create(product_id=product.pk, amount=EMAIL, currency="GHS", effective_from=LONG_AGO)
    for channel, address in ((Channel.SMS, "INFO"), (Channel.EMAIL, "news@saldo.example")):
        Sender.objects.create(channel=channel, address=address, status="approved", provider="sandbox")


@pytest.fixture
def another(customer) -> Callable[..., Gist]:
    """One more client program of the same customer, on terms of its own."""

    def make(**terms: Any) -> Gist:
        return Gist(make_client(customer, **terms)[1])

    return make
