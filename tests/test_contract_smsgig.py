"""The SMSGig contract, as its reference prints it: every printed request, answer and error, over HTTP."""

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.live import Saldo, wait_for
from tests.wire import V1, Answer, Client, exact

GIG = "/api/v1"
MOMENT = re.compile(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z")
FUNDS = Decimal(20)

# What the reference prints, as it prints it (its unquoted values quoted).
BALANCE = '{"status": "success", "balance": 10.00, "currency": "USD"}'
TRANSACTION = """{"id": 1021, "type": "refund", "amount": 0.75, "description": "Refund for eBay rental #503",
    "created_at": "2026-05-15T09:21:41.000000Z"}"""
SERVICE = """{"service_code": "whatsapp", "name": "WhatsApp", "price": 0.58, "ttl": 600, "count": 6989,
    "multiple_sms": true}"""
RENTED = """{"activation_id": 10561661, "phone_number": "14052003055", "status": "waiting", "service_code": "whatsapp",
    "price": 0.58, "ttl": 600, "created_at": "2026-05-18T13:57:56.000000Z"}"""
RECEIVED = '{"status": "received", "code": "123456", "text": "Your WhatsApp code is 123456"}'
WAITING = '{"status": "waiting", "message": "No SMS received yet"}'
RENTAL = """{"activation_id": 10561661, "phone_number": "15181234567", "service_code": "whatsapp",
    "status": "received", "code": "123456", "text": "Your WhatsApp code is 123456", "price": 0.50,
    "created_at": "2026-02-18T21:07:34.000000Z", "ttl": 600}"""
CANCELED = '{"status": "success", "message": "Rental canceled and refund processed"}'
WEBHOOK = """{"activation_id": 10561661, "message_id": "msg_10561661_a1b2c3d4", "service": "whatsapp",
    "code": "123456", "text": "Your WhatsApp code is 123456", "received_at": "2026-05-18T14:02:11.000000Z"}"""


@pytest.fixture(scope="module")
def made(saldo: Saldo) -> dict[str, str]:
    return saldo.customers(gig=str(FUNDS), gig_stranger="5", gig_poor="0")


@pytest.fixture(scope="module")
def gig(saldo: Saldo, made: dict[str, str]) -> Client:
    return saldo.client(token=made["gig"])


def kind(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value is not None and "boolean")
    if isinstance(value, str):
        return "moment" if MOMENT.match(value) else "text"
    return "whole" if isinstance(value, int) else "number"


def assert_as_printed(printed: str, got: dict[str, Any]) -> None:
    """The printed keys first, in the printed order, each of the printed kind; more may follow."""
    wanted = exact(printed)
    assert list(got)[: len(wanted)] == list(wanted)
    # A price of 1 is as good a number as 0.58.
    kinds = {name: {kind(value), "whole" if kind(value) == "number" else ""} for name, value in wanted.items()}
    assert {name: got[name] for name in wanted if kind(got[name]) not in kinds[name]} == {}


def assert_refused(answer: Answer, status: int, message: str | None = None) -> None:
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json"), answer
    assert list(answer.json)[:2] == ["status", "message"]
    assert answer.json["status"] == "error"
    assert set(answer.json) <= {"status", "message", "errors"}
    assert message is None or answer.json["message"] == message


def rent(client: Client, service: str = "whatsapp") -> dict[str, Any]:
    answer = client.post(f"{GIG}/s1/rent", json={"service_code": service, "area_code": "212"})
    assert answer.status == 200, answer
    return answer.json["rental"]


def wait_for_sms(client: Client, rental: dict[str, Any]) -> dict[str, Any]:
    sent = {"activation_id": rental["activation_id"]}
    shown = lambda: client.post(f"{GIG}/s1/rentals/status", json=sent).json["rental"]  # noqa: E731
    return wait_for(lambda: (found := shown())["status"] == "received" and found, "the SMS arrives", every=0.1)


def test_the_balance_is_as_printed(gig: Client) -> None:
    answer = gig.get(f"{GIG}/balance")

    assert answer.status == 200
    assert_as_printed(BALANCE, answer.json)


def test_services_are_listed_as_printed(gig: Client) -> None:
    answer = gig.get(f"{GIG}/s1/services")

    by_code = {row["service_code"]: row for row in answer.json["data"]}
    assert (answer.status, list(answer.json)) == (200, ["status", "data", "meta"])
    assert_as_printed(SERVICE, by_code["whatsapp"])
    assert_as_printed('{"total": 360, "per_page": 100}', answer.json["meta"])
    assert answer.json["meta"]["total"] == len(by_code) >= 40


def test_a_rental_from_its_charge_to_its_end(gig: Client) -> None:
    before = gig.get(f"{GIG}/balance").json["balance"]
    rental = rent(gig)

    assert_as_printed(RENTED, rental)
    assert re.fullmatch(r"1\d{10}", rental["phone_number"])
    assert gig.get(f"{GIG}/balance").json["balance"] == before - rental["price"]

    shown = wait_for_sms(gig, rental)
    assert_as_printed(RENTAL, shown)
    looked = gig.get(f"{GIG}/s1/status", params={"activation_id": rental["activation_id"]})
    assert list(looked.json) == list(exact(RECEIVED))
    assert (looked.json["code"], looked.json["text"]) == (shown["code"], shown["text"])

    # As printed: curl -d without a header says that it sends a form.
    finished = gig.post(
        f"{GIG}/s1/rentals/status",
        data=json.dumps({"activation_id": rental["activation_id"], "action": "finished"}),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert (finished.status, finished.json["rental"]["status"]) == (200, "finished")
    assert finished.json["rental"]["code"] == shown["code"]
    assert_refused(gig.post(f"{GIG}/s1/rentals/cancel", json={"activation_id": rental["activation_id"]}), 400)


def test_a_rental_without_an_sms_is_waiting_as_printed(gig: Client) -> None:
    rental = rent(gig, "sandbox-silent")
    looked = gig.get(f"{GIG}/s1/status", params={"activation_id": rental["activation_id"]})
    assert looked.json == exact(WAITING)
    # Or its refund would come in the midst of another test.
    gig.post(f"{GIG}/s1/rentals/cancel", json={"activation_id": rental["activation_id"]})


def test_canceling_answers_as_printed_and_refunds(gig: Client) -> None:
    before = gig.get(f"{GIG}/balance").json["balance"]
    rental = rent(gig, "sandbox-silent")

    answers = [gig.post(f"{GIG}/s1/rentals/cancel", json={"activation_id": rental["activation_id"]}) for _ in range(2)]

    assert [(answer.status, answer.json) for answer in answers] == [(200, exact(CANCELED))] * 2
    assert gig.get(f"{GIG}/balance").json["balance"] == before


def test_transactions_are_as_printed(gig: Client) -> None:
    rental = rent(gig, "sandbox-silent")
    gig.post(f"{GIG}/s1/rentals/cancel", json={"activation_id": rental["activation_id"]})

    answer = gig.get(f"{GIG}/transactions?limit=20&type=refund")
    first = answer.json["data"][0]

    assert_as_printed(TRANSACTION, first)
    assert first["description"] == f"Refund for Sandbox: no SMS ever rental #{rental['activation_id']}"
    assert list(answer.json["meta"]) == ["current_page", "last_page", "total"]
    purchases = gig.get(f"{GIG}/transactions?limit=20&type=purchase").json["data"]
    assert {row["type"] for row in purchases} == {"purchase"}


def test_what_expires_without_an_sms_is_refunded(gig: Client) -> None:
    before = gig.get(f"{GIG}/balance").json["balance"]
    rental = rent(gig, "sandbox-silent")

    def looked() -> Any:
        """Once a second, as the reference has it; while a tick gives the number back it is still `waiting`."""
        answer = gig.get(f"{GIG}/s1/status", params={"activation_id": rental["activation_id"]}).json
        return answer["status"] != "waiting" and answer

    answer = wait_for(looked, "its time is over", every=1.1)
    assert answer == {"status": "expired", "message": "Rental expired and refund processed"}
    assert gig.get(f"{GIG}/balance").json["balance"] == before


def test_the_errors_of_the_reference(saldo: Saldo, gig: Client, made: dict[str, str]) -> None:
    poor, stranger = (saldo.client(token=made[name]) for name in ("gig_poor", "gig_stranger"))
    rental = rent(gig, "sandbox-silent")
    sent = {"activation_id": rental["activation_id"]}

    assert_refused(saldo.client().get(f"{GIG}/balance"), 401, "Invalid or missing API key")
    wrong = saldo.client(token="sgk_wrong", address="127.0.0.61")
    assert_refused(wrong.post(f"{GIG}/s1/rent", json={}), 401, "Invalid or missing API key")
    assert_refused(gig.post(f"{GIG}/s1/rentals/status", json=sent | {"action": "cancel"}), 400)
    assert_refused(gig.post(f"{GIG}/s1/rentals/status", json=sent | {"action": "finished"}), 400)
    assert_refused(gig.post(f"{GIG}/s1/rent", data="{"), 400)
    assert_refused(gig.get(f"{GIG}/s1/status?activation_id=99999999"), 404, "Not found.")
    assert_refused(gig.get(f"{GIG}/nothing"), 404)
    assert_refused(gig.post(f"{GIG}/balance"), 405)
    assert_refused(gig.get(f"{GIG}/transactions?limit=101"), 422)
    assert_refused(gig.post(f"{GIG}/s1/rent", json={}), 422, "The given data was invalid.")
    assert_refused(gig.post(f"{GIG}/s1/rent", json={"service_code": "no-such"}), 422)
    assert_refused(gig.post(f"{GIG}/s1/rent", json={"service_code": "sandbox-no-stock"}), 422)
    assert_refused(poor.post(f"{GIG}/s1/rent", json={"service_code": "whatsapp"}), 422, "Insufficient balance")
    for method, path in (("GET", "status"), ("POST", "rentals/status"), ("POST", "rentals/cancel")):
        options = {"params": sent} if method == "GET" else {"json": sent}
        assert_refused(stranger.call(method, f"{GIG}/s1/{path}", **options), 404)
    looks = [gig.get(f"{GIG}/s1/status", params=sent) for _ in range(20)]
    assert_refused(next(look for look in looks if look.status != 200), 429)


# --- The webhook -----------------------------------------------------------------------------------------


class Receiver(ThreadingHTTPServer):
    """A customer's server: keeps what it is sent, raw, and answers 200."""

    def __init__(self) -> None:
        self.letters: list[tuple[dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), Keeper)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class Keeper(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.letters.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def hash_hmac(body: bytes, key: bytes) -> str:
    """PHP's hash_hmac('sha256', …), from RFC 2104 and nothing else."""
    padded = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    inner, outer = (bytes(byte ^ mask for byte in padded) for mask in (0x36, 0x5C))
    return hashlib.sha256(outer + hashlib.sha256(inner + body).digest()).hexdigest()


def test_every_sms_is_told_signed_with_the_api_key(saldo: Saldo, made: dict[str, str], receiver: Receiver) -> None:
    key = made["gig"]
    gig = saldo.client(token=key)
    endpoint = gig.post(f"{V1}/webhook-endpoints", json={"url": receiver.url, "format": "smsgig"})
    assert endpoint.status == 201, endpoint

    rental = rent(gig, "sandbox-multi")
    wait_for(lambda: len(receiver.letters) >= 3, "three SMS are told", 40)
    gig.delete(f"{V1}/webhook-endpoints/{endpoint.data['id']}")

    told = [exact(body) for _, body in receiver.letters]
    for headers, body in receiver.letters:
        assert headers["x-smsgig-signature"] == hash_hmac(body, key.encode())
        assert headers["webhook-signature"].startswith("v1,")
    for each in told:
        assert_as_printed(WEBHOOK, each)
        assert each["activation_id"] == rental["activation_id"]
        assert each["service"] == "sandbox-multi"
    assert len({each["message_id"] for each in told}) == 3
    shown = wait_for_sms(gig, rental)
    assert {each["code"] for each in told} == {each["code"] for each in shown["messages"]}
    assert shown["code"] == shown["messages"][-1]["code"]


def test_php_itself_computes_the_same_signature() -> None:
    if shutil.which("php") is None:
        pytest.skip("php is not installed")
    body, key = '{"code":"123456","text":"Größe €"}', "sgk_" + "k" * 49
    program = "echo hash_hmac('sha256', $argv[1], $argv[2]);"

    done = subprocess.run(["php", "-r", program, "--", body, key], capture_output=True, text=True, check=True)

    assert done.stdout == hash_hmac(body.encode(), key.encode())
