"""A canary: after a session full of secrets, none of them is in a log, in the database or on a page."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg.sql
import pytest
import requests

from tests.live import Saldo, wait_for
from tests.smsgist import Gist
from tests.wire import V1, send_raw

PASSWORD_TRIED = "canary-Wrong-Passw0rd"
KEY_TRIED = "sgk_canary" + "7" * 43
SMS_TEXT = "Canary: your code is 739105"


@dataclass
class Secrets:
    """What was sent or shown during the session, by what it is."""

    saldo: Saldo
    key: str
    found: dict[str, str] = field(default_factory=dict)

    def remember(self, name: str, value: str) -> str:
        self.found[name] = value
        return value


@pytest.fixture(scope="module")
def secrets(saldo: Saldo, keys: dict[str, str]) -> Secrets:
    """One session of everything that carries a secret, rightly and wrongly."""
    session = Secrets(saldo, keys["canary"])
    for name, value in {"key": session.key, "wrong key": KEY_TRIED, "wrong password": PASSWORD_TRIED}.items():
        session.remember(name, value)
    log_in_and_make_keys(session)
    send_the_key_wherever_it_could_go(session)
    send_by_password_and_generated_key(session)
    send_by_client_credential(session)
    rent_and_sign(session)
    buy_and_receive(session)
    return session


def log_in_and_make_keys(session: Secrets) -> None:
    email, password = (session.saldo.world["customer"][name] for name in ("email", "password"))
    stranger = session.saldo.client(address="127.0.0.31")
    session.remember("password", password)
    for tried in (password, PASSWORD_TRIED):
        answer = stranger.post("/api/developer/auth/token", json={"email": email, "password": tried})
        stranger.post("/api/developer/auth/token", data={"email": email, "password": tried})
        stranger.post("/api/developer/auth/token", json={"email": email, "password": [tried]})
        stranger.post(
            f"/api/developer/auth/token?password={tried}", json={"email": email, "password": tried, "x": "\x00"}
        )
        if answer.status == 200:
            session.remember("dashboard token", answer.data["token"])
    dashboard = session.saldo.client(token=session.found["dashboard token"])
    made = dashboard.post("/api/developer/api-keys", json={"name": "Canary"})
    session.remember("key made in the dashboard", made.data["plain_key"])
    dashboard.get("/api/developer/api-keys")
    dashboard.delete(f"/api/developer/api-keys/{made.data['id']}")


def send_the_key_wherever_it_could_go(session: Secrets) -> None:
    port = session.saldo.port
    for number, key in enumerate((session.key, KEY_TRIED)):
        header = session.saldo.client(key, address=f"127.0.0.{32 + number}")
        bearer = session.saldo.client(token=key, address=f"127.0.0.{32 + number}")
        for client in (header, bearer):
            client.get(f"{V1}/services?api_key={key}&password={PASSWORD_TRIED}")
            client.get(f"{V1}/nothing?api_key={key}")
            client.get(f"/nothing?api_key={key}", headers={"Accept": "text/html"})
            client.get(f"{V1}/wallet/transactions?limit={key}&cursor={key}")
            client.post(f"{V1}/activations/buy", json={"service": key, "country": key, "api_key": key})
            client.post(
                f"{V1}/activations/buy", data=f'{{"api_key": "{key}"', headers={"Content-Type": "application/json"}
            )
            client.get("/status", headers={"Host": "evil.example", "Referer": f"http://x/?api_key={key}"})
        anybody = {"X-API-Key": f"{key}x", "Cookie": f"sessionid={key}"}
        header.get("/admin/", headers=anybody)
        for request in (
            f"GET /status?api_key={key} HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            f"GET /status?api_key={key} HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
            f"GET /status?api_key={key} junk HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            f"GE\x01T /status?api_key={key} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            f"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key : {key}\r\n\r\n",
            f"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {key}\x00\r\n\r\n",
            f"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key\x00{key}\r\n\r\n",
            f"GET /\xff?api_key={key} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            f"GET /status?api_key={key}{'a' * 9_000} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        ):
            send_raw(port, request.encode("latin-1"))


def send_by_password_and_generated_key(session: Secrets) -> None:
    """plainsms carries password and key in the query string, where every server would log them."""
    login = session.saldo.world["sms_v1"]
    client = session.saldo.client(address="127.0.0.35")
    right = {"username": login["username"], "password": session.remember("API password", login["password"])}
    wrong = right | {"password": PASSWORD_TRIED}
    sms = {"numbers": "0701234567", "message_body": "Hello"}
    for who in (right, wrong):
        for sent in ({"params": who | sms}, {"data": who | sms}, {"json": who | sms}, {"params": who, "data": "{"}):
            client.post("/v1/sms/send", **sent, headers={"Idempotency-Key": "canary"} if who is right else {})
        client.get("/v1/sms/send", params=who | sms)
        client.get("/v1/sms/nothing", params=who)
        client.get("/v1/sms/send", params=who, headers={"Host": "evil.example"})
    made = client.post("/api/generate-key", auth=tuple(right.values()))
    key = session.remember("generated key", made.json["api_key"])
    for tried in (key, KEY_TRIED):
        client.get("/api/v2/sms/send", params={"api_key": tried} | sms)
        client.post("/api/v2/sms/send", data={"api_key": tried} | sms, headers={"Idempotency-Key": "canary-2"})
        client.get(f"/api/v2/account/balance?api_key={tried}&api_key={tried}x%00")
        client.get(f"/rates?api_key={tried}&mcc={tried}")
        client.get(f'/rates?{{"mcc":"{tried}"}}')
        send_raw(session.saldo.port, f"GET /api/v2/sms/send?api_key={tried} junk HTTP/1.1\r\n\r\n".encode())
    session.remember("second generated key", client.post("/api/regenerate-key", json={"api_key": key}).json["api_key"])
    client.post("/api/revoke-key", params=right)


def send_by_client_credential(session: Secrets) -> None:
    """SMSGist's secrets and token, where they belong and where somebody might put them."""
    credential = session.saldo.world["clients"]["live"]
    right = Gist(session.saldo.url, credential, address="127.0.0.36")
    token = session.remember("token", right.session.headers["Authorization"].removeprefix("Bearer "))
    client_secret = session.remember("client secret", credential["client_secret"])
    app_key = session.remember("app secret key", credential["app_secret_key"])
    right.sms("+233245972246", key="canary")
    right.sms("+233245972246", key="canary")
    for secret in (token, client_secret, app_key):
        right.get(f"/api/credits/balance?client_secret={secret}&token={secret}")
        right.sms(secret, app_secret_key=secret)
        right.post("/api/sms/send", data=f'{{"client_secret": "{secret}"', headers={"Content-Type": "application/json"})
        wrong = {"X-Client-Id": secret[:64], "Authorization": f"Bearer {secret}"}
        right.get("/api/credits/balance", headers=wrong)
        right.get("/api/nothing", headers=wrong)
        right.get("/api/credits/balance", headers=wrong | {"Host": "evil.example"})


def rent_and_sign(session: Secrets) -> None:
    """SMSGig signs with the key itself, so a copy of it is kept: encrypted."""
    key, saldo = session.found["key"], session.saldo
    for tried, address in ((key, "127.0.0.37"), (KEY_TRIED, "127.0.0.38")):
        client = saldo.client(token=tried, address=address)
        client.get(f"/api/v1/balance?api_key={tried}")
        client.post("/api/v1/s1/rent", json={"service_code": tried, "area_code": tried, "carrier": tried})
        client.post("/api/v1/s1/rentals/status", json={"activation_id": tried, "action": tried})
        hook = {"url": "http://127.0.0.1:9/hook", "format": "smsgig"}
        for more in ({}, {"signing_key": tried}, {"signing_key": KEY_TRIED}, {"description": "x", "events": [tried]}):
            client.post(f"{V1}/webhook-endpoints", json=hook | more)
    dashboard = saldo.client(token=session.found["dashboard token"])
    made = dashboard.post("/api/developer/api-keys", json={"name": "Signs", "signs_webhooks": True}).data
    plain = session.remember("key that signs", made["plain_key"])
    for tried in (plain, KEY_TRIED, [plain]):
        dashboard.put(f"/api/developer/api-keys/{made['id']}/signing-copy", json={"key": tried})


def buy_and_receive(session: Secrets) -> None:
    client = session.saldo.client(session.key)
    bought = client.buy(key="canary-1").data
    client.buy(key="canary-1")
    wait_for(lambda: client.check_sms(bought["id"]).data["code"], "the code arrives")
    silent = client.buy("sandbox-silent").data
    session.saldo.manage("sandbox_inbound", "--to", silent["phone"], "--text", SMS_TEXT)


def test_no_secret_is_in_any_log(secrets: Secrets) -> None:
    logs = secrets.saldo.logs()
    assert "/api/developer/auth/token" in logs  # it is a log of this session

    assert {name for name, value in secrets.found.items() if value in logs} == set()
    assert {name for name, digest in digests(secrets).items() if digest in logs} == set()


def test_no_text_of_an_sms_and_no_code_is_in_any_log(secrets: Secrets) -> None:
    logs = secrets.saldo.logs()
    texts = [
        SMS_TEXT,
        *(text for (text,) in secrets.saldo.query("SELECT text FROM activations_inboundmessage WHERE text <> ''")),
    ]

    assert [text for text in texts if text in logs] == []


def test_no_secret_is_in_any_column_of_the_database(secrets: Secrets) -> None:
    looked_for = secrets.found

    assert [place for name, value in looked_for.items() for place in holding(secrets.saldo, value, name)] == []


def test_a_keys_digest_is_where_keys_are_looked_up_and_nowhere_else(secrets: Secrets) -> None:
    places = {place for digest in digests(secrets).values() for place in holding(secrets.saldo, digest, "digest")}

    assert places == {"digest in apikeys_apikey", "digest in apikeys_clientcredential"}


def test_no_secret_is_on_any_page_of_the_back_office(saldo: Saldo, secrets: Secrets) -> None:
    looked_for = secrets.found | {f"digest of {name}": digest for name, digest in digests(secrets).items()}
    pages = dict(back_office(saldo))

    assert len(pages) > 15
    assert any(secrets.key[:8] in page for page in pages.values()), "the key is named by its prefix"
    assert [(name, url) for url, page in pages.items() for name, value in looked_for.items() if value in page] == []


def digests(secrets: Secrets) -> dict[str, str]:
    rows = secrets.saldo.query("SELECT key_prefix, digest FROM apikeys_apikey WHERE key_prefix = %s", secrets.key[:8])
    client_id = secrets.saldo.world["clients"]["live"]["client_id"]
    stored = "SELECT digest, encrypted_app_key FROM apikeys_clientcredential WHERE client_id = %s"
    (client,) = secrets.saldo.query(stored, client_id)
    assert rows
    return dict(rows) | dict(zip(("client secret", "encrypted app key"), client, strict=True))


def holding(saldo: Saldo, value: str, name: str) -> Iterator[str]:
    """Every table that has `value` in some column, whatever the column's type."""
    tables = """
        SELECT table_schema, table_name FROM information_schema.tables
        WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"""
    for schema, table in saldo.query(tables):
        column = psycopg.sql.Identifier(schema, table)
        found = psycopg.sql.SQL("SELECT count(*) FROM {} AS t WHERE strpos(t::text, %s) > 0").format(column)
        if saldo.query(found, value)[0][0]:
            yield f"{name} in {table}"


def back_office(saldo: Saldo) -> Iterator[tuple[str, str]]:
    """Every page a superuser can reach from the index within two links: lists, and the newest of each list."""
    browser = requests.Session()
    browser.trust_env = False
    form = browser.get(f"{saldo.url}/admin/login/", timeout=30).text
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
    assert token
    staff = saldo.world["staff"]
    sent = {
        "csrfmiddlewaretoken": token[1],
        "username": staff["username"],
        "password": staff["password"],
        "next": "/admin/",
    }
    index = browser.post(f"{saldo.url}/admin/login/", data=sent, timeout=30)
    assert index.url.endswith("/admin/"), "staff can log in"
    yield "/admin/", index.text
    for path in links(index.text, r"/admin/\w+/\w+/"):
        listed = browser.get(saldo.url + path, timeout=30)
        assert listed.status_code == 200, path
        yield path, listed.text
        for inner in links(listed.text, re.escape(path) + r"[\w-]+/(?:change|history)/")[:3]:
            shown = browser.get(saldo.url + inner, timeout=30)
            assert shown.status_code == 200, inner
            yield inner, shown.text


def links(page: str, path: str) -> list[str]:
    return list(dict.fromkeys(re.findall(rf'href="({path})["?]', page)))
