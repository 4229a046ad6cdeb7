"""Generating, replacing and revoking a key, and who may."""

import base64

import pytest

from apikeys.models import ApiKey, Membership, User
from apikeys.services import keys, tokens

pytestmark = pytest.mark.django_db
GENERATE, REGENERATE, REVOKE = "/api/generate-key", "/api/regenerate-key", "/api/revoke-key"
FORM = "application/x-www-form-urlencoded"
BALANCE = "/api/v2/account/balance"


def generated(post, login, **body):
    return post(GENERATE, login | body).json()["api_key"]


def test_a_generated_key_is_shown_once_and_works(post, api, login):
    answer = post(GENERATE, login | {"expiry_days": 3})
    assert (answer.status_code, list(answer.json())) == (201, ["message", "api_key", "expires_at"])
    assert answer.json()["expires_at"].endswith("Z")
    found = api.get(BALANCE, headers={"X-API-Key": answer.json()["api_key"]})
    assert (found.status_code, found.json()) == (200, {"balance": 0, "currency": "USD"})
    assert api.get(f"{BALANCE}?api_key={answer.json()['api_key']}").status_code == 200


@pytest.mark.parametrize("days", [0, 366, -1, "x", 1.5, True, [3]])
@pytest.mark.parametrize("path", [GENERATE, REGENERATE])
def test_days_outside_are_422(post, login, path, days):
    answer = post(path, login | {"expiry_days": days})
    assert (answer.status_code, list(answer.json())) == (422, ["error"])
    assert "expiry_days" in answer.json()["error"]


@pytest.mark.parametrize("days", [1, 365, "9", None])
def test_days_may_be_left_out_or_come_as_text(post, login, days):
    assert post(GENERATE, login | {"expiry_days": days}).status_code == 201


def test_a_second_key_is_409_until_the_first_is_revoked(post, login):
    generated(post, login)
    refused = post(GENERATE, login)
    assert (refused.status_code, list(refused.json())) == (409, ["error"])
    assert post(REVOKE, login).json() == {"message": "API key revoked successfully."}
    assert post(GENERATE, login).status_code == 201


def test_a_key_replaces_itself_and_is_bad_afterwards(post, api, login):
    old = generated(post, login)
    answer = post(REGENERATE, {"expiry_days": 9}, **{"X-API-Key": old})
    assert answer.status_code == 201
    refused = api.get(BALANCE, headers={"X-API-Key": old})
    assert (refused.status_code, refused.json()) == (401, {"error": "Invalid API key"})
    assert post(REVOKE, {"api_key": answer.json()["api_key"]}).status_code == 200


def test_an_ordinary_key_replaces_nothing(post, customer, login):
    generated(post, login)
    _, ordinary = keys.issue_key(customer=customer, name="Ordinary", actor="test")
    for path in (REGENERATE, REVOKE):
        assert post(path, **{"X-API-Key": ordinary}).status_code == 403
    assert post(GENERATE, **{"X-API-Key": ordinary}).json() == {"error": "Unauthorized."}


def test_there_is_nothing_to_replace_or_revoke(post, login):
    for path in (REGENERATE, REVOKE):
        answer = post(path, login)
        assert (answer.status_code, list(answer.json())) == (404, ["error"])


def test_username_and_password_come_as_basic_fields_or_form(api, login):
    basic = base64.b64encode(f"{login['username']}:{login['password']}".encode()).decode()
    assert api.post(GENERATE, "", FORM, headers={"Authorization": f"Basic {basic}"}).status_code == 201
    form = "&".join(f"{name}={value}" for name, value in login.items())
    assert api.post(f"{REGENERATE}?{form}", "", FORM).status_code == 201
    assert api.post(REGENERATE, form, FORM).status_code == 201
    assert api.post(REGENERATE, login).status_code == 201  # multipart, as PHP's curl sends an array


@pytest.mark.parametrize("sent", [{}, {"username": "user123"}, {"username": "user123", "password": "wrong"},
                                  {"username": 1, "password": ["x"]}])  # fmt: skip
def test_without_the_right_ones_it_is_401(post, login, sent):
    for path in (GENERATE, REGENERATE, REVOKE):
        answer = post(path, sent)
        assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized."})


@pytest.mark.parametrize("basic", ["", "x", "Og==", "dXNlcg==", "/w==", "Ü"])
def test_a_broken_basic_header_is_401(post, login, basic):
    assert post(GENERATE, Authorization=f"Basic {basic}").json() == {"error": "Unauthorized."}


@pytest.fixture
def token(customer) -> str:
    user = User.objects.create_user("ann@example.com", "correct horse battery")
    Membership.objects.create(user=user, customer=customer, role="owner")
    return tokens.log_in(email="ann@example.com", password="correct horse battery", address="10.0.0.1").token


def test_an_owners_dashboard_token_does_it_all(post, token):
    owner = {"Authorization": f"Bearer {token}"}
    assert [post(path, **owner).status_code for path in (GENERATE, REGENERATE, REVOKE)] == [201, 201, 200]
    assert ApiKey.objects.first().created_by == "user:ann@example.com"


def test_a_member_who_is_no_owner_is_403_and_an_unknown_token_401(post, token):
    Membership.objects.update(role="member")
    assert post(GENERATE, Authorization=f"Bearer {token}").status_code == 403
    unknown = post(GENERATE, Authorization=f"Bearer {'0' * 64}")
    assert (unknown.status_code, list(unknown.json())) == (401, ["error"])
