"""SMSGIC from the door to the database: what is told, what is held, and every no."""

import json
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from apikeys.services import guessing, keys
from catalog.models import Country
from notifications.models import Channel, Route, Sender, Sending
from notifications.tests.sending_factories import PRICE, make_sms_world
from wallets.models import Customer, Wallet
from wallets.services import deposit, open_customer

pytestmark = pytest.mark.django_db
SENDINGS, CALCULATE = "/sendings", "/sendings/calculate"
SENDING = {"message": "message", "recipients": ["4520123456"], "sender": "INFO"}


@pytest.fixture(autouse=True)
def unseen_addresses() -> None:
    guessing._flood.__init__()


@pytest.fixture
def world(db) -> None:
    make_sms_world()


def make_customer(name: str = "Acme", funds: str = "10") -> Customer:
    customer = open_customer(name=name, currency="USD")
    if Decimal(funds):
        deposit(wallet=customer.wallets.get(), amount=Decimal(funds), reference=name, actor="test")
    return customer


@pytest.fixture
def customer(world) -> Customer:
    return make_customer()


def client_of(customer: Customer, **terms: Any) -> Client:
    _, plain = keys.issue_key(customer=customer, name="Key", actor="test", **terms)
    return Client(raise_request_exception=False, headers={"Authorization": f"Bearer {plain}"})


@pytest.fixture
def api(customer) -> Client:
    return client_of(customer)


def post(api: Client, path: str, body: Any, **headers: str) -> Any:
    return api.post(path, body, "application/json", headers=headers)


def test_a_sending_holds_its_price_and_counts_a_number_given_twice(api, customer):
    answer = post(api, SENDINGS, SENDING | {"recipients": ["4520123456", "4520123456"], "message": "a" * 161})
    sending = Sending.objects.get()
    assert answer.json() == {"message": "SMS champing created", "sending_id": sending.pk}
    assert (sending.recipients, sending.total_segments) == (2, 4)
    wallet = Wallet.objects.get(customer=customer)
    assert (wallet.balance, wallet.available) == (10, 10 - 4 * PRICE)


def test_a_calculation_is_what_the_sending_then_takes(api):
    Customer.objects.update(tax_percent=Decimal("7.5"))
    told = json.loads(post(api, CALCULATE, SENDING).content, parse_float=Decimal)["calculate"]["info"]
    post(api, SENDINGS, SENDING)
    sending = Sending.objects.get()
    assert (told["total"], told["tax"]) == (sending.price, sending.tax)
    assert told["subtotal"] == sending.price - sending.tax


def test_the_list_is_the_latest_thousand_in_order_of_id(api, customer):
    post(api, SENDINGS, SENDING)
    first = Sending.objects.get()
    rest = [Sending(**{**_columns(first), "idempotency_key": None}) for _ in range(1_002)]
    Sending.objects.bulk_create(rest)
    rows = api.get(SENDINGS).json()["sendings"]
    assert len(rows) == 1_000
    assert [row["id"] for row in rows] == sorted(Sending.objects.values_list("id", flat=True))[-1_000:]
    assert api.get(f"{SENDINGS}?page=1&per_page=1").json()["sendings"][0]["id"] == first.pk


def _columns(sending: Sending) -> dict[str, Any]:
    names = [field.attname for field in Sending._meta.concrete_fields if field.name not in {"id", "uuid"}]
    return {name: getattr(sending, name) for name in names}


def test_e_mail_is_not_in_the_list_and_a_stranger_sees_nothing(api, customer):
    sending_id = post(api, SENDINGS, SENDING).json()["sending_id"]
    stranger = client_of(make_customer("Other"))
    assert stranger.get(SENDINGS).json() == {"sendings": []}
    assert stranger.get(f"{SENDINGS}/{sending_id}").json() == {"message": f"No query results for model {sending_id}"}
    Sending.objects.update(channel="email")
    assert api.get(SENDINGS).json() == {"sendings": []}


@pytest.mark.parametrize("named", ["0", "301", "abc", "-1", "9" * 30])
def test_what_is_no_sending_is_told_in_the_printed_words(api, named):
    answer = api.get(f"{SENDINGS}/{named}")
    assert (answer.status_code, answer.json()) == (404, {"message": f"No query results for model {named}"})


def test_senders_are_the_customers_approved_ones_and_the_houses(api, customer):
    own = Sender.objects.create(customer=customer, channel="sms", address="MegaShop", status="approved", provider="x")
    for address, facts in {
        "Waiting": {"customer": customer},
        "Other": {"customer": make_customer("Other"), "status": "approved", "provider": "x"},
        "a@b.example": {"customer": customer, "channel": "email", "status": "approved", "provider": "x"},
    }.items():
        Sender.objects.create(**{"channel": "sms", "address": address, **facts})
    house = Sender.objects.get(customer=None)
    assert api.get("/senders").json() == {
        "senders": [{"id": house.pk, "sender": "INFO"}, {"id": own.pk, "sender": "MegaShop"}]
    }


def test_a_type_is_a_route_that_staff_may_switch_off(api):
    Route.objects.create(channel=Channel.SMS, name="messente", provider="sandbox")
    assert post(api, SENDINGS, SENDING | {"type": "messente"}).status_code == 200
    Route.objects.update(is_active=False)
    answer = post(api, SENDINGS, SENDING | {"type": "messente"})
    assert (answer.status_code, sorted(answer.json()["errors"])) == (422, ["message", "type"])


@pytest.mark.parametrize(
    ("sent", "status"),
    [({"scheduled_at": "2999-12-31 23:59:59"}, 200), ({"scheduled_at": "9999-12-31 23:59:59"}, 422),
     ({"scheduled_at": "0001-01-01 00:00:00"}, 200), ({"scheduled_at": "0000-01-01 00:00:00"}, 422),
     ({"recipients": ["9" * 20]}, 200), ({"recipients": ["0" * 8]}, 200),
     ({"message": "a" * 10_001}, 422), ({"message": " "}, 200), ({"sender": "info"}, 422)],
)  # fmt: skip
def test_at_the_edges_of_what_may_be_asked(api, sent, status):
    assert post(api, SENDINGS, SENDING | sent).status_code == status


def test_without_money_it_is_422_under_balance(api):
    answer = post(api, SENDINGS, SENDING | {"recipients": ["4520123456"] * 1_000})
    assert (answer.status_code, answer.json()) == (
        422, {"message": "Insufficient balance", "errors": {"balance": ["Insufficient balance"]}},
    )  # fmt: skip
    assert not Sending.objects.exists()


def test_a_suspended_customer_calculates_but_does_not_send(api):
    Customer.objects.update(status="suspended")
    assert post(api, CALCULATE, SENDING).status_code == 200
    answer = post(api, SENDINGS, SENDING)
    assert (answer.status_code, answer.json()) == (403, {"message": "This account is suspended."})


def test_a_key_that_may_only_read_does_not_send(customer):
    reader = client_of(customer, scopes=["read"])
    assert post(reader, CALCULATE, SENDING).status_code == 200
    assert post(reader, SENDINGS, SENDING).status_code == 403


@pytest.mark.parametrize("mode", ["test", "dryrun"])
def test_in_test_and_dry_run_no_balance_is_needed(world, mode):
    poor = client_of(make_customer("Poor", funds="0"), mode=mode)
    assert post(poor, SENDINGS, SENDING).status_code == 200


def test_a_repeat_with_the_same_idempotency_key_is_the_first_answer(api):
    first, again = (post(api, SENDINGS, SENDING, **{"Idempotency-Key": "once"}) for _ in range(2))
    assert (again.content, again["Idempotency-Replay"]) == (first.content, "true")
    assert post(api, SENDINGS, SENDING | {"message": "other"}, **{"Idempotency-Key": "once"}).status_code == 422
    assert Sending.objects.count() == 1


def test_a_form_may_hold_an_array_or_a_json_text(api):
    sent_as = "application/x-www-form-urlencoded"
    for recipients in ("recipients[]=4520123456&recipients[]=4520123457", 'recipients=["4520123456","4520123457"]'):
        answer = api.post(CALCULATE, f"message=x&{recipients}", sent_as)
        assert answer.json()["calculate"]["info"]["sms_count"] == 2


def test_rates_by_country_and_by_its_number(api):
    denmark = Country.objects.get(code="DK")
    (row,) = api.get("/rates", {"country_id": denmark.pk}).json()["rates"]
    assert (row["mcc"], row["mnc"], row["country"]) == ("238", "01", denmark.name)
    assert api.get("/rates", {"country": denmark.name[:3].upper()}).json()["rates"] == [row]
    assert api.get("/rates", {"mcc": "238", "mnc": "02"}).json() == {"rates": []}
    assert len(api.get("/rates").json()["rates"]) == 1  # the default is not listed


def test_where_nothing_is_priced_it_is_422_under_recipients(db):
    Sender.objects.create(channel="sms", address="INFO", status="approved", provider="sandbox")
    api = client_of(make_customer())
    for path in (CALCULATE, SENDINGS):
        answer = post(api, path, SENDING)
        assert (answer.status_code, "recipients" in answer.json()["errors"]) == (422, True)
