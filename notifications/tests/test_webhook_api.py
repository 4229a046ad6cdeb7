"""Webhook endpoints and their log in the native contract: every refusal, and nobody else's."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from standardwebhooks import Webhook

from apikeys.tests.factories import make_key
from config.encryption import decrypt
from notifications.models import WebhookDelivery, WebhookEndpoint
from notifications.services import webhooks
from notifications.services.webhooks import claiming, formats
from notifications.services.webhooks.outcomes import Outcome, record
from notifications.tests.factories import customer_of, make_buyer
from notifications.tests.webhooks import API_KEY, CODE, make_endpoint, tell

pytestmark = pytest.mark.django_db

ENDPOINTS = "/api/developer/v1/webhook-endpoints"
URL = "https://hooks.example.com/saldo"


class Api:
    def __init__(self, key: str = "") -> None:
        self.client = Client(headers={"X-API-Key": key} if key else {}, raise_request_exception=False)

    def call(self, method: str, path: str, body=None):
        text = body if isinstance(body, str) else json.dumps(body or {})
        return self.client.generic(method, path, text, content_type="application/json")

    def get(self, path: str, **query):
        return self.client.get(path, query)

    def post(self, path: str, body=None):
        return self.call("POST", path, body)


@pytest.fixture
def api(buyer) -> Api:
    return Api(make_key(customer_of(buyer))[1])


@pytest.fixture
def endpoint(buyer) -> WebhookEndpoint:
    return make_endpoint(buyer.customer_id, URL)


@pytest.fixture
def path(endpoint) -> str:
    return f"{ENDPOINTS}/{endpoint.pk}"


def attempt(status_code: int | None = 500, **facts) -> None:
    """The dispatcher's next attempt of everything due, which ends so."""
    ends = {"duration_ms": 7, "status_code": status_code, "answer": "no"} | facts
    record(
        [
            Outcome(each.attempt_id, each.delivery_id, each.endpoint_id, each.number, each.tries, **ends)
            for each in claiming.claim(most=100, busy={})
        ]
    )


def fail_for_good(delivery: WebhookDelivery) -> None:
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        status="failed", next_attempt_at=None, closed_at=timezone.now()
    )


ROUTES = [
    ("GET", ""), ("POST", ""), ("GET", "/{id}"), ("PATCH", "/{id}"), ("DELETE", "/{id}"), ("POST", "/{id}/test"),
    ("POST", "/{id}/rotate-secret"), ("GET", "/{id}/deliveries"), ("GET", "/{id}/deliveries/{delivery}"),
    ("POST", "/{id}/deliveries/{delivery}/replay"), ("POST", "/{id}/replay"),
]  # fmt: skip


def filled(route: str, endpoint: WebhookEndpoint) -> str:
    return ENDPOINTS + route.format(id=endpoint.pk, delivery=endpoint.deliveries.get().pk)


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_nothing_is_answered_without_a_key(endpoint, method, route):
    tell(endpoint.customer_id)
    assert Api().call(method, filled(route, endpoint)).status_code == 401


@pytest.mark.parametrize(("method", "route"), [each for each in ROUTES if each[0] != "GET"])
def test_a_key_that_may_only_read_changes_nothing(buyer, endpoint, method, route):
    tell(endpoint.customer_id)
    reader = Api(make_key(customer_of(buyer), scopes=["read", "messages"])[1])
    refused = reader.call(method, filled(route, endpoint), {"url": URL})
    assert (refused.status_code, refused.json()["error"]) == (403, "missing_scope")


@pytest.mark.parametrize(("method", "route"), [each for each in ROUTES if each[1]])
def test_somebody_elses_endpoint_does_not_exist(endpoint, method, route):
    tell(endpoint.customer_id)
    stranger = Api(make_key(customer_of(make_buyer(name="Stranger")))[1])
    refused = stranger.call(method, filled(route, endpoint))
    assert (refused.status_code, refused.json()["error"]) == (404, "not_found")


def test_an_endpoint_is_made_with_a_secret_that_is_shown_once(api, buyer):
    made = api.post(ENDPOINTS, {"url": URL, "events": ["message.sent"], "description": "Orders"})

    told = made.json()["data"]
    assert made.status_code == 201
    assert (told["url"], told["events"], told["format"], told["enabled"]) == (URL, ["message.sent"], "standard", True)
    assert told["secret"].startswith("whsec_")
    row = WebhookEndpoint.objects.get()
    assert (decrypt(row.secret), row.created_by.partition(":")[0]) == (told["secret"], "key")
    shown = api.get(f"{ENDPOINTS}/{row.pk}").content.decode() + api.get(ENDPOINTS).content.decode()
    assert "secret" not in shown.replace("previous_secret_until", "")


@pytest.mark.parametrize(("body", "field"), [
    ({}, "url"), ({"url": "http://hooks.example.com/"}, "url"), ({"url": "https://localhost.example"}, ""),
    ({"url": "https://user:pw@example.com/"}, "url"), ({"url": "https://10.0.0.1/"}, "url"), ({"url": 5}, "url"),
    ({"url": URL, "events": ["nothing.happened"]}, "events"), ({"url": URL, "events": "message.sent"}, "events"),
    ({"url": URL, "events": [["x"]]}, "events.0"), ({"url": URL, "format": "xml"}, "format"),
    ({"url": URL, "format": "smsgig", "signing_key": API_KEY}, "signing_key"),
    ({"url": URL, "format": "smsgig", "signing_key": "x"}, "signing_key"),
    ({"url": URL, "format": "smsgig", "signing_key_id": 10**9}, "signing_key_id"),
    ({"url": URL, "format": "smsgig", "events": ["message.sent"]}, "events"),
    ({"url": URL, "signing_key": "x"}, "signing_key"),
    ({"url": URL, "format": "smsgist", "events": ["wallet.deposited"]}, "events"),
    ({"url": URL, "description": "x" * 201}, "description"), ({"url": "https://" + "a" * 3_000}, "url"),
])  # fmt: skip
def test_a_request_that_makes_no_sense_is_refused_per_field(api, body, field):
    refused = api.post(ENDPOINTS, body)
    if not field:
        assert refused.status_code == 201
        return
    assert (refused.status_code, list(refused.json()["errors"])) == (422, [field])
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize("body", ["[]", "{", '{"url": 1e999}', '{"url": "\\u0000"}', "[" * 990])
def test_a_hostile_body_is_refused_in_the_contracts_shape(api, path, body):
    for method, where in (("POST", ENDPOINTS), ("PATCH", path), ("POST", f"{path}/replay")):
        refused = api.call(method, where, body)
        assert refused.status_code in {400, 422}
        assert "error" in refused.json()


def test_the_twenty_first_endpoint_is_refused(api, buyer):
    for _ in range(20):
        make_endpoint(buyer.customer_id, URL)
    assert api.post(ENDPOINTS, {"url": URL}).status_code == 422
    webhooks.delete_endpoint(endpoint=WebhookEndpoint.objects.first())
    assert api.post(ENDPOINTS, {"url": URL}).status_code == 201


def test_smsgig_and_smsgist_say_what_they_can_say(api):
    gig = api.post(ENDPOINTS, {"url": URL, "format": "smsgig"}).json()["data"]
    gist = api.post(ENDPOINTS, {"url": URL, "format": "smsgist"}).json()["data"]
    assert gig["events"] == ["activation.code_received"]
    assert {kind.partition(".")[0] for kind in gist["events"]} == {"message"}


def test_smsgig_signs_with_the_calling_key_the_one_that_is_sent_or_one_that_keeps_its_copy(api, buyer):
    customer = customer_of(buyer)
    _, other = make_key(customer)
    keeper, kept = make_key(customer, signs_webhooks=True)
    calling = api.client.defaults["HTTP_X_API_KEY"]
    for more, signs in (({}, calling), ({"signing_key": other}, other), ({"signing_key_id": keeper.pk}, kept)):
        made = api.post(ENDPOINTS, {"url": URL, "format": "smsgig"} | more)
        assert made.status_code == 201
        assert signs not in made.content.decode()
        assert decrypt(WebhookEndpoint.objects.latest("pk").signing_key) == signs
    endpoint = f"{ENDPOINTS}/{made.json()['data']['id']}"
    assert api.call("PATCH", endpoint, {"signing_key": API_KEY}).status_code == 422
    assert api.call("PATCH", endpoint, {"signing_key": other}).status_code == 200
    assert decrypt(WebhookEndpoint.objects.latest("pk").signing_key) == other


def test_nobody_signs_with_a_strangers_key(api):
    stranger, plain = make_key(customer_of(make_buyer(name="Stranger")), signs_webhooks=True)
    for more in ({"signing_key": plain}, {"signing_key_id": stranger.pk}):
        assert api.post(ENDPOINTS, {"url": URL, "format": "smsgig"} | more).status_code == 422


def test_an_endpoint_is_changed_field_by_field(api, path, endpoint):
    changed = api.call("PATCH", path, {"events": ["wallet.deposited"]}).json()["data"]
    assert (changed["events"], changed["url"], changed["enabled"]) == (["wallet.deposited"], URL, True)
    assert api.call("PATCH", path, {"url": "https://10.0.0.1/"}).status_code == 422
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.kinds) == (URL, ["wallet.deposited"])


def test_it_is_disabled_and_enabled_again(api, path):
    off = api.call("PATCH", path, {"enabled": False}).json()["data"]
    on = api.call("PATCH", path, {"enabled": True}).json()["data"]
    assert (off["enabled"], off["disabled_reason"], off["disabled_at"] is not None) == (False, "customer", True)
    assert (on["enabled"], on["disabled_reason"], on["disabled_at"]) == (True, None, None)


def test_a_deleted_one_is_gone_with_its_secret(api, path, endpoint):
    assert api.call("DELETE", path).status_code == 204
    assert api.call("DELETE", path).status_code == 404
    assert api.get(ENDPOINTS).json()["data"] == []
    endpoint.refresh_from_db()
    assert (endpoint.secret, endpoint.is_enabled) == ("", False)


def test_for_a_day_after_a_rotation_both_secrets_sign_and_then_the_new_one_alone(api, path, endpoint):
    before = decrypt(endpoint.secret)
    after = api.post(f"{path}/rotate-secret").json()["data"]["secret"]
    tell(endpoint.customer_id)
    (during,) = claiming.claim(most=1, busy={})
    WebhookEndpoint.objects.update(previous_secret_until=timezone.now() - timedelta(seconds=1))
    tell(endpoint.customer_id)
    (later,) = claiming.claim(most=1, busy={})

    assert during.letter().secrets == [after, before]
    assert later.letter().secrets == [after]
    body = formats.body_of(during.letter())
    headers = formats.headers_of(during.letter(), body, now=timezone.now())
    assert Webhook(before).verify(body, headers) == Webhook(after).verify(body, headers)


def test_a_test_event_goes_to_this_endpoint_alone(api, path, endpoint, buyer):
    other = make_endpoint(buyer.customer_id, URL)
    answer = api.post(f"{path}/test")
    assert (answer.status_code, answer.json()["data"]["event"]) == (202, "webhook.test")
    assert (endpoint.deliveries.count(), other.deliveries.count()) == (1, 0)


def test_a_disabled_endpoint_is_neither_tested_nor_replayed(api, path, endpoint):
    tell(endpoint.customer_id)
    delivery = endpoint.deliveries.get()
    webhooks.disable_endpoint(endpoint=endpoint)
    for where in ("test", "replay", f"deliveries/{delivery.pk}/replay"):
        refused = api.post(f"{path}/{where}")
        assert (refused.status_code, refused.json()["status"]) == (409, "disabled")


def test_the_log_tells_of_every_attempt(api, path, endpoint):
    event = tell(endpoint.customer_id)
    attempt(500)
    WebhookDelivery.objects.update(next_attempt_at=timezone.now())
    attempt(None, error="timeout", answer="")

    (row,) = api.get(f"{path}/deliveries").json()["data"]
    detail = api.get(f"{path}/deliveries/{row['id']}").json()["data"]

    assert (row["webhook_id"], row["event"], row["status"]) == (f"msg_{event.uuid.hex}", "wallet.deposited", "pending")
    assert detail["payload"] == {"amount": 12.5}
    assert [(one["number"], one["status_code"], one["error"], one["answer"]) for one in detail["calls"]] == [
        (1, 500, None, "no"), (2, None, "timeout", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(("query", "found"), [
    ({"status": "failed"}, 1), ({"status": "pending"}, 1), ({"event": "message.sent"}, 1), ({"event": "x"}, 0),
    ({"since": "2020-01-01T00:00:00Z"}, 2), ({"until": "2020-01-01T00:00:00Z"}, 0), ({"limit": "1"}, 1),
])  # fmt: skip
def test_the_log_is_filtered(api, path, endpoint, query, found):
    tell(endpoint.customer_id)
    fail_for_good(endpoint.deliveries.get())
    tell(endpoint.customer_id, "message.sent")
    assert len(api.get(f"{path}/deliveries", **query).json()["data"]) == found


@pytest.mark.parametrize("query", [{"status": "x"}, {"since": "yesterday"}, {"limit": "0"}, {"cursor": "x"}])
def test_a_filter_that_makes_no_sense_is_422(api, path, query):
    assert api.get(f"{path}/deliveries", **query).status_code == 422


def test_one_delivery_is_replayed_from_the_beginning(api, path, endpoint):
    tell(endpoint.customer_id)
    attempt(204)
    delivery = endpoint.deliveries.get()
    answer = api.post(f"{path}/deliveries/{delivery.pk}/replay").json()["data"]
    assert (answer["status"], answer["attempts"]) == ("pending", 1)
    attempt(204)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts, delivery.tries) == ("succeeded", 2, 1)


def test_all_that_failed_is_replayed_and_nothing_else(api, path, endpoint):
    for number in range(3):
        tell(endpoint.customer_id, object_id=number)
    first, second, third = endpoint.deliveries.order_by("id")
    fail_for_good(first)
    fail_for_good(second)
    assert api.post(f"{path}/replay").json() == {"data": {"replayed": 2}}
    assert set(endpoint.deliveries.values_list("status", flat=True)) == {"pending"}
    assert third.tries == 0
    assert api.post(f"{path}/replay").json() == {"data": {"replayed": 0}}


def test_a_range_is_replayed_with_what_had_arrived(api, path, endpoint):
    for number in range(3):
        tell(endpoint.customer_id, object_id=number)
    attempt(200)
    long_ago = timezone.now() - timedelta(days=3)
    WebhookDelivery.objects.filter(pk=endpoint.deliveries.order_by("id")[0].pk).update(created_at=long_ago)
    since = (timezone.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert api.post(f"{path}/replay", {"since": since, "failed_only": False}).json() == {"data": {"replayed": 2}}


def test_everything_since_ever_is_not_replayed(api, path):
    refused = api.post(f"{path}/replay", {"failed_only": False})
    assert (refused.status_code, list(refused.json()["errors"])) == (422, ["since"])


def test_what_was_erased_cannot_be_replayed(api, path, endpoint):
    event = tell(endpoint.customer_id, "activation.code_received", CODE)
    fail_for_good(endpoint.deliveries.get())
    type(event).objects.filter(pk=event.pk).update(payload={})
    where = f"{path}/deliveries/{endpoint.deliveries.get().pk}"
    assert api.post(f"{where}/replay").json()["status"] == "erased"
    assert api.get(where).json()["data"]["payload"] is None
    assert api.post(f"{path}/replay").json() == {"data": {"replayed": 0}}


def test_keys_that_could_do_everything_may_manage_webhooks(buyer):
    assert "webhooks" in make_key(customer_of(buyer))[0].scopes
