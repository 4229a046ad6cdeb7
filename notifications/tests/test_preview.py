"""`messages/preview`: what a text would be and cost; nothing is sent, nothing is charged."""

import json
from decimal import Decimal

import pytest

from apikeys.models import Scope
from apikeys.tests.factories import make_key
from catalog.models import Country
from catalog.services.rates import rates_for
from catalog.tests.factories import make_destination
from notifications.models import Message, Sending
from notifications.tests.factories import customer_of
from notifications.tests.test_api import V1, Api
from wallets.models import Customer

PREVIEW = f"{V1}/messages/preview"
KENYA, DENMARK = ["+254711000000", "+254711000001"], "+4520123456"


@pytest.fixture
def api(buyer) -> Api:
    return Api(make_key(customer_of(buyer))[1])


@pytest.fixture
def _sold(buyer):
    make_destination("KE", mcc="639", operator="Safaricom", mnc="02", prefixes=["254711"], price="0.02")
    make_destination("DK", mcc="238", prefixes=["45"], price="0.05")
    Country.objects.filter(code="KE").update(name="Kenya")


def preview(api, text, *recipients):
    answer = api.post(PREVIEW, {"text": text, "recipients": list(recipients)})
    assert answer.status_code == 200, answer.content
    return json.loads(answer.content, parse_float=Decimal)["data"]


def test_a_plain_text(api):
    data = preview(api, "It costs 5 €")
    assert data == {
        "text": {
            "encoding": "gsm7", "segments": 1, "characters": 12, "units": 13, "unicode_because": None,
            "parts": ["It costs 5 €"],
        },
        "destinations": [],
        "cost": None,
    }  # fmt: skip


def test_the_character_that_forces_unicode_is_told_by_name_and_place(api):
    data = preview(api, "Ça coûte 5 €" + "a" * 60)["text"]
    assert data["unicode_because"] == {
        "character": "û", "name": "LATIN SMALL LETTER U WITH CIRCUMFLEX", "position": 5,
    }  # fmt: skip
    assert (data["encoding"], data["segments"], data["units"], len(data["parts"])) == ("ucs2", 2, 72, 2)


@pytest.mark.usefixtures("_sold")
def test_every_destination_is_priced_as_it_will_be_charged(api, buyer):
    Customer.objects.update(tax_percent=10)
    data = preview(api, "a" * 161, *KENYA, DENMARK)
    rows = [
        (row["country"], row["network"], row["recipients"], row["price"], row["total"]) for row in data["destinations"]
    ]
    assert rows == [
        ("Kenya", "Safaricom", 2, Decimal("0.02"), Decimal("0.088")), ("DK", "", 1, Decimal("0.05"), Decimal("0.11")),
    ]  # fmt: skip
    assert data["cost"] == {
        "currency": buyer.currency, "subtotal": Decimal("0.18"), "tax": Decimal("0.018"), "total": Decimal("0.198"),
    }  # fmt: skip
    shown = rates_for(customer_id=buyer.customer_id, currency=buyer.currency, numbers=KENYA)[0]
    assert shown.amount == rows[0][3]


@pytest.mark.usefixtures("_sold")
def test_nothing_is_sent_or_charged(api, buyer):
    preview(api, "Hello", *KENYA)
    assert not Message.objects.exists()
    assert not Sending.objects.exists()


@pytest.mark.usefixtures("_sold")
@pytest.mark.parametrize(
    ("body", "slug"),
    [
        ({}, "validation_failed"),
        ({"text": 5}, "validation_failed"),
        ({"text": "a" * 10_001}, "validation_failed"),
        ({"text": "Hello", "recipients": "+254711000000"}, "validation_failed"),
        ({"text": "Hello", "recipients": ["+25471"]}, "validation_failed"),
        ({"text": "Hello", "recipients": ["+33600000000"]}, "unknown_destination"),
    ],
)
def test_what_cannot_be_previewed_is_refused(api, body, slug):
    answer = api.post(PREVIEW, body)
    assert (answer.status_code, answer.json()["error"]) == (422, slug)


def test_reading_is_enough_to_preview(buyer):
    reader = Api(make_key(customer_of(buyer), scopes=[Scope.READ])[1])
    assert reader.post(PREVIEW, {"text": "Hello"}).status_code == 200


def test_it_needs_a_key(db):
    assert Api("").post(PREVIEW, {"text": "Hello"}).status_code == 401
