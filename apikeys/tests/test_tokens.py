"""Dashboard tokens: login, its throttles, and what tells nothing."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from knox.models import AuthToken

from apikeys.models import ThrottleWindow, User
from apikeys.tests.factories import PASSWORD, make_key, make_user
from apikeys.tests.hashers import CountingHasher

pytestmark = pytest.mark.django_db
LOGIN = "/api/developer/auth/token"
REVOKE = "/api/developer/auth/revoke"
KEYS = "/api/developer/api-keys"


@pytest.fixture
def user(customer) -> User:
    return make_user(customer)


@pytest.fixture
def log_in(api):
    def post(email="ann@example.com", password=PASSWORD, **options):
        return api.post(LOGIN, {"email": email, "password": password}, "application/json", **options)

    return post


@pytest.mark.parametrize("email", ["ann@example.com", "Ann@EXAMPLE.com"])
def test_email_and_password_give_a_token_that_ends(log_in, api, user, email):
    with time_machine.travel("2026-04-17T09:10:00.5Z", tick=False):
        answer = log_in(email)
        data = answer.json()["data"]
        assert (answer.status_code, list(data)) == (200, ["token", "expires_at"])
        assert data["expires_at"] == "2026-04-17T19:10:00Z"
        assert api.get(KEYS, headers={"Authorization": f"Bearer {data['token']}"}).status_code == 200
    with time_machine.travel("2026-04-17T19:10:01Z", tick=False):
        assert api.get(KEYS, headers={"Authorization": f"Bearer {data['token']}"}).status_code == 401


def test_a_form_works_as_well(api, user):
    assert (
        api.post(LOGIN, f"email=ann@example.com&password={PASSWORD}", "application/x-www-form-urlencoded").status_code
        == 200
    )


@pytest.mark.parametrize(("email", "password"), [("ann@example.com", "wrong"), ("nobody@example.com", PASSWORD)])
def test_a_wrong_login_tells_nothing(log_in, user, email, password):
    answer = log_in(email, password)
    assert answer.status_code == 401
    assert answer.json() == {"message": "Wrong e-mail address or password.", "error": "invalid_login"}


def test_an_inactive_user_and_one_without_a_password_are_refused(log_in, user):
    user.set_unusable_password()
    user.save()
    assert log_in().status_code == 401
    user.set_password(PASSWORD)
    user.is_active = False
    user.save()
    assert log_in().status_code == 401


@pytest.mark.parametrize(
    "body", [{}, {"email": "a@example.com"}, {"email": 1, "password": "x"}, {"email": ["a"], "password": "x"},
             {"email": "a" * 255, "password": "x"}, {"email": "a@b.c", "password": "x" * 1_001},
             {"email": None, "password": True}],
)  # fmt: skip
def test_a_login_that_is_none_is_422(api, body):
    answer = api.post(LOGIN, body, "application/json")
    assert (answer.status_code, answer.json()["error"]) == (422, "validation_failed")


def test_an_unknown_email_costs_as_much_hashing_as_a_known_one(log_in, user, settings):
    settings.PASSWORD_HASHERS = ["apikeys.tests.hashers.CountingHasher"]
    user.set_password(PASSWORD)
    user.save()
    spent = []
    for email in ("ann@example.com", "nobody@example.com"):
        before = CountingHasher.hashed
        log_in(email, "wrong")
        spent.append(CountingHasher.hashed - before)
    assert spent == [1, 1]


def test_30_wrong_logins_a_minute_from_an_address_are_answered_then_429_but_the_right_one_gets_in(log_in, user):
    with time_machine.travel("2026-04-17T09:10:00Z", tick=False):
        statuses = [log_in(f"nobody-{n}@example.com", "x").status_code for n in range(31)]
        assert (set(statuses[:30]), statuses[30]) == ({401}, 429)
        assert log_in("nobody@example.com", "x", REMOTE_ADDR="192.0.2.9").status_code == 401
        assert log_in().status_code == 200


def test_wrong_logins_for_one_email_are_counted_over_all_addresses(log_in, user):
    with time_machine.travel("2026-04-17T09:10:00Z", tick=False):
        answers = [log_in("ANN@example.com", "x", REMOTE_ADDR=f"192.0.2.{n}") for n in range(31)]
        assert [answer.status_code for answer in answers] == [401] * 30 + [429]
        assert answers[30]["Retry-After"] == "60"
        assert log_in(REMOTE_ADDR="192.0.2.200").status_code == 200


def test_emails_are_not_kept_in_the_counters(log_in):
    log_in("nobody@example.com", "x")
    assert ThrottleWindow.objects.count() == 2
    assert not ThrottleWindow.objects.filter(bucket__contains="nobody").exists()


def test_a_revoked_token_opens_nothing_and_others_stay(api, user, log_in):
    first, second = (log_in().json()["data"]["token"] for _ in range(2))
    headers = {"Authorization": f"Bearer {first}"}
    answer = api.post(REVOKE, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"message": "Token revoked successfully"})
    assert api.post(REVOKE, headers=headers).status_code == 401
    assert api.get(KEYS, headers={"Authorization": f"Bearer {second}"}).status_code == 200


def test_without_a_token_the_answer_says_so(api):
    answer = api.get(KEYS)
    assert answer.status_code == 401
    assert answer.json() == {"message": "A dashboard token is required.", "error": "token_required"}
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("bad", ["x", "f" * 64, "é" * 64, "f" * 64 + " f"])
def test_a_wrong_token_is_401(api, bad):
    answer = api.get(KEYS, headers={"Authorization": f"Bearer {bad}"})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


def test_an_api_key_is_no_dashboard_token(api, customer):
    _, plain = make_key(customer)
    assert api.get(KEYS, headers={"X-API-Key": plain}).status_code == 401
    assert api.get(KEYS, headers={"Authorization": f"Bearer {plain}"}).status_code == 401


def test_the_token_of_a_user_who_was_switched_off_is_refused(api, user, log_in):
    token = log_in().json()["data"]["token"]
    User.objects.update(is_active=False)
    assert api.get(KEYS, headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_token_without_an_end_is_never_made(log_in, user):
    log_in()
    assert AuthToken.objects.get().expiry - timezone.now() < timedelta(hours=24)


def test_password_and_token_are_in_no_log(log_in, user, caplog):
    caplog.set_level("DEBUG")
    token = log_in().json()["data"]["token"]
    log_in(password="another-secret")
    assert "logged in" in caplog.text
    for secret in (token, PASSWORD, "another-secret"):
        assert secret not in caplog.text
