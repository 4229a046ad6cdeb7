"""The plainsms contract, as its reference prints it: every printed request and error, over HTTP."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.browser import chromium
from tests.live import Saldo
from tests.wire import Answer, Client

JSON = {"Content-Type": "application/json", "Accept": "application/json"}
NO_KEY = '{"error": "API key is required", "help": "Provide X-API-Key header or api_key parameter"}'
PAGE = '<!doctype html><html lang="en-US"><body><script src="oauth2-redirect.js"></script></body></html>'
NUMBERS = "0701234567, 0712345678"
TEXT = "Hello, this is a test message."
MOMENT = re.compile(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")


@pytest.fixture(scope="module")
def login(saldo: Saldo) -> dict[str, str]:
    return saldo.world["sms_v1"]


@pytest.fixture(scope="module")
def client(saldo: Saldo) -> Client:
    return saldo.client(address="127.0.7.1")


@pytest.fixture(scope="module")
def key(saldo: Saldo) -> str:
    return saldo.world["api_keys"]["USD"]


@pytest.fixture
def keyed(saldo: Saldo, key: str) -> Client:
    return saldo.client(key, address="127.0.7.1")


def sms(**more: Any) -> dict[str, Any]:
    return {"numbers": NUMBERS, "message_body": TEXT, **more}


def assert_headers(answer: Answer) -> None:
    assert answer.headers["cache-control"] == "no-cache, private"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-ratelimit-limit"] == "60"
    assert 0 <= int(answer.headers["x-ratelimit-remaining"]) < 60


def assert_refused(answer: Answer, status: int, error: str | None = None) -> None:
    assert (answer.status, list(answer.json)) == (status, ["error"])
    assert error in {None, answer.json["error"]}
    assert_headers(answer)


def assert_sent(answer: Answer, recipients: int) -> None:
    assert answer.status == 200, answer
    assert list(answer.json) == ["message", "message_id", "recipients", "segments", "cost"]
    assert (answer.json["message"], answer.json["recipients"]) == ("SMS sent successfully.", recipients)
    assert_headers(answer)


# --- v1: username and password ----------------------------------------------------------------


def test_v1_sends_from_parameters_of_a_form_of_the_address_and_of_json(client: Client, login: dict[str, str]) -> None:
    for sent in ({"data": sms(**login)}, {"params": sms(**login)}, {"json": sms(**login)},
                 {"params": login, "data": sms()}):  # fmt: skip
        assert_sent(client.post("/v1/sms/send", **sent), 2)


def test_v1_takes_what_it_says_it_takes(saldo: Saldo, client: Client, login: dict[str, str], keyed: Client) -> None:
    before = keyed.get("/api/v2/account/balance").json["balance"]

    cost = client.post("/v1/sms/send", data=sms(**login)).json["cost"]

    assert cost > 0
    assert keyed.get("/api/v2/account/balance").json["balance"] == before - cost


def test_local_numbers_are_read_by_the_customers_region(saldo: Saldo, client: Client, login: dict[str, str]) -> None:
    sending = client.post("/v1/sms/send", data=sms(**login)).json["message_id"]

    to = saldo.query(
        'SELECT m."to" FROM notifications_message m JOIN notifications_chunk c ON m.chunk_id = c.id '
        "WHERE c.sending_id = %s ORDER BY m.id",
        sending,
    )

    assert to == [("+254701234567",), ("+254712345678",)]


def test_one_bad_number_and_nothing_is_sent(saldo: Saldo, client: Client, login: dict[str, str]) -> None:
    before = saldo.value("SELECT count(*) FROM notifications_sending")

    for numbers in ("0701234567, nonsense", "0701234567,,0712345678", "+123", "0701234567\n"):
        answer = client.post("/v1/sms/send", data=sms(**login) | {"numbers": numbers})
        assert_refused(answer, 400, "Invalid phone number format.")

    assert saldo.value("SELECT count(*) FROM notifications_sending") == before


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"username": "nobody"}, {"password": ""}, {"username": ""}])
def test_wrong_or_missing_credentials_are_401(saldo: Saldo, login: dict[str, str], wrong: dict[str, str]) -> None:
    answer = saldo.client(address="127.0.7.2").post("/v1/sms/send", data=sms(**login) | wrong)

    assert_refused(answer, 401, "Unauthorized.")


@pytest.mark.parametrize("missing", ["numbers", "message_body"])
def test_another_missing_field_is_400(client: Client, login: dict[str, str], missing: str) -> None:
    sent = {name: value for name, value in sms(**login).items() if name != missing}

    assert_refused(client.post("/v1/sms/send", data=sent), 400, f"The {missing} field is required.")


def test_without_money_it_is_402(saldo: Saldo) -> None:
    poor = saldo.client(saldo.world["poor"]["api_key"], address="127.0.7.3")

    answer = poor.post("/api/v2/sms/send", json={"numbers": "+254701234567", "message_body": TEXT})

    assert_refused(answer, 402, "Insufficient balance.")


def test_the_password_is_stored_hashed(saldo: Saldo, login: dict[str, str]) -> None:
    assert (
        saldo.value("SELECT count(*) FROM apikeys_apipassword p WHERE strpos(p::text, %s) > 0", login["password"]) == 0
    )


# --- v2: a key ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/v2/sms/send", "/api/v2/account/balance"])
def test_without_a_key_the_printed_answer(saldo: Saldo, path: str) -> None:
    answer = saldo.client(address="127.0.7.4").get(path, headers=JSON)

    assert (answer.status, answer.json) == (401, json.loads(NO_KEY))
    assert_headers(answer)


def test_the_printed_count_down(saldo: Saldo) -> None:
    stranger = saldo.client(address="127.0.7.5")

    left = [int(stranger.get("/api/v2/sms/send").headers["x-ratelimit-remaining"]) for _ in range(2)]

    assert left[0] - left[1] == 1 or left == [0, 59]  # the minute may end in between


def test_v2_sends_by_get_and_by_post_with_the_key_in_header_or_field(client: Client, keyed: Client, key: str) -> None:
    assert_sent(keyed.get("/api/v2/sms/send", params=sms()), 2)
    assert_sent(keyed.post("/api/v2/sms/send", json=sms()), 2)
    assert_sent(client.get("/api/v2/sms/send", params=sms(api_key=key)), 2)
    assert_sent(client.post("/api/v2/sms/send", data=sms(api_key=key)), 2)
    assert_sent(client.post(f"/api/v2/sms/send?api_key={key}", json=sms()), 2)


def test_repeating_with_the_same_idempotency_key_sends_once(saldo: Saldo, keyed: Client) -> None:
    headers = {"Idempotency-Key": "plain-1"}

    first, again = (keyed.post("/api/v2/sms/send", json=sms(), headers=headers) for _ in range(2))

    assert again.text == first.text
    assert again.headers["Idempotency-Replay"] == "true"
    assert_headers(again)
    assert_refused(keyed.post("/api/v2/sms/send", json=sms(numbers="0701234567"), headers=headers), 422)


def test_the_balance_is_spendable_money_and_its_currency(keyed: Client) -> None:
    answer = keyed.get("/api/v2/account/balance", headers=JSON)

    assert (answer.status, list(answer.json), answer.json["currency"]) == (200, ["balance", "currency"], "USD")
    assert isinstance(answer.json["balance"], Decimal | int)
    assert_headers(answer)


# --- The key itself -----------------------------------------------------------------------------


def test_a_key_is_generated_swapped_and_revoked_as_printed(saldo: Saldo, login: dict[str, str]) -> None:
    owner = saldo.client(address="127.0.7.6")
    owner.session.auth = (login["username"], login["password"])
    made = owner.post("/api/generate-key", data='{\n    "expiry_days": 3\n}', headers=JSON)
    assert (made.status, list(made.json)) == (201, ["message", "api_key", "expires_at"])
    assert MOMENT.match(made.json["expires_at"])
    assert_headers(made)
    assert_refused(owner.post("/api/generate-key", data="{}", headers=JSON), 409)

    swapped = owner.post("/api/regenerate-key", data='{\n    "expiry_days": 9\n}', headers=JSON)
    old, new = (saldo.client(each.json["api_key"], address="127.0.7.6") for each in (made, swapped))
    assert_refused(old.get("/api/v2/account/balance"), 401, "Invalid API key")
    assert_sent(new.post("/api/v2/sms/send", json=sms()), 2)

    revoked = new.post("/api/revoke-key", headers=JSON)
    assert (revoked.status, list(revoked.json)) == (200, ["message"])
    assert_refused(new.get("/api/v2/account/balance"), 401, "Invalid API key")


@pytest.mark.parametrize("days", [0, 366, "three"])
def test_days_outside_1_to_365_are_422(saldo: Saldo, login: dict[str, str], days: Any) -> None:
    for path in ("/api/generate-key", "/api/regenerate-key"):
        assert_refused(saldo.client(address="127.0.7.7").post(path, json=login | {"expiry_days": days}), 422)


@pytest.mark.parametrize("path", ["/api/generate-key", "/api/revoke-key", "/api/regenerate-key"])
def test_the_printed_requests_without_credentials_are_401(saldo: Saldo, path: str) -> None:
    answer = saldo.client(address="127.0.7.8").post(path, data='{"expiry_days": 3}', headers=JSON)

    assert_refused(answer, 401, "Unauthorized.")


# --- Pages and rules ------------------------------------------------------------------------------


def test_the_printed_pages(client: Client) -> None:
    document = client.get("/api/v2", headers=JSON)
    callback = client.get("/api/oauth2-callback", headers=JSON)
    script = client.get("/api/oauth2-redirect.js")

    assert document.status == 200
    assert (callback.status, callback.headers["content-type"]) == (200, "text/html; charset=UTF-8")
    assert "".join(callback.text.split("\n")) == PAGE
    assert (script.status, "swaggerUIRedirectOauth2" in script.text) == (200, True)
    for page in (document, callback):
        assert page.headers["cache-control"] == "no-cache, private"
        assert page.headers["access-control-allow-origin"] == "*"


def test_the_page_for_people_loads_what_exists(client: Client) -> None:
    page = client.get("/api/v2", headers={"Accept": "text/html"})

    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)

    assert len(loaded) == 3
    assert {client.get(path).status for path in loaded} == {200}


def test_people_try_a_call_on_the_page(saldo: Saldo, tmp_path: Path) -> None:
    with chromium(tmp_path / "profile") as browser:
        browser.open(f"{saldo.url}/api/v2")
        browser.wait_for("document.querySelectorAll('.opblock').length === 7")

        browser.click("#operations-default-balance .opblock-summary-control")
        browser.click("#operations-default-balance .try-out__btn")
        browser.click("#operations-default-balance .execute")

        browser.wait_for("document.querySelector('.live-responses-table').innerText.includes('API key is required')")


def test_beyond_sixty_a_minute_it_is_429(saldo: Saldo) -> None:
    flood = saldo.client(address="127.0.7.9")

    answers = [flood.get("/api/v2/sms/send") for _ in range(130)]
    refused = [answer for answer in answers if answer.status == 429]

    assert {answer.status for answer in answers} == {401, 429}
    assert_refused(refused[0], 429, "Too Many Attempts.")
    assert int(refused[0].headers["Retry-After"]) >= 1
    assert int(refused[0].headers["X-RateLimit-Reset"]) > 1_700_000_000


def test_refusals_outside_any_view_have_the_same_shape(saldo: Saldo) -> None:
    lost = saldo.client(address="127.0.7.10")
    for answer in (lost.get("/api/v2/nothing"), lost.get("/api/v2/nothing", headers={"Accept": "text/html"})):
        assert_refused(answer, 404, "Not found.")
    assert_refused(lost.call("PUT", "/v1/sms/send"), 405, "Method not allowed.")
    assert_refused(lost.get("/v1/sms/send"), 405, "Method not allowed.")
    assert_refused(lost.post("/api/v2/sms/send", data="{", headers=JSON), 400)
    wrong_host = lost.get("/api/v2/sms/send", headers={"Host": "evil.example"})
    assert (wrong_host.status, list(wrong_host.json)) == (400, ["error"])
