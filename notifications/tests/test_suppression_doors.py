"""Suppressions by the native API and in the back office."""

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from apikeys.models import Scope
from apikeys.tests.factories import make_key
from notifications.models import Suppression
from notifications.services import suppress, suppressed_among
from notifications.tests.factories import customer_of, make_buyer

pytestmark = pytest.mark.django_db
PATH = "/api/developer/v1/suppressions"
ANN = "+254711000001"
LIST = "admin:notifications_suppression_changelist"


class Api:
    def __init__(self, key: str = "") -> None:
        self.client = Client(headers={"X-API-Key": key} if key else {})

    def call(self, method: str, path: str = PATH, body=None):
        sent = {} if method == "get" else {"data": json.dumps(body or {}), "content_type": "application/json"}
        answer = getattr(self.client, method)(path, **sent)
        return answer.status_code, answer.json()

    def list(self, **query):
        return self.client.get(PATH, query).json()


@pytest.fixture
def api(buyer) -> Api:
    return Api(make_key(customer_of(buyer))[1])


def held_back(buyer, *addresses: str, channel: str = "sms") -> set[str]:
    return suppressed_among(customer_id=buyer.customer_id, channel=channel, addresses=addresses)


def opt_out(customer_id) -> Suppression:
    return suppress(customer_id=customer_id, channel="sms", address=ANN, reason="opted_out", actor="recipient")


# --- The native API -------------------------------------------------------------------------------


def test_a_customer_adds_lists_and_takes_back(api, buyer):
    status, body = api.call("post", body={"channel": "email", "address": "Ann@Example.org", "note": "asked by phone"})
    made = body["data"]
    assert (status, made["address"], made["reason"], made["note"]) == (
        201, "ann@example.org", "manual", "asked by phone"
    )  # fmt: skip
    assert api.list()["data"] == [made]
    assert held_back(buyer, "ann@example.org", channel="email")

    assert api.call("delete", f"{PATH}/{made['id']}")[0] == 200
    assert api.call("delete", f"{PATH}/{made['id']}")[0] == 200
    assert api.list()["data"] == []
    assert not held_back(buyer, "ann@example.org", channel="email")


def test_adding_again_is_the_same_one(api):
    body = {"channel": "sms", "address": ANN}
    assert api.call("post", body=body)[1] == api.call("post", body=body)[1]


def test_the_list_is_filtered(api, buyer):
    opt_out(buyer.customer_id)
    api.call("post", body={"channel": "email", "address": "ann@example.org"})
    assert [row["channel"] for row in api.list(address=ANN)["data"]] == ["sms"]
    assert [row["channel"] for row in api.list(address="ANN@example.org")["data"]] == ["email"]
    assert [row["reason"] for row in api.list(reason="opted_out")["data"]] == ["opted_out"]
    assert api.client.get(PATH, {"reason": "mood"}).status_code == 422


def test_what_the_recipient_decided_stays(api, buyer):
    row = opt_out(buyer.customer_id)
    status, body = api.call("delete", f"{PATH}/{row.pk}")
    assert (status, body["error"], body["reason"]) == (409, "decided_by_recipient", "opted_out")
    assert held_back(buyer, ANN)


@pytest.mark.parametrize(
    ("body", "field"),
    [({"channel": "sms", "address": "nobody"}, "address"), ({"channel": "fax", "address": ANN}, "channel"),
     ({"channel": "sms"}, "address"), ({"channel": "email", "address": "a@b.example\nBcc: x@y.example"}, "address"),
     ({"channel": "sms", "address": 254711000001}, "address"),
     ({"channel": "sms", "address": ANN, "note": "x" * 201}, "note")],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_field(api, body, field):
    status, answer = api.call("post", body=body)
    assert (status, list(answer["errors"])) == (422, [field])


@pytest.mark.parametrize("whose", ["stranger", "everybody"])
def test_what_is_not_the_customers_own_does_not_exist(api, whose):
    row = opt_out(make_buyer(name="Stranger").customer_id if whose == "stranger" else None)
    assert api.list()["data"] == []
    for method in ("get", "delete"):
        assert api.call(method, f"{PATH}/{row.pk}")[0] == 404


def test_no_key_and_the_wrong_scope(buyer):
    assert Api().call("get")[0] == 401
    reader = Api(make_key(customer_of(buyer), scopes=[Scope.READ])[1])
    assert reader.call("post", body={"channel": "sms", "address": ANN})[0] == 403
    assert reader.client.get(PATH).status_code == 200


# --- The back office ---------------------------------------------------------------------------------


@pytest.fixture
def boss(db) -> Client:
    user = get_user_model().objects.create_user("boss@example.com", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user)
    return client


def add(boss: Client, **facts):
    asked = {"channel": "sms", "address": ANN, "reason": "manual", "note": "Asked us by phone", "customer": ""}
    return boss.post(reverse("admin:notifications_suppression_suppress_it"), {"_form_submitted": "on"} | asked | facts)


def test_staff_hold_an_address_back_for_everybody(boss, buyer):
    add(boss)
    row = Suppression.objects.get()
    assert (row.customer, row.note, row.created_by) == (None, "Asked us by phone", "staff:boss@example.com")
    assert held_back(buyer, ANN)
    assert LogEntry.objects.get().object_id == str(row.pk)


def test_staff_hold_it_back_for_one_customer(boss, buyer):
    add(boss, customer=str(buyer.customer_id))
    assert Suppression.objects.get().customer_id == buyer.customer_id


@pytest.mark.parametrize("facts", [{"customer": "nobody at all"}, {"address": "x"}, {"note": ""}, {"reason": "mood"}])
def test_staff_are_told_what_is_wrong(boss, facts):
    assert add(boss, **facts).status_code == 200
    assert not Suppression.objects.exists()


def test_staff_lift_with_a_reason(boss, buyer):
    row = opt_out(buyer.customer_id)
    page = reverse("admin:notifications_suppression_lift_it", args=[row.pk])
    assert boss.post(page, {"_form_submitted": "on", "reason": ""}).status_code == 200
    assert held_back(buyer, ANN)
    boss.post(page, {"_form_submitted": "on", "reason": "Came back by post"})
    row.refresh_from_db()
    assert row.lifted_by == "staff:boss@example.com"
    assert not held_back(buyer, ANN)


def test_the_pages_open_and_find_by_address(boss, buyer):
    row = opt_out(buyer.customer_id)
    page = reverse("admin:notifications_suppression_change", args=[row.pk])
    assert boss.get(page).status_code == 200
    assert ANN in boss.get(reverse(LIST), {"q": ANN.removeprefix("+")}).content.decode()
    assert ANN not in boss.get(reverse(LIST), {"q": "+254711000009"}).content.decode().replace("q=", "")
    for query in ({"force": "no"}, {"force": "yes"}, {"q": "ann@example.org"}):
        assert boss.get(reverse(LIST), query).status_code == 200
