"""WhatsApp notifications on the running product: the printed JavaScript, every magic recipient, and kill −9."""

import os
import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from tests.conftest import TWILIO_AUTH_TOKEN
from tests.live import Saldo, wait_for
from tests.wire import V1, Answer, Client, assert_refused, exact

PRINTED = Path(__file__).parent / "printed"
PRINTED_KEYS = [
    "id", "template_id", "message_sid", "status", "to", "unit_price_ngn", "quantity", "charged_amount_ngn",
    "billing_status",
]  # fmt: skip
HISTORY = f"{V1}/notifications/messages"


def send(saldo: Saldo, client: Client, to: str = "+2348012345678", template: str = "approved", **options) -> Answer:
    body = {"template_id": saldo.world["templates"][template], "to": to, "variables": {"1": "123456"}}
    return client.post(f"{V1}/notifications/send", json=body, **options)


def status_of(client: Client, message_id: int) -> tuple[str, str]:
    row = client.get(f"{HISTORY}/{message_id}").data
    return row["status"], row["billing_status"]


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_printed_javascript_sends_and_lists(saldo: Saldo) -> None:
    key = saldo.world["api_keys"]["NGN"]

    def run(name: str) -> dict:
        source = (PRINTED / f"{name}.js").read_text().replace("https://api.smsgang.org", saldo.url)
        source = source.replace("template_id: 1", f"template_id: {saldo.world['templates']['approved']}")
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


def test_every_magic_recipient_comes_to_its_end(saldo: Saldo, owner: Client) -> None:
    ends = {
        "5678": ("delivered", "charged"), "0001": ("failed", "refunded"), "0002": ("undelivered", "refunded"),
        "0003": ("sent", "charged"), "0005": ("delivered", "charged"), "0006": ("delivered", "charged"),
        "0007": ("failed", "refunded"),
    }  # fmt: skip
    numbers = [f"+23480123{digits}" for digits in ends]
    with ThreadPoolExecutor(len(ends)) as pool:
        answers = dict(zip(ends, pool.map(lambda to: send(saldo, owner, to), numbers), strict=True))

    assert {digits: answer.status for digits, answer in answers.items()} == dict.fromkeys(ends, 201) | {"0006": 202}
    for digits, answer in answers.items():
        wait_for(lambda answer=answer, end=ends[digits]: status_of(owner, answer.data["id"]) == end, digits)


def test_the_statement_shows_the_conversion(saldo: Saldo, owner: Client) -> None:
    sent = send(saldo, owner).data

    row = next(row for row in owner.statement(limit=10) if row["kind"] == "whatsapp_send")

    assert row["type"] == "debit"
    assert f"#{sent['id']}" in row["description"]


def test_refusals_are_as_the_contract_says(saldo: Saldo, owner: Client) -> None:
    assert_refused(send(saldo, owner, template="draft"), 422, "template_not_ready", "Template not ready for dispatch")
    poor = saldo.client(saldo.world["poor"]["api_key"])
    body = {"template_id": saldo.world["poor"]["template"], "to": "+2348012345678", "variables": {"1": "1"}}
    assert_refused(
        poor.post(f"{V1}/notifications/send", json=body), 422, "insufficient_balance", "Insufficient balance"
    )
    stranger = saldo.client(saldo.world["stranger"]["api_key"])
    assert_refused(send(saldo, stranger), 422, "validation_failed")


def test_a_signed_callback_moves_the_message_and_an_unsigned_one_does_not(saldo: Saldo, owner: Client) -> None:
    sent = send(saldo, owner, "+2348012340003").data
    path = "/api/webhooks/whatsapp/status"
    fields = {"MessageSid": sent["message_sid"], "MessageStatus": "undelivered", "ErrorCode": "63024"}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    signed = form | {
        "X-Twilio-Signature": RequestValidator(TWILIO_AUTH_TOKEN).compute_signature(saldo.url + path, fields)
    }
    nobody = saldo.client()

    assert_refused(nobody.post(path, data=urlencode(fields), headers=form), 403, "forbidden")
    for _ in range(2):
        answer = nobody.post(path, data=urlencode(fields), headers=signed)
        assert (answer.status, answer.text) == (200, '{"message": "ok"}')

    assert status_of(owner, sent["id"]) == ("undelivered", "refunded")


@pytest.mark.xdist_group("crash")
def test_killing_web_and_worker_sends_nothing_twice_and_loses_no_money(fragile: Saldo) -> None:
    """Messages to the hanging recipient and to others, while everything is killed between requests and ticks."""
    client = fragile.client(fragile.world["api_keys"]["USD"], strict=False)

    def post(number: int) -> int:
        to = f"+23480{number:05}{'0006' if number % 3 == 0 else '1234'}"
        return wait_for(lambda: told(to, f"kill-{number}"), "the message is taken", seconds=90, every=0.2)

    def told(to: str, key: str) -> int | None:
        try:
            answer = send(fragile, client, to, headers={"Idempotency-Key": key})
        except OSError:
            return None
        return answer.data["id"] if answer.status == 201 else None

    with ThreadPoolExecutor(6) as pool:
        posts = [pool.submit(post, number) for number in range(24)]
        for _ in range(3):
            time.sleep(0.7)
            fragile.kill_worker()
            fragile.kill_web()
            fragile.start_web()
            fragile.start_worker()
        taken = {each.result() for each in posts}

    assert len(taken) == 24
    ours = "FROM notifications_message WHERE strpos(idempotency_key, 'kill-') > 0"
    wait_for(lambda: fragile.value(f"SELECT count(*) {ours} AND closed_at IS NULL") == 0, "all have ended", seconds=90)
    asked = "SELECT count(*), max(asked) FROM notifications_sandboxmessage"
    assert fragile.query(f"{asked} WHERE reference IN (SELECT uuid::text {ours})") == [(24, 1)]
    charged = "SELECT count(*) FROM wallets_transaction WHERE kind = 'whatsapp_send'"
    assert fragile.value(charged) == fragile.value(f"SELECT count(*) {ours}") == 24
    assert fragile.manage("audit_ledger").returncode == 0
