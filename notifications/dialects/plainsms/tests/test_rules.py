"""What holds on every path of plainsms: headers, the bucket of a minute, methods, pages, errors."""

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from drf_spectacular.validation import validate_schema

from apikeys.services import keys

SEND, BALANCE = "/api/v2/sms/send", "/api/v2/account/balance"
NO_KEY = {"error": "API key is required", "help": "Provide X-API-Key header or api_key parameter"}
COUNTED = ["/v1/sms/send", SEND, BALANCE, "/api/generate-key", "/api/revoke-key", "/api/regenerate-key"]
PAGES = ["/api/v2", "/api/oauth2-callback", "/api/oauth2-redirect.js", "/api/v2/openapi.json"]


@pytest.fixture
def key(customer) -> str:
    return keys.issue_key(customer=customer, name="Any", actor="test")[1]


def headers_of(answer) -> tuple:
    names = ("x-ratelimit-limit", "cache-control", "access-control-allow-origin")
    return tuple(answer.headers.get(name) for name in names)


@pytest.mark.django_db
def test_without_a_key_the_printed_bytes(api):
    for path, left in ((SEND, "59"), (BALANCE, "58")):  # as the reference prints them
        answer = api.get(path)
        assert (answer.status_code, answer.json()) == (401, NO_KEY)
        assert headers_of(answer) == ("60", "no-cache, private", "*")
        assert (answer["x-ratelimit-remaining"], answer["content-type"]) == (left, "application/json")


@pytest.mark.django_db
def test_bad_and_expired_keys_are_told_apart(api, customer):
    with time_machine.travel("2020-01-01T00:00:00Z"):
        _, expired = keys.issue_key(customer=customer, name="Old", actor="test", expires_at=_in_2020())
    assert api.get(BALANCE, headers={"X-API-Key": expired}).json() == {"error": "API key expired"}
    for wrong in ("nonsense", "sgk_" + "a" * 49):
        answer = api.get(BALANCE, headers={"X-API-Key": wrong})
        assert (answer.status_code, answer.json()) == (401, {"error": "Invalid API key"})


def _in_2020():
    from datetime import UTC, datetime

    return datetime(2020, 1, 2, tzinfo=UTC)


@pytest.mark.django_db
def test_one_bucket_for_all_calls_of_an_address(api):
    with time_machine.travel("2026-04-17T09:10:00Z", tick=False):
        for number in range(60):
            assert api.post(COUNTED[number % 6], {}, "application/json").status_code in {401, 405}
        answer = api.get(BALANCE)
        assert (answer.status_code, answer.json()) == (429, {"error": "Too Many Attempts."})
        assert (answer["Retry-After"], answer["x-ratelimit-remaining"]) == ("60", "0")
        assert answer["x-ratelimit-reset"] == "1776417060"
        assert headers_of(answer) == ("60", "no-cache, private", "*")
    with time_machine.travel("2026-04-17T09:11:00Z", tick=False):
        assert api.get(BALANCE)["x-ratelimit-remaining"] == "59"


@pytest.mark.django_db
def test_a_right_key_has_a_bucket_of_its_own_and_pages_none(api, key):
    with time_machine.travel("2026-04-17T09:10:00Z", tick=False):
        for _ in range(61):
            api.get(BALANCE)
        assert api.get(BALANCE, headers={"X-API-Key": key})["x-ratelimit-remaining"] == "59"
        for path in PAGES:
            page = api.get(path)
            assert (page.status_code, "x-ratelimit-limit" in page) == (200, False)
        for _ in range(59):
            api.get(BALANCE, headers={"X-API-Key": key})
        assert api.get(BALANCE, headers={"X-API-Key": key}).status_code == 429


@pytest.mark.django_db
@pytest.mark.parametrize("path", COUNTED)
def test_malformed_json_is_400_in_this_shape(api, path):
    answer = api.post(path, "{", "application/json")
    assert (answer.status_code, list(answer.json())) == (405 if path == BALANCE else 400, ["error"])
    assert headers_of(answer) == ("60", "no-cache, private", "*")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/v2/nothing", "/api/v2/sms", "/v1/sms/", "/v1/sms/send/x", "/api/v2/sms/send/1"])
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_unknown_path_is_404_in_this_shape(api, path, method):
    answer = getattr(api, method)(path)
    assert (answer.status_code, answer.json()) == (404, {"error": "Not found."})
    assert headers_of(answer) == ("60", "no-cache, private", "*")


@pytest.mark.django_db
@pytest.mark.parametrize("path", [*COUNTED, *PAGES])
def test_another_method_is_405_in_this_shape(api, path):
    answer = api.put(path)
    assert (answer.status_code, answer.json()) == (405, {"error": "Method not allowed."})
    assert answer["Allow"]
    assert headers_of(answer)[1:] == ("no-cache, private", "*")


@pytest.mark.django_db
def test_head_never_sends(api, key):
    assert api.head(SEND, headers={"X-API-Key": key}).status_code == 405
    assert api.head(BALANCE, headers={"X-API-Key": key}).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", COUNTED)
def test_a_preflight_needs_no_key_and_is_not_counted(api, path):
    answer = api.options(path, headers={"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["access-control-allow-origin"] == "*"
    assert "X-API-Key" in answer["access-control-allow-headers"]
    assert ("GET" if path == BALANCE else "POST") in answer["access-control-allow-methods"]
    assert api.get(BALANCE)["x-ratelimit-remaining"] == "59"


@pytest.mark.django_db
def test_a_slash_at_the_end_changes_nothing(api):
    assert api.get(f"{SEND}/").json() == NO_KEY
    assert api.get("/api/v2/").status_code == 200


def test_the_document_is_valid_and_names_every_call(api):
    document = api.get("/api/v2/openapi.json").json()
    validate_schema(document)
    assert set(document["paths"]) == set(COUNTED)


def test_the_page_shows_the_document_and_json_is_for_who_asks_for_it(api):
    page = api.get("/api/v2", headers={"Accept": "text/html"})
    assert "swagger-ui-bundle.js" in page.text
    assert "/api/v2/openapi.json" in page.text
    printed = api.get("/api/v2", headers={"Accept": "application/json"})
    assert printed.json()["openapi"].startswith("3.")


def test_the_callback_is_the_printed_page_and_its_script_exists(api):
    page = api.get("/api/oauth2-callback")
    assert page["content-type"] == "text/html; charset=UTF-8"
    assert '<script src="oauth2-redirect.js"></script>' in page.text
    script = api.get("/api/oauth2-redirect.js")
    assert script["content-type"].startswith("text/javascript")
    assert "swaggerUIRedirectOauth2" in script.text


@pytest.mark.django_db
def test_a_file_that_is_too_large_is_refused_before_anybody_is_asked_who_they_are(api, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
    fields = {"username": "user123", "a_file": SimpleUploadedFile("a.bin", b"x" * 20_000)}
    answer = api.post("/v1/sms/send", fields)
    assert (answer.status_code, answer.json()) == (413, {"error": "The request body is too large."})
