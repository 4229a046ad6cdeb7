"""The native contract, as its reference prints it: every printed request of this API, over HTTP."""

import re
import time
from decimal import Decimal
from typing import Any

import pytest

from tests.live import Saldo, wait_for
from tests.wire import V1, Client, assert_refused, exact

KEYS = "/api/developer/api-keys"
MOMENT = re.compile(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")

# What the reference prints, as it prints it.
SERVICES = """[
    {"id": 1, "name": "Telegram", "slug": "telegram", "price": 0.15, "min_quantity": 1, "max_quantity": 2500},
    {"id": 2, "name": "WhatsApp", "slug": "whatsapp", "price": 0.35, "min_quantity": 1, "max_quantity": 5000}]"""
COUNTRIES = """[
    {"id": 1, "name": "United States", "code": "US", "is_available": true},
    {"id": 2, "name": "United Kingdom", "code": "GB", "is_available": true}]"""
SERVICE_COUNTRIES = """[
    {"id": 1, "name": "United States", "price": 0.15, "operators_count": 3},
    {"id": 2, "name": "United Kingdom", "price": 0.18, "operators_count": 2}]"""
BOUGHT = """{"id": 12345, "phone": "+1234567890", "service": "telegram", "country": "US", "timeout": 900,
    "created_at": "2024-04-17T10:30:00Z"}"""
CHECKED = '{"code": "123456", "status": "completed"}'
BALANCE = '{"balance": 150.50, "hold": 10.00, "available": 140.50, "currency": "USD"}'
KEY_LISTED = """{"id": 1, "name": "Production key", "key_prefix": "sgk_ab12", "last_used_at": "2026-04-17T09:10:00Z",
    "revoked_at": null}"""
KEY_CREATED = """{"id": 2, "name": "Production key", "plain_key": "sgk_live_XXXXXXXXXXXXXXXX", "key_prefix": "sgk_live",
    "revoked_at": null}"""
WALLET_ROW = '{"id": 1, "type": "credit", "amount": 100}'
PLATFORM_ROW = '{"id": 11, "type": "sms_purchase", "amount": 5}'


@pytest.fixture(scope="module")
def client(saldo: Saldo, keys: dict[str, str]) -> Client:
    return saldo.client(keys["contract"])


@pytest.fixture(scope="module")
def silent(client: Client) -> tuple[int, Decimal]:
    """An activation that never gets an SMS and lives for 5 seconds, bought before everything else here."""
    return client.buy("sandbox-silent").data["id"], client.wallet()["hold"]


@pytest.fixture(scope="module", autouse=True)
def _early(silent: tuple[int, Decimal]) -> None:
    """Its time runs while the other tests do."""


@pytest.fixture(scope="module")
def dashboard(saldo: Saldo) -> Client:
    sent = {"email": saldo.world["customer"]["email"], "password": saldo.world["customer"]["password"]}
    token = saldo.client().post("/api/developer/auth/token", json=sent).data["token"]
    return saldo.client(token=token)


def kind(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value is not None and "boolean")
    if isinstance(value, str):
        return "moment" if MOMENT.match(value) else "text"
    return "number" if isinstance(value, int | Decimal) else type(value).__name__


def assert_as_printed(printed: str, got: dict[str, Any]) -> None:
    """The printed keys first, in the printed order, each of the printed kind; more may follow."""
    wanted = exact(printed)
    assert list(got)[: len(wanted)] == list(wanted)
    mistyped = {name: (value, got[name]) for name, value in wanted.items() if kind(value) != kind(got[name])}
    assert mistyped == {}
    fractions = {
        name: got[name] for name, value in wanted.items() if isinstance(value, int) and not isinstance(got[name], int)
    }
    assert {name for name in fractions if name != "amount"} == set(), "printed as a whole number"


# --- Catalogue ------------------------------------------------------------------------------


def test_services_are_listed_as_printed(client: Client) -> None:
    answer = client.get(f"{V1}/services")
    by_slug = {row["slug"]: row for row in answer.data}

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert len(by_slug) >= 40
    for printed in exact(SERVICES):
        found = by_slug[printed["slug"]]
        assert_as_printed(SERVICES.strip("[] \n").split("},")[0] + "}", found)
        without_id = {name: found[name] for name in printed if name not in {"id", "price"}}
        assert without_id == {name: value for name, value in printed.items() if name not in {"id", "price"}}


def test_a_service_shows_the_lowest_price_among_its_countries(client: Client) -> None:
    shown = next(row["price"] for row in client.get(f"{V1}/services").data if row["slug"] == "telegram")

    prices = [row["price"] for row in client.get(f"{V1}/services/telegram/countries").data]

    assert shown == min(prices)
    assert shown <= Decimal("0.15")


def test_countries_are_listed_as_printed(client: Client) -> None:
    by_code = {row["code"]: row for row in client.get(f"{V1}/countries").data}

    assert len(by_code) >= 60
    for printed in exact(COUNTRIES):
        found = by_code[printed["code"]]
        assert list(found)[:4] == ["id", "name", "code", "is_available"]
        assert (found["name"], found["is_available"]) == (printed["name"], True)
    assert False in {row["is_available"] for row in by_code.values()}  # those without offers are listed too


def test_a_services_countries_hold_the_printed_prices_and_operators(client: Client) -> None:
    answer = client.get(f"{V1}/services/telegram/countries")
    by_name = {row["name"]: row for row in answer.data}

    for printed in exact(SERVICE_COUNTRIES):
        found = by_name[printed["name"]]
        assert [name for name in found if name != "code"] == list(printed)
        assert (found["price"], found["operators_count"]) == (printed["price"], printed["operators_count"])
    assert by_name["United Kingdom"]["code"] == "GB"
    assert re.search(r'"price": ?0\.15[,}]', answer.text)  # an exact JSON number, neither text nor 0.1499…


def test_an_unknown_service_has_no_countries(client: Client) -> None:
    assert_refused(client.get(f"{V1}/services/no-such-thing/countries"), 404, "not_found")


# --- Activations ----------------------------------------------------------------------------


def test_buying_answers_as_printed(client: Client) -> None:
    answer = client.buy("telegram", "US")

    assert answer.status == 201
    assert list(answer.json) == ["data"]
    assert_as_printed(BOUGHT, answer.data)
    assert re.fullmatch(r"\+1[0-9]{10}", answer.data["phone"])
    assert (answer.data["service"], answer.data["country"]) == ("telegram", "US")
    assert 890 <= answer.data["timeout"] <= 900
    assert answer.data["price"] == Decimal("0.15")


def test_checking_answers_empty_and_then_the_code_for_ever(client: Client) -> None:
    activation_id = client.buy("telegram", "GB").data["id"]

    first = client.check_sms(activation_id)
    arrived = wait_for(lambda: (found := client.check_sms(activation_id)).data["code"] and found, "the code arrives")

    assert list(first.data)[:2] == ["code", "status"]
    assert (first.status, arrived.status) == (200, 200)
    assert (first.data["code"], first.data["status"]) in {(None, "pending"), (arrived.data["code"], "completed")}
    assert_as_printed(CHECKED, arrived.data)
    assert arrived.data["status"] == "completed"
    assert client.check_sms(activation_id).text == arrived.text


@pytest.mark.parametrize("body", [
    {"service": "no-such-thing", "country": "US"}, {"service": "", "country": "US"}, {"country": "US"},
    {"service": None, "country": "US"}, {"service": 7, "country": "US"}, {"service": ["telegram"], "country": "US"}, {},
])  # fmt: skip
def test_a_wrong_or_missing_service_is_400(client: Client, body: dict[str, Any]) -> None:
    assert_refused(client.post(f"{V1}/activations/buy", json=body), 400, "invalid_service")


@pytest.mark.parametrize("country", ["XX", "", "USA", None, 1, {"code": "US"}, "ＵＳ"])
def test_a_wrong_or_missing_country_is_400(client: Client, country: Any) -> None:
    assert_refused(
        client.post(f"{V1}/activations/buy", json={"service": "telegram", "country": country}), 400, "invalid_country"
    )
    assert_refused(client.post(f"{V1}/activations/buy", json={"service": "telegram"}), 400, "invalid_country")


def test_a_country_may_be_written_small_and_the_body_be_a_form(client: Client) -> None:
    answer = client.post(f"{V1}/activations/buy", data={"service": "telegram", "country": "us"})

    assert (answer.status, answer.data["country"]) == (201, "US")


def test_an_empty_wallet_is_told_what_is_missing(saldo: Saldo) -> None:
    poor = saldo.client(saldo.world["poor"]["api_key"])

    answer = poor.buy()

    assert_refused(answer, 422, "insufficient_balance", "Insufficient balance")
    assert (answer.json["required"], answer.json["available"]) == (Decimal("0.15"), 0)
    assert poor.wallet() == exact('{"balance": 0, "hold": 0, "available": 0, "currency": "USD", "credit_limit": 0}')


@pytest.mark.parametrize(("service", "status", "slug"), [
    ("sandbox-no-stock", 422, "no_numbers_available"), ("sandbox-refused", 422, "provider_error"),
])  # fmt: skip
def test_what_the_provider_refuses_holds_nothing(saldo: Saldo, service: str, status: int, slug: str) -> None:
    stranger = saldo.client(saldo.world["stranger"]["api_key"])
    before = stranger.wallet()

    assert_refused(stranger.buy(service), status, slug)

    assert stranger.wallet() == before


def test_an_unknown_activation_is_404(client: Client) -> None:
    for path in ("999999999", "0", "9" * 18, "9" * 40):
        assert_refused(client.get(f"{V1}/activations/{path}/check-sms"), 404, "not_found")


def test_canceling_gives_the_money_back_once_and_the_sms_is_gone(client: Client) -> None:
    bought = client.buy("sandbox-silent").data
    held = client.wallet()["hold"]

    first, second = client.cancel(bought["id"]), client.cancel(bought["id"])

    assert (first.status, first.data["id"], first.data["status"]) == (200, bought["id"], "canceled")
    assert second.text == first.text
    assert client.wallet()["hold"] <= held - bought["price"]
    assert_refused(client.check_sms(bought["id"]), 410, "activation_canceled")


def test_after_an_sms_nothing_can_be_canceled(client: Client) -> None:
    activation_id = client.buy().data["id"]
    wait_for(lambda: client.check_sms(activation_id).data["code"], "the code arrives")

    assert_refused(client.cancel(activation_id), 409, "activation_completed")
    assert client.check_sms(activation_id).data["status"] == "completed"


def test_an_expired_activation_is_410_with_its_money_back(
    saldo: Saldo, client: Client, silent: tuple[int, Decimal]
) -> None:
    activation_id, _ = silent

    expired = wait_for(lambda: (found := client.check_sms(activation_id)).status != 200 and found, "it expires", 10)

    assert_refused(expired, 410, "activation_expired")
    hold = "SELECT status, released FROM wallets_hold WHERE reference = %s"
    assert saldo.query(hold, f"activation:{activation_id}") == [("released", Decimal("0.1"))]


# --- Wallet ---------------------------------------------------------------------------------


def test_the_balance_is_shown_as_printed(owner: Client) -> None:
    answer = owner.get(f"{V1}/wallet/balance")

    assert answer.status == 200
    assert list(answer.data)[:4] == list(exact(BALANCE))
    assert answer.data["currency"] == "USD"
    assert answer.data["available"] == answer.data["balance"] - answer.data["hold"]


def test_the_demo_wallets_hold_what_is_promised(saldo: Saldo) -> None:
    saldo.demo()  # tops up what was spent since

    promised = {"USD": Decimal("150.50"), "NGN": 50_000, "GBP": 450, "GHS": Decimal("125.50")}
    for currency, least in promised.items():
        wallet = saldo.client(saldo.world["api_keys"][currency]).wallet()
        assert (wallet["currency"], wallet["available"] >= least) == (currency, True)


@pytest.mark.parametrize("path", ["wallet/transactions", "wallet/history"])
def test_the_statement_is_shown_as_printed(client: Client, path: str) -> None:
    rows = client.get(f"{V1}/{path}?limit=100").data

    assert_as_printed(WALLET_ROW, rows[-1])
    assert (rows[-1]["type"], rows[-1]["kind"], rows[-1]["amount"]) == ("credit", "deposit", Decimal("150.5"))
    assert {"credit", "debit"} >= {row["type"] for row in rows}
    assert all(row["amount"] > 0 for row in rows)
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)


def test_history_is_the_same_as_transactions(owner: Client) -> None:
    assert (
        owner.get(f"{V1}/wallet/history?limit=5").json["data"]
        == owner.get(f"{V1}/wallet/transactions?limit=5").json["data"]
    )


def test_the_platform_list_tells_the_products_word(client: Client) -> None:
    activation_id = client.buy().data["id"]
    wait_for(lambda: client.check_sms(activation_id).data["code"], "the code arrives")

    newest = client.get(f"{V1}/transactions?limit=1").data[0]

    assert_as_printed(PLATFORM_ROW, newest)
    assert (newest["type"], newest["amount"]) == ("sms_purchase", Decimal("0.15"))


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "limit=１", "limit=1e3", "cursor=x", "cursor=%ff"])
@pytest.mark.parametrize("path", ["wallet/transactions", "wallet/history", "transactions", "activations"])
def test_a_senseless_page_is_422(client: Client, path: str, query: str) -> None:
    answer = client.get(f"{V1}/{path}?{query}")

    if query.startswith("cursor"):
        assert answer.status in {200, 400, 404, 422}
    else:
        assert_refused(answer, 422, "validation_failed")


def test_pages_follow_each_other_without_gap_or_repeat(client: Client) -> None:
    whole = [row["id"] for row in client.get(f"{V1}/activations?limit=6").data]

    pages, cursor = [], ""
    for _ in range(3):
        page = client.get(f"{V1}/activations?limit=2&cursor={cursor}").json
        pages += [row["id"] for row in page["data"]]
        cursor = page["meta"]["next_cursor"]

    assert pages == whole


# --- Keys -----------------------------------------------------------------------------------


def test_a_key_is_made_listed_and_revoked_as_printed(saldo: Saldo, dashboard: Client) -> None:
    made = dashboard.post(KEYS, json={"name": "Production key"})
    assert made.status == 201
    assert_as_printed(KEY_CREATED, made.data)
    assert made.data["key_prefix"] == made.data["plain_key"][:8]
    assert saldo.client(made.data["plain_key"]).get(f"{V1}/wallet/balance").data["currency"] == "USD"

    listed = next(row for row in dashboard.get(KEYS).data if row["id"] == made.data["id"])
    assert_as_printed(KEY_LISTED, listed)
    assert "plain_key" not in listed

    revoked = dashboard.delete(f"{KEYS}/{made.data['id']}")
    assert (revoked.status, revoked.text) == (200, '{"message": "API key revoked successfully"}')
    refused = saldo.client(made.data["plain_key"]).get(f"{V1}/wallet/balance")
    assert_refused(refused, 401, "invalid_api_key", "Invalid API key.")
    assert dashboard.delete(f"{KEYS}/{made.data['id']}").status == 200
    assert kind(next(row for row in dashboard.get(KEYS).data if row["id"] == made.data["id"])["revoked_at"]) == "moment"


def test_a_token_is_given_for_a_password_and_ends_when_told(saldo: Saldo) -> None:
    login = {"email": saldo.world["customer"]["email"].upper(), "password": saldo.world["customer"]["password"]}
    given = saldo.client().post("/api/developer/auth/token", json=login)
    assert list(given.data) == ["token", "expires_at"]
    assert kind(given.data["expires_at"]) == "moment"

    client = saldo.client(token=given.data["token"])
    assert client.get(KEYS).status == 200
    assert client.post("/api/developer/auth/revoke").status == 200
    assert_refused(client.get(KEYS), 401, "invalid_token")


def test_a_wrong_password_gives_no_token(saldo: Saldo) -> None:
    stranger = saldo.client(address="127.0.0.21")
    for email in (saldo.world["customer"]["email"], "nobody@nowhere.example"):
        refused = stranger.post("/api/developer/auth/token", json={"email": email, "password": "wrong password"})
        assert_refused(refused, 401, "invalid_login", "Wrong e-mail address or password.")


def test_an_api_key_is_no_token_and_a_token_is_no_key(saldo: Saldo, dashboard: Client) -> None:
    token = dashboard.session.headers["Authorization"].removeprefix("Bearer ")
    key = saldo.world["api_keys"]["USD"]

    assert_refused(saldo.client(token=key, address="127.0.0.22").get(KEYS), 401, "invalid_token")
    assert_refused(saldo.client(token, address="127.0.0.22").get(f"{V1}/wallet/balance"), 401, "invalid_api_key")
    assert saldo.client(token=key).get(f"{V1}/wallet/balance").status == 200  # `Bearer` carries a key too


# --- Repeats and doubts -------------------------------------------------------------------------


def test_the_same_idempotency_key_buys_once(client: Client) -> None:
    first = client.buy(key="contract-1")
    again = client.buy(key="contract-1")
    other = client.buy("whatsapp", key="contract-1")

    assert (first.status, again.status, again.text) == (201, 201, first.text)
    assert again.headers["Idempotency-Replay"] == "true"
    assert "Idempotency-Replay" not in first.headers
    assert_refused(other, 422, "idempotency_conflict")


def test_a_refused_purchase_leaves_its_key_free(saldo: Saldo) -> None:
    poor = saldo.client(saldo.world["poor"]["api_key"])

    assert_refused(poor.buy(key="contract-2"), 422, "insufficient_balance")
    assert_refused(poor.buy("no-such-thing", key="contract-2"), 400, "invalid_service")


def test_an_unknown_outcome_is_pending_until_the_sweeper_has_asked(client: Client) -> None:
    answer = client.buy("sandbox-unknown")

    assert (answer.status, answer.data["status"], answer.data["phone"]) == (202, "pending", None)
    assert_as_printed(BOUGHT.replace('"+1234567890"', "null").replace("900", "0"), answer.data)
    started = time.monotonic()
    path = f"{V1}/activations/{answer.data['id']}"
    phone = wait_for(lambda: client.get(path).data["phone"], "the sweeper finds the number", 15)
    assert phone.startswith("+1")
    assert time.monotonic() - started < 15
