"""WhatsApp notifications on the running product: the printed JavaScript, every magic recipient, and kill −9.

A product of its own, since its worker is killed and its callbacks are signed with a token of the test's.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from tests.live import Saldo, running, wait_for
from tests.wire import V1, Answer, Client, assert_refused, exact

pytestmark = pytest.mark.xdist_group("notifications")

PRINTED = Path(__file__).parent / "printed"
PRINTED_KEYS = [
    "id", "template_id", "message_sid", "status", "to", "unit_price_ngn", "quantity", "charged_amount_ngn",
    "billing_status",
]  # fmt: skip
TOKEN = "a-token-of-the-tests"
HISTORY = f"{V1}/notifications/messages"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saldo]:
    with running(tmp_path_factory.mktemp("notifications"), TWILIO_AUTH_TOKENS=TOKEN) as started:
        yield started


@pytest.fixture
def client(product: Saldo) -> Client:
    return product.client(product.world["api_keys"]["USD"])


def send(product: Saldo, client: Client, to: str = "+2348012345678", template: str = "approved", **options) -> Answer:
    body = {"template_id": product.world["templates"][template], "to": to, "variables": {"1": "123456"}}
    return client.post(f"{V1}/notifications/send", json=body, **options)


def status_of(client: Client, message_id: int) -> tuple[str, str]:
    row = client.get(f"{HISTORY}/{message_id}").data
    return row["status"], row["billing_status"]


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_printed_javascript_sends_and_lists(product: Saldo) -> None:
    key = product.world["api_keys"]["NGN"]

    def run(name: str) -> dict:
        source = (PRINTED / f"{name}.js").read_text().replace("https://api.smsgang.org", product.url)
        source = source.replace("template_id: 1", f"template_id: {product.world['templates']['approved']}")
        source = source.replace("await response.json()", "JSON.stringify(await response.json())")
        found = subprocess.run(
            ["node", "--input-type=module", "-e", source], capture_output=True, text=True, check=True, timeout=30,
            env={"SMSGANG_API_KEY": key, "PATH": os.environ["PATH"]},
        )  # fmt: skip
        return exact(found.stdout)

    sent, listed = run("notifications-send"), run("notifications-messages")

    assert list(sent) == ["message", "data"]
    assert list(sent["data"]) == PRINTED_KEYS
    assert sent["message"] == "WhatsApp notification queued successfully."
    assert re.fullmatch(r"SM[0-9a-f]{32}", sent["data"]["message_sid"])
    assert {name: sent["data"][name] for name in PRINTED_KEYS[3:]} == {
        "status": "queued", "to": "+2348012345678", "unit_price_ngn": 20, "quantity": 1, "charged_amount_ngn": 20,
        "billing_status": "charged",
    }  # fmt: skip
    assert list(listed["data"][0])[:9] == PRINTED_KEYS
    assert listed["data"][0]["id"] == sent["data"]["id"]


def test_every_magic_recipient_comes_to_its_end(product: Saldo, client: Client) -> None:
    ends = {
        "5678": ("delivered", "charged"), "0001": ("failed", "refunded"), "0002": ("undelivered", "refunded"),
        "0003": ("sent", "charged"), "0005": ("delivered", "charged"), "0006": ("delivered", "charged"),
        "0007": ("failed", "refunded"),
    }  # fmt: skip
    numbers = [f"+23480123{digits}" for digits in ends]
    with ThreadPoolExecutor(len(ends)) as pool:
        answers = dict(zip(ends, pool.map(lambda to: send(product, client, to), numbers), strict=True))

    assert {digits: answer.status for digits, answer in answers.items()} == dict.fromkeys(ends, 201) | {"0006": 202}
    for digits, answer in answers.items():
        wait_for(lambda answer=answer, end=ends[digits]: status_of(client, answer.data["id"]) == end, digits)


def test_the_statement_shows_the_conversion(product: Saldo, client: Client) -> None:
    sent = send(product, client).data

    row = client.statement(limit=1)[0]

    assert (row["kind"], row["type"]) == ("whatsapp_send", "debit")
    assert f"#{sent['id']}" in row["description"]


def test_refusals_are_as_the_contract_says(product: Saldo, client: Client) -> None:
    assert_refused(
        send(product, client, template="draft"), 422, "template_not_ready", "Template not ready for dispatch"
    )
    poor = product.client(product.world["poor"]["api_key"])
    body = {"template_id": product.world["poor"]["template"], "to": "+2348012345678", "variables": {"1": "1"}}
    assert_refused(
        poor.post(f"{V1}/notifications/send", json=body), 422, "insufficient_balance", "Insufficient balance"
    )
    stranger = product.client(product.world["stranger"]["api_key"])
    assert_refused(send(product, stranger), 422, "validation_failed")


def test_a_signed_callback_moves_the_message_and_an_unsigned_one_does_not(product: Saldo, client: Client) -> None:
    sent = send(product, client, "+2348012340003").data
    path = "/api/webhooks/whatsapp/status"
    fields = {"MessageSid": sent["message_sid"], "MessageStatus": "undelivered", "ErrorCode": "63024"}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    signed = form | {"X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(product.url + path, fields)}
    nobody = product.client()

    assert_refused(nobody.post(path, data=urlencode(fields), headers=form), 403, "forbidden")
    for _ in range(2):
        answer = nobody.post(path, data=urlencode(fields), headers=signed)
        assert (answer.status, answer.text) == (200, '{"message": "ok"}')

    assert status_of(client, sent["id"]) == ("undelivered", "refunded")


def test_killing_web_and_worker_sends_nothing_twice_and_loses_no_money(product: Saldo, client: Client) -> None:
    """Messages to the hanging recipient and to others, while everything is killed between requests and ticks."""
    told: dict[int, str] = {}

    def post(number: int) -> None:
        to = f"+23480{number:05}{'0006' if number % 3 == 0 else '1234'}"
        for _ in range(60):
            try:
                answer = send(product, client, to, headers={"Idempotency-Key": f"kill-{number}"})
            except OSError:
                time.sleep(0.2)
                continue
            if answer.status == 201:
                told[answer.data["id"]] = to
                return
            time.sleep(0.2)

    with ThreadPoolExecutor(6) as pool:
        posts = [pool.submit(post, number) for number in range(24)]
        for _ in range(3):
            time.sleep(0.7)
            product.kill_worker()
            product.kill_web()
            product.start_web()
            product.start_worker()
        for each in posts:
            each.result()

    assert len(told) == 24
    open_ones = (
        "SELECT count(*) FROM notifications_message WHERE closed_at IS NULL AND strpos(idempotency_key, 'kill-') > 0"
    )
    wait_for(lambda: product.value(open_ones) == 0, "all have ended", seconds=90)
    assert product.value("SELECT max(asked) FROM notifications_sandboxmessage") == 1
    charged = "SELECT count(*) FROM wallets_transaction WHERE kind = 'whatsapp_send'"
    assert product.value(charged) == product.value("SELECT count(*) FROM notifications_message WHERE mode = 'live'")
    assert product.manage("audit_ledger").returncode == 0
