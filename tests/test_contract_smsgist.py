"""The SMSGist contract, as its reference prints it: every printed request, answer and error, over HTTP."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest

from tests.live import Saldo, wait_for
from tests.smsgist import Gist, programs, token_of
from tests.wire import Answer, Client, exact

FUNDS = Decimal("125.50")
MOMENT = re.compile(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")
UUID = re.compile(r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
REFUSED, UNDELIVERED, NO_REPORT = "+233200000001", "+233200000002", "+233200000003"

# What the reference prints, as it prints it.
SEND_SMS = """{"recipients": ["+233245972246", "+233201234567"], "message": "Your OTP is 482916", "route": "regular"}"""
SMS_SENT = """{"status": "success", "message": "SMS queued for sending successfully", "data": {
    "message_id": "7f3a2b9d-1e4c-4b2a-9d1e-4c7f3a2b9d1e", "status": "queued", "recipients_count": 2, "segments": 1,
    "total_cost": 0.06, "cost_per_unit": 0.03, "recipients": [
        {"recipient_id": "uuid-...", "recipient": "+233245972246"},
        {"recipient_id": "uuid-...", "recipient": "+233201234567"}]}}"""
SEND_EMAIL = """{"recipients": ["user@example.com", "other@example.com"], "subject": "Welcome to MyApp",
    "body": "<h1>Hello!</h1><p>Thanks for signing up.</p>", "from_name": "MyApp Team", "reply_to": "support@myapp.com",
    "no_tracking": false}"""
EMAIL_SENT = """{"status": "success", "message": "Email queued for sending successfully", "data": {
    "message_id": "9c4d3e2f-8a7b-6c5d-4e3f-2a1b0c9d8e7f", "status": "queued", "recipients_count": 2, "segments": 0,
    "total_cost": 0.002, "cost_per_unit": 0.001, "recipients": [
        {"recipient_id": "uuid-...", "recipient": "user@example.com"},
        {"recipient_id": "uuid-...", "recipient": "other@example.com"}]}}"""
STATUS = """{"status": "success", "message": "Action performed successfully", "data": {
    "message_id": "7f3a2b9d-1e4c-4b2a-9d1e-4c7f3a2b9d1e", "service": "sms", "status": "sent", "total_recipients": 2,
    "delivered": 1, "pending": 0, "failed": 1, "sent_at": "2026-03-21T10:28:00Z", "recipients": [
        {"recipient_id": "uuid-...", "recipient": "+233245972246", "send_status": "sent",
         "delivery_status": "DELIVERED", "delivered_at": "2026-03-21T10:30:15Z", "error_message": null},
        {"recipient_id": "uuid-...", "recipient": "+233201234567", "send_status": "failed",
         "delivery_status": "FAILED", "delivered_at": null, "error_message": "Number not reachable"}]}}"""
RETRIED = """{"status": "success", "message": "Message re-queued successfully", "data": {
    "message_id": "new-uuid-for-retry", "original_message_id": "7f3a2b9d-1e4c-4b2a-9d1e-4c7f3a2b9d1e",
    "status": "queued", "recipients_count": 1, "total_cost": 0.03}}"""
BALANCE = """{"status": "success", "message": "Action performed successfully", "data": {
    "balance": 125.50, "reserved": 0.06, "available": 125.44, "currency": "GHS"}}"""
ERROR = """{"status": "error", "message": "Insufficient credits", "data": null}"""
UNAUTHENTICATED = "Authentication failed — check your X-Client-Id and token"


@pytest.fixture(scope="module")
def made(saldo: Saldo) -> dict[str, Gist]:
    return programs(saldo, "gist", str(FUNDS))


@pytest.fixture(scope="module")
def live(made: dict[str, Gist]) -> Gist:
    return made["live"]


@pytest.fixture(scope="module")
def counted(saldo: Saldo) -> Gist:
    """A program whose customer's credits nobody else spends."""
    return programs(saldo, "gist-counted", str(FUNDS))["live"]


def ids_as_printed(printed: Any, got: Any) -> Any:
    """`got` with each id and moment that stands where one is printed replaced by the printed one."""
    if isinstance(printed, dict) and isinstance(got, dict):
        return {name: ids_as_printed(printed.get(name), value) for name, value in got.items()}
    if isinstance(printed, list) and isinstance(got, list):
        return [ids_as_printed(*pair) for pair in zip(printed, got, strict=True)]
    alike = isinstance(printed, str) and isinstance(got, str)
    if alike and ((MOMENT.match(printed) and MOMENT.match(got)) or (is_id(printed) and UUID.match(got))):
        return printed
    return got


def is_id(printed: str) -> bool:
    return bool(UUID.match(printed)) or printed in {"uuid-...", "new-uuid-for-retry"}


def assert_as_printed(answer: Answer, status: int, printed: str) -> None:
    """The printed fields in the printed order with the printed values; ids and moments are new ones."""
    wanted, got = exact(printed), answer.json
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json"), answer
    assert json.dumps(ids_as_printed(wanted, got), default=str) == json.dumps(wanted, default=str)


def assert_refused(answer: Answer, status: int, message: str | None = None) -> None:
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json"), answer
    assert list(answer.json) == list(exact(ERROR))
    assert (answer.json["status"], answer.json["data"]) == ("error", None)
    assert message is None or answer.json["message"] == message


def settled(gist: Gist, message_id: str) -> Any:
    """Its status once no recipient is pending any more."""
    return wait_for(
        lambda: data if (data := gist.status(message_id).data)["pending"] == 0 else None, "all reports have come"
    )


# --- As printed -----------------------------------------------------------------------------


def test_an_sms_is_sent_as_printed(live: Gist) -> None:
    headers = {"Content-Type": "application/json", "X-Idempotency-Key": "your-unique-request-id"}

    assert_as_printed(live.post("/api/sms/send", data=SEND_SMS, headers=headers), 201, SMS_SENT)


def test_an_email_is_sent_as_printed(live: Gist) -> None:
    answer = live.post("/api/email/send", data=SEND_EMAIL, headers={"Content-Type": "application/json"})

    assert_as_printed(answer, 201, EMAIL_SENT)


def test_the_status_is_told_as_printed_and_failed_ones_are_retried_as_printed(live: Gist) -> None:
    def printed(text: str) -> str:  # the sandbox delivers the printed number; another one is unreachable
        return text.replace("+233201234567", UNDELIVERED).replace("7f3a2b9d-1e4c-4b2a-9d1e-4c7f3a2b9d1e", message_id)

    message_id = live.sms("+233245972246", UNDELIVERED).data["message_id"]
    settled(live, message_id)
    assert_as_printed(live.status(message_id), 200, printed(STATUS))

    retried = live.retry(message_id)

    assert_as_printed(retried, 201, printed(RETRIED))
    assert_refused(live.retry(message_id), 422)
    again = settled(live, retried.data["message_id"])
    assert [row["recipient"] for row in again["recipients"]] == [UNDELIVERED]
    assert live.retry(retried.data["message_id"]).status == 201


def test_the_balance_is_told_as_printed(counted: Gist, saldo: Saldo) -> None:
    assert counted.credits() == {
        "balance": FUNDS, "reserved": 0, "available": FUNDS, "currency": "GHS",
    }  # fmt: skip
    sent = counted.sms("+233245972246", NO_REPORT).data

    # Reserved at first, taken once the carrier has it.
    wait_for(lambda: counted.credits()["balance"] == Decimal("125.44"), "both are paid for")
    now = counted.credits()

    assert (now["reserved"], now["available"]) == (0, Decimal("125.44"))
    assert list(now) == list(exact(BALANCE)["data"])
    assert sent["total_cost"] == Decimal("0.06")
    assert saldo.manage("audit_ledger", check=False).returncode == 0


def test_too_few_credits_are_told_as_printed(saldo: Saldo) -> None:
    poor = Gist(saldo.url, saldo.world["poor"]["client"])

    assert_as_printed(poor.sms("+233245972246"), 402, ERROR)
    assert poor.credits() == {"balance": 0, "reserved": 0, "available": 0, "currency": "GHS"}


# --- Errors ---------------------------------------------------------------------------------


def test_each_error_of_the_table(live: Gist, made: dict[str, Gist], saldo: Saldo) -> None:
    assert_refused(live.post("/api/sms/send", json={"message": "x"}), 400, "The recipients field is required.")
    assert_refused(live.post("/api/sms/send", data="{", headers={"Content-Type": "application/json"}), 400)
    assert_refused(Client(saldo.url).get("/api/credits/balance"), 401, UNAUTHENTICATED)
    assert_refused(live.status("7f3a2b9d-1e4c-4b2a-9d1e-4c7f3a2b9d1e"), 404, "Resource not found")
    assert_refused(live.get("/api/sms/nothing", headers={"Accept": "text/html"}), 404, "Resource not found")
    assert_refused(live.get("/api/sms/send"), 405)
    assert_refused(live.sms("024"), 422, "This is no phone number: 024")
    limited = [made["limited"].get("/api/credits/balance") for _ in range(5)]
    refused = next(answer for answer in limited if answer.status != 200)
    assert_refused(refused, 429, "Rate limit exceeded")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60


def test_whatever_is_wrong_with_a_token_is_one_and_the_same_401(saldo: Saldo, live: Gist) -> None:
    client_id, token = live.credential["client_id"], live.session.headers["Authorization"].removeprefix("Bearer ")
    wrong = [
        ("sgcid_0123456789abcdef", token),
        (client_id, "not base64!"),
        (client_id, token[:-8]),
        (client_id, token[:-6] + "AAAA=="),
        (client_id, token_of("sgsec_" + "0" * 32, live.credential["app_secret_key"])),
        (client_id, token_of(live.credential["client_secret"], "sgapp_" + "0" * 32)),
        (client_id, live.credential["client_secret"]),
        (client_id, live.credential["app_secret_key"]),
        (client_id, "A" * 7_000),
        ("\xe9\xff", token),
        ("' OR 1=1 --", token),
        (client_id, "\xff\xfe"),
    ]
    stranger = Client(saldo.url, address="127.0.0.41")

    answers = [
        stranger.get(
            "/api/credits/balance",
            headers={"X-Client-Id": who.encode("latin-1"), "Authorization": f"Bearer {what}".encode("latin-1")},
        )
        for who, what in wrong
    ]

    assert {(answer.status, answer.text) for answer in answers} == {(401, answers[0].text)}
    assert_refused(answers[0], 401, UNAUTHENTICATED)
    assert live.get("/api/credits/balance").status == 200  # and the same token goes on


def test_url_safe_and_unpadded_tokens_open_too(saldo: Saldo, live: Gist) -> None:
    token = live.session.headers["Authorization"].removeprefix("Bearer ")

    for written in (token.rstrip("="), token.replace("+", "-").replace("/", "_")):
        headers = {"X-Client-Id": live.credential["client_id"], "Authorization": f"Bearer {written}"}
        assert Client(saldo.url).get("/api/credits/balance", headers=headers).status == 200


def test_a_key_repeated_sends_once(counted: Gist) -> None:
    before = counted.credits()
    first, again = (counted.sms("+233245972246", key="order-4711") for _ in range(2))

    assert (again.status, again.text, again.headers["Idempotency-Replay"]) == (201, first.text, "true")
    wait_for(lambda: counted.credits()["balance"] == before["balance"] - Decimal("0.03"), "it is paid for once")
    assert_refused(counted.sms("+233201234567", key="order-4711"), 422)


def test_a_message_is_its_credentials_alone(saldo: Saldo, live: Gist, made: dict[str, Gist]) -> None:
    message_id = live.sms(REFUSED).data["message_id"]
    settled(live, message_id)

    for other in (made["other"], Gist(saldo.url, saldo.world["stranger"]["client"])):
        assert_refused(other.status(message_id), 404, "Resource not found")
        assert_refused(other.retry(message_id), 404, "Resource not found")
    assert live.status(message_id).data["status"] == "failed"


# --- Modes ----------------------------------------------------------------------------------


def test_a_dry_run_goes_all_the_way_and_moves_no_money(saldo: Saldo, made: dict[str, Gist]) -> None:
    moved = """SELECT (SELECT count(*) FROM wallets_transaction WHERE credential = %s),
                      (SELECT count(*) FROM wallets_hold WHERE credential = %s)"""
    client_id = made["dryrun"].credential["client_id"]

    sent = made["dryrun"].sms("+233245972246", UNDELIVERED)
    data = settled(made["dryrun"], sent.data["message_id"])

    assert (data["delivered"], data["failed"]) == (1, 1)
    assert saldo.query(moved, client_id, client_id) == [(0, 0)]


def test_in_test_mode_the_test_phone_and_address_get_it(saldo: Saldo, made: dict[str, Gist]) -> None:
    sms = made["test"].sms("+233245972246", "+233201234567")
    email = made["test"].post("/api/email/send", json=exact(SEND_EMAIL))

    went = """SELECT DISTINCT m.redirected_to, m.billing FROM notifications_message m
                JOIN notifications_chunk c ON c.id = m.chunk_id JOIN notifications_sending s ON s.id = c.sending_id
               WHERE s.uuid = %s"""
    assert saldo.query(went, sms.data["message_id"]) == [("+233245970000", "free")]
    assert saldo.query(went, email.data["message_id"]) == [("qa@smsgist.example", "free")]
    assert [row["recipient"] for row in sms.data["recipients"]] == ["+233245972246", "+233201234567"]
    assert settled(made["test"], sms.data["message_id"])["delivered"] == 2
    assert_refused(made["nowhere"].sms("+233245972246"), 422)


def test_a_demo_client_of_each_mode_sends(saldo: Saldo) -> None:
    for mode, credential in saldo.world["clients"].items():
        answer = Gist(saldo.url, credential).sms("+233245972246")
        assert (answer.status, answer.data["total_cost"]) == (201, Decimal("0.03")), mode
