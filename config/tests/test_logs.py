import io
import json
import logging
import re

import pytest
import structlog

from config.logs import logging_config

SECRETS = {
    "X-API-Key": "CANARY-key",
    "Authorization": "Bearer CANARY-token",
    "Cookie": "sessionid=CANARY-session",
}
QUERY = "?api_key=CANARY-query&username=me&password=CANARY-password"


@pytest.fixture(params=["text", "json"])
def logs(request):
    """Everything that is logged, through the product's own configuration."""
    logging_config(as_json=request.param == "json", level="DEBUG")
    written = io.StringIO()
    (handler,) = logging.getLogger().handlers[-1:]
    handler.setStream(written)
    yield written
    logging_config(as_json=False, level="INFO")


def lines(logs, word: str) -> list[str]:
    return [line for line in logs.getvalue().splitlines() if word in line]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/developer/v1/wallet/balance", "/nowhere", "/admin/login/"])
def test_no_credential_enters_the_logs(client, logs, path):
    client.get(path + QUERY, headers=SECRETS)
    client.post(path + QUERY, {"password": "CANARY-body"}, headers=SECRETS)
    client.post(path + QUERY, '{"password": "CANARY-body"', content_type="application/json", headers=SECRETS)
    assert len(lines(logs, path)) == 3
    assert "CANARY" not in logs.getvalue()


def test_a_crash_is_logged_with_its_traceback_and_without_its_variables(client, logs, settings):
    settings.ROOT_URLCONF = "config.tests.urls"
    client.raise_request_exception = False
    assert client.get("/crash" + QUERY, headers=SECRETS).status_code == 500
    assert "RuntimeError: a crash beside 10 characters" in logs.getvalue()
    assert "CANARY" not in logs.getvalue()


@pytest.mark.django_db
def test_a_row_that_the_database_refuses_is_not_quoted(client, logs, settings):
    settings.ROOT_URLCONF = "config.tests.urls"
    client.raise_request_exception = False
    assert client.get("/refused?value=CANARY").status_code == 500
    assert "violates check constraint" in logs.getvalue()
    assert "CANARY" not in logs.getvalue()


def test_a_request_id_is_echoed_and_stands_on_every_line(client, logs):
    answer = client.get("/nowhere", headers={"X-Request-ID": "abc-DEF-12345"})
    assert answer["X-Request-ID"] == "abc-DEF-12345"
    assert all("abc-DEF-12345" in line for line in lines(logs, "/nowhere"))


@pytest.mark.parametrize(
    "sent", ["", "short", "x" * 65, "with space in it", "new\nline-1234", "１２３４５６７８", "a;b;c;d;e;f"]
)
def test_a_request_id_that_is_not_plain_is_replaced(client, sent):
    answer = client.get("/nowhere", headers={"X-Request-ID": sent})
    assert re.fullmatch(r"[0-9a-f]{32}", answer["X-Request-ID"])


def test_the_id_of_one_request_does_not_stay_for_the_next(client):
    first, second = client.get("/nowhere"), client.get("/nowhere")
    assert first["X-Request-ID"] != second["X-Request-ID"]
    assert "request_id" not in structlog.contextvars.get_contextvars()


def test_a_path_cannot_forge_a_line(client, logs):
    client.get("/nowhere%0A2026-01-01 [info] paid in full")
    assert not any(line.startswith("2026-01-01 [info] paid") for line in logs.getvalue().splitlines())


def test_json_lines_are_json(client):
    logging_config(as_json=True, level="INFO")
    written = io.StringIO()
    logging.getLogger().handlers[-1].setStream(written)
    client.get("/nowhere?x=1")
    logging.getLogger("some.library").warning("%s happened", "something")
    request, library = (json.loads(line) for line in written.getvalue().splitlines())
    logging_config(as_json=False, level="INFO")
    assert (request["event"], request["path"], request["status"], request["method"]) == (
        "request",
        "/nowhere",
        404,
        "GET",
    )
    assert (library["event"], library["level"], library["logger"]) == ("something happened", "warning", "some.library")


def test_watching_the_service_does_not_fill_the_logs(client, logs, django_db_setup):
    client.get("/status")
    client.get("/status/")
    assert lines(logs, "/status") == []
