"""The base of every view for machines: credential, scope, suspension, limits, throttled guessing."""

import pytest
import time_machine

from apikeys.models import ApiKey
from apikeys.services import keys, secret
from apikeys.tests import views
from apikeys.tests.factories import make_key
from wallets.models import Customer

pytestmark = [pytest.mark.django_db, pytest.mark.urls("apikeys.tests.views")]
SHOP = "/api/developer/v1/shop"


@pytest.fixture(autouse=True)
def closed_shop():
    views.runs.clear()
    views.behaviour.clear()


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
def test_a_key_is_taken_from_either_header(api, customer, plain, header):
    value = plain if header == "X-API-Key" else f"Bearer {plain}"
    answer = api.get(SHOP, headers={header: value})
    assert (answer.status_code, answer.json()) == (200, {"customer": customer.pk})


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": ""}, {"Authorization": "Bearer"}, {"Authorization": "Basic x"}])
def test_without_a_key_the_answer_says_that_one_is_required(api, headers):
    answer = api.get(SHOP, headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {"message": "API key is required.", "error": "api_key_required"}
    assert answer["WWW-Authenticate"] == "Bearer"


def test_every_bad_key_gets_the_same_answer(api, customer, key, plain):
    keys.revoke_key(key=key, actor="test")
    elsewhere = make_key(customer, allowed_ips=["192.0.2.1"])[1]
    for bad in ("garbage", "sgk_ü", secret.new_key(), plain, elsewhere):
        answer = api.get(SHOP, headers={"X-API-Key": bad})
        assert answer.status_code == 401
        assert answer.json() == {"message": "Invalid API key.", "error": "invalid_api_key"}


def test_a_key_without_the_scope_is_refused(api, customer):
    _, plain = make_key(customer, scopes=["read"])
    headers = {"X-API-Key": plain}
    assert api.get(SHOP, headers=headers).status_code == 200
    answer = api.post(SHOP, {}, "application/json", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"] == "missing_scope"
    assert answer.json()["scope"] == "activations"
    assert views.runs == []


@pytest.mark.parametrize("method", ["post", "put"])
def test_a_suspended_customer_may_look_but_not_spend(api, plain, method):
    Customer.objects.update(status="suspended")
    headers = {"X-API-Key": plain}
    assert api.get(SHOP, headers=headers).status_code == 200
    answer = getattr(api, method)(SHOP, {}, "application/json", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (403, "account_suspended")
    assert views.runs == []


def test_an_unknown_method_is_405_with_a_key_and_401_without(api, plain):
    assert api.delete(SHOP, headers={"X-API-Key": plain}).status_code == 405
    assert api.delete(SHOP).status_code == 401


def test_the_log_gets_the_public_id_and_never_the_key(api, plain, caplog):
    caplog.set_level("INFO")
    answer = api.get(SHOP, headers={"X-API-Key": plain})
    assert answer.wsgi_request.credential_id == plain[:8]
    assert plain[8:] not in caplog.text


@pytest.mark.parametrize("limited", [ApiKey, Customer])
def test_a_rate_limit_of_a_key_or_customer_is_kept(api, plain, limited):
    limited.objects.update(rate_limit_per_minute=2)
    with time_machine.travel("2026-04-17T09:10:40Z", tick=False):
        answers = [api.get(SHOP, headers={"X-API-Key": plain}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2]["Retry-After"] == "20"
    assert answers[2].json()["error"] == "too_many_requests"


def test_a_customers_limit_is_over_all_keys(api, customer):
    Customer.objects.update(rate_limit_per_minute=1)
    with time_machine.travel("2026-04-17T09:10:40Z", tick=False):
        statuses = [api.get(SHOP, headers={"X-API-Key": make_key(customer)[1]}).status_code for _ in range(2)]
    assert statuses == [200, 429]


def test_30_wrong_keys_a_minute_are_answered_as_such_and_the_next_is_429(api):
    with time_machine.travel("2026-04-17T09:10:00Z", tick=False) as clock:
        answers = [api.get(SHOP, headers={"X-API-Key": secret.new_key()}) for _ in range(31)]
        assert {answer.status_code for answer in answers[:30]} == {401}
        assert (answers[30].status_code, answers[30]["Retry-After"]) == (429, "60")
        clock.shift(60)
        assert api.get(SHOP, headers={"X-API-Key": secret.new_key()}).status_code == 401


def test_a_right_key_is_never_locked_out_by_wrong_ones(api, plain):
    for _ in range(40):
        api.get(SHOP, headers={"X-API-Key": secret.new_key()})
    assert api.get(SHOP, headers={"X-API-Key": plain}).status_code == 200


def test_a_flood_of_garbage_becomes_429_and_costs_no_query_at_first_nor_in_the_end(api, django_assert_num_queries):
    def garbage():
        return api.get(SHOP, headers={"X-API-Key": "sgk_guess"}).status_code

    with time_machine.travel("2026-04-17T09:10:00Z", tick=False):
        with django_assert_num_queries(0):
            assert {garbage() for _ in range(10)} == {401}
        assert {garbage() for _ in range(30)} == {401}
        assert garbage() == 429
        with django_assert_num_queries(0):
            assert garbage() == 429


def test_no_key_at_all_is_never_counted(api):
    assert {api.get(SHOP).status_code for _ in range(50)} == {401}


def test_failures_are_counted_per_client_behind_a_believed_proxy(api, settings):
    settings.NUM_PROXIES = 1

    def wrong(forwarded):
        headers = {"X-API-Key": secret.new_key(), "X-Forwarded-For": forwarded}
        return api.get(SHOP, headers=headers).status_code

    with time_machine.travel("2026-04-17T09:10:00Z", tick=False):
        # What the client writes itself stands further left and is not believed.
        assert [wrong(f"198.51.100.{n}, 203.0.113.7") for n in range(31)][-1] == 429
        assert wrong("203.0.113.7, 203.0.113.8") == 401
