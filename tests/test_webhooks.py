"""Customers told by webhook, from the purchase to their server, by the processes that do it in production."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from tests.browser import Browser, chromium
from tests.live import Saldo, kill, wait_for
from tests.receiver import Answer, Receiver, receiver
from tests.test_browser_admin import SUBMIT, log_in
from tests.wire import V1, Client

ENDPOINTS = f"{V1}/webhook-endpoints"


@pytest.fixture(scope="module")
def key(saldo: Saldo) -> str:
    return saldo.customers(webhooks="50")["webhooks"]


@pytest.fixture
def client(saldo: Saldo, key: str) -> Client:
    return saldo.client(key)


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as playing:
        yield playing


@pytest.fixture
def endpoint(client: Client, server: Receiver) -> Iterator[dict]:
    made = client.post(ENDPOINTS, json={"url": server.url()}).data
    yield made
    client.delete(f"{ENDPOINTS}/{made['id']}")


def told_of(server: Receiver, kind: str) -> dict:
    """The first event of a kind that arrived."""

    def found() -> dict | None:
        return next((one for one in map(body, server.received) if one["type"] == kind), None)

    return wait_for(found, f"{kind} arrives")


def body(received) -> dict:
    return json.loads(received.body)


def test_a_code_is_told_as_it_arrives_and_the_standards_verifier_believes_it(client, server, endpoint):
    bought = client.buy().data

    told = told_of(server, "activation.code_received")

    assert told["data"]["activation_id"] == bought["id"]
    assert told["data"]["code"] == client.check_sms(bought["id"]).data["code"]
    for one in server.received:
        Webhook(endpoint["secret"]).verify(one.body, one.headers)


def test_a_number_given_back_is_told(client, server, endpoint):
    bought = client.buy("sandbox-silent").data
    client.cancel(bought["id"])
    told = told_of(server, "activation.canceled")
    assert told["object"] == {"type": "activation", "id": bought["id"]}


def test_in_smsgigs_format_the_api_key_signs_the_raw_body(client, server, key):
    made = client.post(ENDPOINTS, json={"url": server.url("/gig"), "format": "smsgig", "signing_key": key}).data
    bought = client.buy().data

    wait_for(lambda: [one for one in server.received if one.path == "/gig"], "the code arrives")

    one = next(one for one in server.received if one.path == "/gig")
    assert list(body(one)) == ["activation_id", "message_id", "service", "code", "text", "received_at"]
    assert body(one)["activation_id"] == bought["id"]
    expected = hmac.new(key.encode(), one.body.encode(), hashlib.sha256).hexdigest()
    assert one.headers["x-smsgig-signature"] == expected
    client.delete(f"{ENDPOINTS}/{made['id']}")


def test_a_failure_is_tried_again_within_seconds_and_logged(client, server, endpoint):
    server.answers = [Answer(500, b"not yet"), Answer(200)]
    path = f"{ENDPOINTS}/{endpoint['id']}/deliveries"
    sent = client.post(f"{ENDPOINTS}/{endpoint['id']}/test").data

    wait_for(lambda: client.get(f"{path}/{sent['id']}").data["status"] == "succeeded", "it arrives")

    calls = client.get(f"{path}/{sent['id']}").data["calls"]
    assert [(call["status_code"], call["answer"]) for call in calls] == [(500, "not yet"), (200, "ok")]
    assert len(set(server.ids)) == 1


def test_a_killed_dispatcher_is_replaced_by_the_worker(saldo, client, server, endpoint):
    victims = [each for each in saldo.queue_processes() if "deliver_webhooks" in each.cmdline()]
    assert victims
    kill(victims)
    client.post(f"{ENDPOINTS}/{endpoint['id']}/test")
    assert wait_for(lambda: server.received, "it arrives", 60)


def test_staff_try_an_endpoint_and_read_its_log(saldo, client, server, endpoint, tmp_path: Path):
    with chromium(tmp_path / "profile") as browser:
        browser.resize(1400)
        log_in(browser, saldo)
        try_out(browser, saldo, endpoint["id"])
        wait_for(lambda: server.received, "the test event arrives")
        log = f"{ENDPOINTS}/{endpoint['id']}/deliveries"
        wait_for(lambda: client.get(log).data[0]["status"] == "succeeded", "and is written down")
        browser.open(f"{saldo.url}/admin/notifications/webhookdelivery/?endpoint={endpoint['id']}")
        assert "webhook.test" in browser.text()
        browser.click("#result_list th a")
        browser.wait_for("location.pathname.endsWith('/change/') && document.readyState === 'complete'")
        assert "SUCCEEDED" in browser.text().upper()
        assert server.received[0].id in browser.text()


def try_out(browser: Browser, saldo: Saldo, endpoint_id: int) -> None:
    browser.open(f"{saldo.url}/admin/notifications/webhookendpoint/{endpoint_id}/change/")
    browser.click("a[hx-get$='/test-it/']")
    # Nobody clicks in the moment before htmx has made the form its own; a program would.
    browser.wait_for("'htmx-internal-data' in document.querySelector('#dialog form')")
    browser.click(SUBMIT)
    browser.wait_for("document.body.innerText.includes('is on its way')")
