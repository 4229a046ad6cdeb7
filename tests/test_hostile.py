"""Whatever is sent to whatever endpoint is answered in the contract's shape, below 500, and tells nothing inside."""

import json
import re
import zlib
from typing import Any

import pytest
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile import BODIES, HEADERS, KEYS, MORE, QUERIES, READING, SENDING, VALUES, sendings_of
from tests.live import Saldo
from tests.wire import V1, Answer, Client, send_raw

INSIDE = re.compile(
    rb"Traceback|File \"|psycopg|django|/site-packages/|SELECT .* FROM |INSERT INTO |wallets_|apikeys_|activations_",
    re.I,
)


@pytest.fixture
def client(saldo: Saldo, keys: dict[str, str], request: pytest.FixtureRequest) -> Client:
    """A customer who calls from an address of its own, so that the failures of one test are not the next one's 429."""
    number = zlib.crc32(request.node.nodeid.encode())
    return saldo.client(
        keys["hostile"], token=token_of(saldo), address=f"127.{1 + number % 200}.{number // 200 % 250}.7"
    )


# The server ends a connection on which an endpoint left much of a body unread.
CLOSE = {"Connection": "close"}

_tokens: dict[str, str] = {}


def token_of(saldo: Saldo) -> str:
    """A dashboard token that stays: `auth/revoke` is tried with the API key instead."""
    if saldo.url not in _tokens:
        login = {name: saldo.world["customer"][name] for name in ("email", "password")}
        _tokens[saldo.url] = saldo.client().post("/api/developer/auth/token", json=login).data["token"]
    return _tokens[saldo.url]


def headers_for(path: str) -> dict[str, str | None]:
    return {"Authorization": None} if path.endswith("/revoke") else {}


def complaints(answer: Answer, asked: str) -> list[str]:
    """What is wrong with an answer to a hostile request, in words."""
    found = []
    if answer.status >= 500:
        found.append("a server error")
    if answer.headers.get("Content-Type") != "application/json":
        found.append(f"sent as {answer.headers.get('Content-Type')}")
    elif answer.status >= 400 and list(answer.json)[:2] != ["message", "error"]:
        found.append("another shape")
    if inside := INSIDE.search(answer.raw):
        found.append(f"tells {inside[0]!r}")
    return [f"{asked}: {', '.join(found)}: {answer}"] if found else []


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_hostile_body(client: Client, body: bytes) -> None:
    wrong = []
    types = ("application/json", "application/json", "application/x-www-form-urlencoded", None)
    for path, sent_as in sendings_of(body, SENDING, types):
        headers = headers_for(path) | CLOSE | {"Content-Type": sent_as}
        wrong += complaints(client.post(path, data=body, headers=headers), f"{path} as {sent_as}")
    assert wrong == []


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_hostile_value_in_every_field(client: Client, value: Any) -> None:
    wrong = []
    for path, valid in SENDING.items():
        for name in [*valid, *MORE.get(path, [])]:
            answer = client.post(path, json=valid | {name: value}, headers=headers_for(path) | CLOSE)
            wrong += complaints(answer, f"{path} {name}")
    assert wrong == []


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:30])
def test_a_hostile_query(client: Client, query: str) -> None:
    wrong = []
    # A third of the addresses each; over all queries each address is asked with every kind.
    for path in READING[len(query) % 3 :: 3]:
        wrong += complaints(client.get(f"{path}?{query}"), path)
    wrong += complaints(client.post(f"{V1}/activations/buy?{query}", json={}), "buy")
    assert wrong == []


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_hostile_headers(client: Client, headers: dict[str, Any]) -> None:
    wrong = []
    for path in (f"{V1}/services", f"{V1}/wallet/balance", "/api/developer/api-keys"):
        wrong += complaints(client.get(path, headers=headers), path)
    for path, valid in SENDING.items():
        wrong += complaints(client.post(path, data=json.dumps(valid), headers=headers_for(path) | headers), path)
    assert wrong == []


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_hostile_key(saldo: Saldo, client: Client, key: Any) -> None:
    stranger = saldo.client(address=client.session.get_adapter("http://").address)
    bearer = b"Bearer " + (key if isinstance(key, bytes) else key.encode())
    for path in (f"{V1}/services", "/api/developer/api-keys"):
        for headers in ({"X-API-Key": key}, {"Authorization": bearer}, {"Authorization": key}):
            answer = stranger.get(path, headers=headers)
            assert complaints(answer, str(headers)) == []
            assert answer.status == 401


@pytest.mark.parametrize(
    "identity",
    ["0", "-1", "1.5", "x", "%00", "%ff", "１", "9" * 18, "9" * 19, "9" * 400, "1%2F..", "1;2", "...", "1%0a"],
)
def test_a_hostile_identity_in_the_path(client: Client, identity: str) -> None:
    for path in (
        f"{V1}/activations/{identity}",
        f"{V1}/activations/{identity}/check-sms",
        f"{V1}/services/{identity}/countries",
    ):
        answer = client.get(path)
        assert complaints(answer, path) == []
        assert answer.status in {400, 404}, path
    deleted = client.delete(f"/api/developer/api-keys/{identity}")
    assert (complaints(deleted, "delete"), deleted.status in {400, 404, 405}) == ([], True)


def test_a_form_of_five_thousand_fields(client: Client) -> None:
    answer = client.post(f"{V1}/activations/buy", data={f"field{n}": "x" for n in range(5_000)})

    assert complaints(answer, "buy") == []
    assert answer.status in {400, 413}


def test_a_body_above_the_limit_is_413_and_one_below_is_read(client: Client) -> None:
    def sized(size: int) -> Answer:
        body = b'{"service": "' + b"a" * size + b'"}'
        headers = {"Content-Type": "application/json", "Connection": "close"}
        return client.post(f"{V1}/activations/buy", data=body, headers=headers)

    assert (sized(9_000_000).status, sized(9_000_000).json["error"]) == (413, "body_too_large")
    assert (sized(1_000_000).status, sized(1_000_000).json["error"]) == (400, "invalid_service")


def test_the_printed_query_of_raw_json_reaches_us(saldo: Saldo) -> None:
    """`curl -G -d '{…}'`, as the SMSGIC reference prints it, sends quotes as they are."""
    request = (
        b'GET /rates?{"mcc":"742","mnc":"551","country":"Latvia","country_id":1} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'
    )

    answer = send_raw(saldo.port, request)

    assert answer.content_type == "application/json"
    assert answer.status in {401, 404}
    assert "message" in json.loads(answer.body)


@pytest.mark.parametrize("path", [b"services/%FF%FE/countries", b"%", b"%zz", b"activations/%00", b"?%80=%", b"//"])
def test_a_path_in_bad_encoding_is_answered_in_json(saldo: Saldo, path: bytes) -> None:
    request = b"GET /api/developer/v1/" + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

    answer = send_raw(saldo.port, request)

    assert (answer.status in {401, 404}, answer.content_type) == (True, "application/json")


NOT_HTTP = (
    b"NONSENSE",
    b"GET / HTTP/9.9",
    b"GET /\xff HTTP/1.1",
    b"GE\x00T / HTTP/1.1",
    b"GET /?" + b"a" * 9_000 + b" HTTP/1.1",
)


@pytest.mark.parametrize("line", NOT_HTTP)
def test_what_is_not_http_is_refused_by_the_server_itself(saldo: Saldo, line: bytes) -> None:
    answer = send_raw(saldo.port, line + b"\r\nHost: 127.0.0.1\r\n\r\n")

    assert 400 <= answer.status < 500
    assert not INSIDE.search(answer.body)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["service", "country", "name", "email", "password", "currency", "mode", "scopes", "expires_at", "allowed_ips"]
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(list(SENDING)), body=st.dictionaries(FIELDS | st.text(max_size=5), JSON_VALUES, max_size=5))
def test_whatever_json_is_sent(client: Client, path: str, body: dict[str, Any]) -> None:
    answer = client.post(path, data=json.dumps(body), headers=headers_for(path) | {"Content-Type": "application/json"})

    assert complaints(answer, f"{path} {body}") == []


def test_the_server_still_works_and_its_books_are_right(saldo: Saldo, client: Client) -> None:
    assert client.buy().status == 201
    assert client.wallet()["available"] > 0
    assert "server_error" not in saldo.logs()
    assert saldo.manage("audit_ledger", check=False).returncode == 0


# --- The document ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema(saldo: Saldo) -> dict[str, Any]:
    import yaml

    return yaml.safe_load(saldo.client().get("/api/schema").text)


def test_the_schema_is_valid_openapi_and_nothing_in_it_was_guessed(saldo: Saldo, schema: dict[str, Any]) -> None:
    validate_schema(schema)
    saldo.manage("spectacular", "--fail-on-warn")

    assert schema["openapi"].startswith("3.")


def test_the_schema_describes_every_path_that_customers_call(schema: dict[str, Any]) -> None:
    described = {re.sub(r"\{\w+\}", "1", path) for path in schema["paths"]}

    wanted = {path.replace("/telegram/", "/1/") for path in (*READING, *SENDING) if "/developer/" in path}
    assert wanted <= described
