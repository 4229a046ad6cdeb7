"""Key management as the native reference prints it."""

import re

import pytest
from django.db import IntegrityError, transaction
from drf_spectacular.generators import SchemaGenerator
from knox.models import AuthToken

from apikeys.models import ApiKey, Membership
from apikeys.services import keys
from apikeys.tests.factories import make_customer, make_key, make_user
from config.encryption import decrypt
from wallets.models import Customer
from wallets.services import open_wallet

pytestmark = pytest.mark.django_db
KEYS = "/api/developer/api-keys"


@pytest.fixture
def user(customer):
    return make_user(customer)


@pytest.fixture
def bearer(user):
    return {"Authorization": f"Bearer {AuthToken.objects.create(user=user)[1]}"}


@pytest.fixture
def create(api, bearer):
    def post(body):
        return api.post(KEYS, body, "application/json", headers=bearer)

    return post


def test_a_key_is_created_by_name_alone_and_works(create, customer):
    answer = create({"name": "Production key"})
    data = answer.json()["data"]
    assert answer.status_code == 201
    assert list(data)[:5] == ["id", "name", "plain_key", "key_prefix", "revoked_at"]
    assert (data["name"], data["revoked_at"], data["mode"], data["currency"]) == ("Production key", None, "live", "USD")
    assert data["key_prefix"] == data["plain_key"][:8]
    assert keys.authenticate(data["plain_key"], "192.0.2.1").customer_id == customer.pk
    assert ApiKey.objects.get().created_by == "user:ann@example.com"


def test_a_key_is_created_with_every_term(create, customer):
    open_wallet(customer=customer, currency="NGN")
    terms = {
        "name": "Staging", "currency": "NGN", "mode": "test", "scopes": ["messages", "read"],
        "expires_at": "2099-04-17T11:10:00+02:00", "allowed_ips": ["203.0.113.7"], "rate_limit_per_minute": 60,
    }  # fmt: skip
    data = create(terms).json()["data"]
    shown = {name: data[name] for name in terms}
    assert shown == terms | {
        "scopes": ["read", "messages"], "expires_at": "2099-04-17T09:10:00Z", "allowed_ips": ["203.0.113.7/32"],
    }  # fmt: skip


def test_keys_are_listed_newest_first_without_secrets(api, bearer, customer):
    first, plain = make_key(customer, name="First")
    second, _ = make_key(customer, name="Second")
    keys.authenticate(plain, "192.0.2.1")
    keys.revoke_key(key=second, actor="test")
    answer = api.get(KEYS, headers=bearer)
    data = answer.json()["data"]
    assert [row["id"] for row in data] == [second.pk, first.pk]
    assert list(data[0])[:5] == ["id", "name", "key_prefix", "last_used_at", "revoked_at"]
    whole_seconds = re.compile(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")
    assert whole_seconds.match(data[0]["revoked_at"])
    assert whole_seconds.match(data[1]["last_used_at"])
    assert data[1]["revoked_at"] is None
    assert plain not in answer.text
    assert first.digest not in answer.text


def test_the_list_comes_in_pages(api, bearer, customer):
    made = [make_key(customer)[0].pk for _ in range(3)]
    first = api.get(KEYS, {"limit": 2}, headers=bearer).json()
    rest = api.get(KEYS, {"limit": 2, "cursor": first["meta"]["next_cursor"]}, headers=bearer).json()
    assert [row["id"] for row in first["data"] + rest["data"]] == made[::-1]
    assert api.get(KEYS, {"limit": 0}, headers=bearer).status_code == 422


def test_deleting_revokes_at_once_and_twice_is_fine(api, bearer, customer):
    key, plain = make_key(customer)
    for _ in range(2):
        answer = api.delete(f"{KEYS}/{key.pk}", headers=bearer)
        assert (answer.status_code, answer.json()) == (200, {"message": "API key revoked successfully"})
    with pytest.raises(keys.InvalidApiKey):
        keys.authenticate(plain, "192.0.2.1")
    assert len(api.get(KEYS, headers=bearer).json()["data"]) == 1


@pytest.mark.parametrize("missing", ["strangers", "0", "999999999999999999", "9" * 40])
def test_a_strangers_key_and_one_that_is_not_there_are_404(api, bearer, missing):
    strange, _ = make_key(make_customer("Other"))
    answer = api.delete(f"{KEYS}/{strange.pk if missing == 'strangers' else missing}", headers=bearer)
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert ApiKey.objects.get().revoked_at is None


def test_a_mere_member_manages_no_keys(api, bearer, create, customer):
    key, _ = make_key(customer)
    Membership.objects.update(role="member")
    assert api.get(KEYS, headers=bearer).json()["data"] == []
    assert api.delete(f"{KEYS}/{key.pk}", headers=bearer).status_code == 404
    answer = create({"name": "Mine"})
    assert (answer.status_code, answer.json()["error"]) == (403, "not_an_owner")


def test_an_owner_of_several_customers_can_name_one_but_no_strangers(create, user):
    second, strange = make_customer("Second"), make_customer("Other")
    Membership.objects.create(user=user, customer=second, role="owner")
    assert create({"name": "A key", "customer_id": second.pk}).json()["data"]["customer_id"] == second.pk
    assert create({"name": "A key", "customer_id": strange.pk}).status_code == 403
    assert create({"name": "A key"}).json()["data"]["customer_id"] == user.memberships.first().customer_id


def test_the_keys_of_a_closed_customer_are_out_of_reach(api, bearer, create, customer):
    make_key(customer)
    Customer.objects.update(status="closed")
    assert api.get(KEYS, headers=bearer).json()["data"] == []
    assert create({"name": "A key"}).status_code == 403


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None), ("name", ""), ("name", "  "), ("name", "x" * 101), ("name", 5), ("name", ["a"]),
        ("name", {"a": 1}), ("name", True),
        ("currency", "EUR"), ("currency", "usd"), ("currency", "DOLLAR"), ("currency", 840),
        ("mode", "free"), ("mode", 1), ("mode", None), ("mode", ["live"]), ("mode", {}),
        ("scopes", ["all"]), ("scopes", []), ("scopes", "read"), ("scopes", [["read"]]), ("scopes", [{}]),
        ("scopes", {"read": 1}), ("scopes", ["read"] * 21),
        ("expires_at", "2020-01-01T00:00:00Z"), ("expires_at", "tomorrow"), ("expires_at", 1), ("expires_at", True),
        ("expires_at", "2099-02-30T00:00:00Z"), ("expires_at", "9999-12-31T23:59:59-14:00"),
        ("expires_at", "٢٠٩٩-01-01T00:00:00Z"), ("expires_at", "2099-01-01"),
        ("allowed_ips", ["10.0.0.0/40"]), ("allowed_ips", "10.0.0.0/8"), ("allowed_ips", [1]),
        ("allowed_ips", ["fe80::1%eth0"]), ("allowed_ips", ["10.0.0.1"] * 101),
        ("rate_limit_per_minute", 0), ("rate_limit_per_minute", -1), ("rate_limit_per_minute", 10**30),
        ("rate_limit_per_minute", "٣"), ("rate_limit_per_minute", 1.5), ("rate_limit_per_minute", True),
        ("customer_id", "x"), ("customer_id", 0), ("customer_id", None), ("customer_id", 10**19),
    ],
)  # fmt: skip
def test_terms_that_make_no_sense_are_422_and_name_their_field(create, field, value):
    answer = create({"name": "A key", field: value})
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"] == "validation_failed"
    assert next(iter(answer.json()["errors"])).split(".")[0] == field
    assert not ApiKey.objects.exists()


def test_a_form_can_carry_lists(api, bearer):
    form = "name=From+a+form&scopes=read&scopes=orders"
    answer = api.post(KEYS, form, "application/x-www-form-urlencoded", headers=bearer)
    assert answer.status_code == 201, answer.text
    assert answer.json()["data"]["scopes"] == ["read", "orders"]


@pytest.mark.parametrize("body", ["{", "[]", '"x"', '{"name": "\\u0000"}', '{"name": 1e999}', '{"a":1,"a":2}'])
def test_a_body_that_cannot_be_read_is_400(api, bearer, body):
    answer = api.post(KEYS, body, "application/json", headers=bearer)
    assert (answer.status_code, answer.json()["error"]) == (400, "malformed")


def test_the_log_names_the_user_and_not_the_token(api, bearer, user, caplog):
    caplog.set_level("DEBUG")
    answer = api.post(KEYS, {"name": "A key"}, "application/json", headers=bearer)
    assert answer.wsgi_request.credential_id == f"user:{user.pk}"
    assert "API key issued" in caplog.text
    assert answer.json()["data"]["plain_key"] not in caplog.text
    assert bearer["Authorization"][7:] not in caplog.text


def test_the_openapi_document_knows_the_doors():
    schema = SchemaGenerator().get_schema(request=None, public=True)
    paths = {path.rstrip("/"): methods for path, methods in schema["paths"].items()}
    assert {"post", "get"} <= set(paths[KEYS])
    assert paths[KEYS]["post"]["security"] == [{"DashboardToken": []}]
    assert schema["components"]["securitySchemes"]["DashboardToken"]["scheme"] == "bearer"


# --- Spend caps ------------------------------------------------------------------------------------------


def test_a_key_is_created_with_caps_and_lists_them(create, api, bearer):
    made = create({"name": "Capped", "daily_spend_cap": 5, "monthly_spend_cap": "99.5"}).json()["data"]
    uncapped = create({"name": "Free"}).json()["data"]
    assert (made["daily_spend_cap"], made["monthly_spend_cap"]) == (5, 99.5)
    assert (uncapped["daily_spend_cap"], uncapped["monthly_spend_cap"]) == (None, None)
    listed = {row["id"]: row["daily_spend_cap"] for row in api.get(KEYS, headers=bearer).json()["data"]}
    assert listed == {made["id"]: 5, uncapped["id"]: None}


def test_caps_are_changed_one_by_one_and_taken_away(create, api, bearer):
    key_id = create({"name": "Capped", "daily_spend_cap": 5, "monthly_spend_cap": 50}).json()["data"]["id"]

    def patch(**body):
        data = api.patch(f"{KEYS}/{key_id}", body, "application/json", headers=bearer).json()["data"]
        return data["daily_spend_cap"], data["monthly_spend_cap"]

    assert patch(daily_spend_cap=7) == (7, 50)
    assert patch(monthly_spend_cap=None) == (7, None)
    assert patch() == (7, None)
    assert patch(daily_spend_cap=None) == (None, None)


@pytest.mark.parametrize("cap", [0, -1, "x", "1e3", True, [5], 10**13])
def test_a_cap_that_is_no_amount_is_named(create, api, bearer, cap):
    answer = create({"name": "Capped", "daily_spend_cap": cap})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["daily_spend_cap"])
    key_id = create({"name": "Free"}).json()["data"]["id"]
    answer = api.patch(f"{KEYS}/{key_id}", {"monthly_spend_cap": cap}, "application/json", headers=bearer)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["monthly_spend_cap"])


def test_somebody_elses_key_is_not_capped(api, bearer):
    key, _ = make_key(make_customer("Other"))
    answer = api.patch(f"{KEYS}/{key.pk}", {"daily_spend_cap": 5}, "application/json", headers=bearer)
    assert answer.status_code == 404


# --- The copy that signs -----------------------------------------------------------------------------------


def copy_of(key_id):
    return ApiKey.objects.get(pk=key_id).signing_copy


@pytest.fixture
def made(create):
    return create({"name": "Gig"}).json()["data"]


def put_copy(api, bearer, key_id, body):
    return api.put(f"{KEYS}/{key_id}/signing-copy", body, "application/json", headers=bearer)


def test_a_key_keeps_no_copy_of_itself_unless_it_is_asked_to(create):
    plain, signing = (create({"name": "x", **more}).json()["data"] for more in ({}, {"signs_webhooks": True}))
    assert (plain["signs_webhooks"], copy_of(plain["id"])) == (False, "")
    assert (signing["signs_webhooks"], decrypt(copy_of(signing["id"]))) == (True, signing["plain_key"])
    assert signing["plain_key"] not in copy_of(signing["id"])


def test_the_owner_sends_the_key_to_be_kept_and_takes_it_away(api, bearer, made):
    kept = put_copy(api, bearer, made["id"], {"key": made["plain_key"]})
    assert (kept.status_code, kept.json()["data"]["signs_webhooks"]) == (200, True)
    assert made["plain_key"] not in kept.text + api.get(KEYS, headers=bearer).text
    assert decrypt(copy_of(made["id"])) == made["plain_key"]
    for _ in range(2):
        dropped = api.delete(f"{KEYS}/{made['id']}/signing-copy", headers=bearer)
        assert (dropped.status_code, dropped.json()["data"]["signs_webhooks"]) == (200, False)
    assert copy_of(made["id"]) == ""


@pytest.mark.parametrize("wrong", ["another", "x", "", "sgk_" + "a" * 49, 7, None])
def test_what_is_not_the_key_is_not_kept(api, bearer, made, create, wrong):
    sent = create({"name": "Other"}).json()["data"]["plain_key"] if wrong == "another" else wrong
    refused = put_copy(api, bearer, made["id"], {"key": sent})
    assert (refused.status_code, list(refused.json()["errors"])) == (422, ["key"])
    assert copy_of(made["id"]) == ""


def test_a_revoked_key_keeps_no_copy(api, bearer, create):
    key = create({"name": "x", "signs_webhooks": True}).json()["data"]
    api.delete(f"{KEYS}/{key['id']}", headers=bearer)
    assert copy_of(key["id"]) == ""
    assert put_copy(api, bearer, key["id"], {"key": key["plain_key"]}).status_code == 422
    with pytest.raises(IntegrityError), transaction.atomic():
        ApiKey.objects.filter(pk=key["id"]).update(signing_copy="kept")


def test_somebody_elses_key_is_not_kept(api, bearer):
    key, plain = make_key(make_customer("Other"))
    assert put_copy(api, bearer, key.pk, {"key": plain}).status_code == 404
