"""What holds under every path: who is asked for a key, and the shape of every refusal."""

import pytest

from tests.live import Saldo, wait_for
from tests.wire import V1, Client, assert_refused


@pytest.fixture(scope="module")
def client(saldo: Saldo, keys: dict[str, str]) -> Client:
    return saldo.client(keys["contract"])


def test_no_key_and_a_wrong_key_are_told_apart(saldo: Saldo, anybody: Client) -> None:
    wrong = saldo.client("sgk_wrong", address="127.0.0.23")
    for path in (
        "services",
        "countries",
        "services/telegram/countries",
        "wallet/balance",
        "transactions",
        "activations/1/check-sms",
    ):
        assert_refused(anybody.get(f"{V1}/{path}"), 401, "api_key_required", "API key is required.")
    assert_refused(wrong.get(f"{V1}/services"), 401, "invalid_api_key", "Invalid API key.")
    assert_refused(anybody.post(f"{V1}/activations/buy", json={}), 401, "api_key_required")


def test_twenty_wrong_keys_a_minute_are_answered_as_such(saldo: Saldo) -> None:
    guesser = saldo.client("sgk_" + "x" * 49, address="127.0.0.24")

    answers = [guesser.get(f"{V1}/services") for _ in range(20)]

    assert {answer.status for answer in answers} == {401}


def test_a_right_key_is_never_locked_out_by_wrong_ones(saldo: Saldo) -> None:
    guesser = saldo.client("sgk_" + "x" * 49, address="127.0.0.25")
    wait_for(
        lambda: (found := guesser.get(f"{V1}/services")).status == 429 and found.headers["Retry-After"], "429 comes"
    )

    right = saldo.client(saldo.world["api_keys"]["USD"], address="127.0.0.25")

    assert right.get(f"{V1}/services").status == 200


@pytest.mark.parametrize("path", [
    "/api/developer/v1/nothing", "/api/developer", "/api/developer/v1/activations/x/check-sms", "/api/webhooks/x",
    "/nothing",
])  # fmt: skip
def test_an_unknown_path_is_json(client: Client, path: str) -> None:
    assert_refused(client.get(path), 404, "not_found", "Not found.")


def test_a_browser_lost_outside_the_api_gets_a_page(anybody: Client) -> None:
    html = {"Accept": "text/html,application/xhtml+xml"}

    page = anybody.get("/nothing", headers=html)
    inside = anybody.get(f"{V1}/nothing", headers=html)

    assert (page.status, page.headers["Content-Type"].split(";")[0]) == (404, "text/html")
    assert_refused(inside, 404, "not_found")


def test_a_wrong_method_is_405(client: Client) -> None:
    for path in ("services", "wallet/balance", "activations/1/check-sms", "transactions"):
        assert_refused(client.post(f"{V1}/{path}"), 405, "method_not_allowed", "Method not allowed.")
    assert_refused(client.get(f"{V1}/activations/buy"), 405, "method_not_allowed")
    assert_refused(client.call("PATCH", f"{V1}/activations/buy"), 405, "method_not_allowed")
    assert_refused(client.call("OPTIONS", f"{V1}/services"), 405, "method_not_allowed")


@pytest.mark.parametrize(
    "sent_as", ["text/plain", "application/xml", "application/vnd.api+json", "nonsense", "multipart/x"]
)
def test_another_kind_of_body_is_415(client: Client, sent_as: str) -> None:
    body = '{"service": "telegram", "country": "US"}'
    refused = client.post(f"{V1}/activations/buy", data=body, headers={"Content-Type": sent_as})

    assert_refused(refused, 415, "unsupported_media_type")


@pytest.mark.parametrize("path", ["services", "wallet/balance", "countries", "transactions"])
def test_a_trailing_slash_answers_the_same_without_redirect(client: Client, path: str) -> None:
    with_slash = client.get(f"{V1}/{path}/")

    assert with_slash.status == 200
    assert with_slash.text == client.get(f"{V1}/{path}").text


def test_a_posted_body_survives_a_trailing_slash(client: Client) -> None:
    assert client.post(f"{V1}/activations/buy/", json={"service": "telegram", "country": "US"}).status == 201


@pytest.mark.parametrize("accept", [None, "text/html", "application/xml", "*/*", "nonsense"])
def test_the_answer_is_json_whatever_is_accepted(client: Client, accept: str | None) -> None:
    answer = client.get(f"{V1}/wallet/balance", headers={"Accept": accept})

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")


def test_head_answers_without_a_body(client: Client) -> None:
    answer = client.call("HEAD", f"{V1}/services")

    assert (answer.status, answer.raw) == (200, b"")
    assert client.call("HEAD", "/status").status == 200


def test_another_host_is_refused_in_json(client: Client) -> None:
    assert_refused(client.get(f"{V1}/services", headers={"Host": "evil.example"}), 400, "malformed")


def test_status_needs_no_key(anybody: Client) -> None:
    answer = anybody.get("/status")

    assert (answer.status, answer.text, answer.headers["Content-Type"]) == (200, '["OK"]', "application/json")
