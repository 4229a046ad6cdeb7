"""Staff's pages: a key is shown once, its digest never; revoking asks first."""

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from knox.models import AuthToken

from apikeys.models import ApiKey, Membership, User
from apikeys.services import keys
from apikeys.services.clients import issue_client
from apikeys.services.passwords import issue_password
from apikeys.tests.factories import PASSWORD, make_customer, make_key, make_user
from config.encryption import decrypt
from wallets.models import SpendCap
from wallets.services import open_wallet

pytestmark = pytest.mark.django_db
ADD = reverse("admin:apikeys_apikey_add")
LIST = reverse("admin:apikeys_apikey_changelist")
SUBMITTED = {"_form_submitted": "on"}


@pytest.fixture
def staff(client) -> Client:
    client.force_login(User.objects.create_superuser("boss@example.com", PASSWORD))
    return client


def change_page(key):
    return reverse("admin:apikeys_apikey_change", args=[key.pk])


def revoke_page(key):
    return reverse("admin:apikeys_apikey_revoke", args=[key.pk])


def form_of(customer, **values):
    return {
        "customer": customer.pk, "wallet": "", "name": "From the desk", "mode": "live", "scopes": ["read"],
        "expires_at_0": "", "expires_at_1": "", "allowed_ips": "10.0.0.0/8, 203.0.113.7", "rate_limit_per_minute": "",
    } | values  # fmt: skip


def test_a_key_made_by_staff_is_shown_exactly_once_and_works(staff, customer):
    page = staff.post(ADD, form_of(customer), follow=True)
    (plain,) = re.findall(r"sgk_[0-9A-Za-z]{49}", page.text)
    assert keys.authenticate(plain, "10.1.2.3").customer_id == customer.pk
    key = ApiKey.objects.get()
    assert (key.scopes, key.created_by) == (["read"], "staff:boss@example.com")
    assert key.allowed_ips == ["10.0.0.0/8", "203.0.113.7/32"]
    for url in (LIST, change_page(key), ADD):
        assert plain not in staff.get(url).text
    assert plain not in str(list(LogEntry.objects.values()))


@pytest.mark.parametrize(
    "wrong", [{"allowed_ips": "nonsense"}, {"scopes": []}, {"name": ""}, {"rate_limit_per_minute": "0"},
              {"expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}],
)  # fmt: skip
def test_a_form_that_breaks_a_rule_comes_back_and_makes_nothing(staff, customer, wrong):
    assert staff.post(ADD, form_of(customer, **wrong)).status_code == 200
    assert not ApiKey.objects.exists()


def test_a_wallet_of_somebody_else_is_refused(staff, customer):
    other = make_customer("Other").wallets.get()
    page = staff.post(ADD, form_of(customer, wallet=other.pk))
    assert "not the customer" in page.text
    assert not ApiKey.objects.exists()


def test_no_page_shows_the_digest(staff, key):
    for url in (LIST, change_page(key)):
        page = staff.get(url)
        assert page.status_code == 200
        assert key.key_prefix in page.text
        assert key.digest not in page.text


def test_only_the_terms_of_a_key_can_be_edited(staff, key, plain):
    other = make_customer("Other")
    sent = form_of(other, name="Renamed", mode="test", wallet=other.wallets.get().pk, rate_limit_per_minute="7")
    assert staff.post(change_page(key), sent).status_code == 302
    found = ApiKey.objects.get(pk=key.pk)
    assert (found.name, found.scopes, found.rate_limit_per_minute) == ("Renamed", ["read"], 7)
    assert (found.customer_id, found.wallet_id, found.mode, found.digest) == (
        key.customer_id, key.wallet_id, "live", key.digest,
    )  # fmt: skip


def test_revoking_asks_first_and_then_leaves_a_reason(staff, key, plain):
    assert "cannot be undone" in staff.get(revoke_page(key)).text
    assert staff.post(revoke_page(key), {"_form_submitted": "on", "reason": ""}).status_code == 200
    assert ApiKey.objects.get().revoked_at is None
    staff.post(revoke_page(key), {"_form_submitted": "on", "reason": "leaked"})
    assert ApiKey.objects.get().revoked_at is not None
    assert "leaked" in LogEntry.objects.get().change_message


def test_a_dialog_posted_by_htmx_is_told_where_to_go(staff, key):
    answer = staff.post(revoke_page(key), {"_form_submitted": "on", "reason": "x"}, headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == change_page(key)


def test_staff_without_the_permission_cannot_revoke_or_issue(client, key):
    client.force_login(User.objects.create_user("clerk@example.com", PASSWORD, is_staff=True))
    assert client.post(revoke_page(key), {"_form_submitted": "on", "reason": "x"}).status_code == 403
    assert client.post(ADD, form_of(key.customer)).status_code == 403
    assert ApiKey.objects.get().revoked_at is None


def test_keys_are_never_deleted(staff, key):
    assert staff.post(reverse("admin:apikeys_apikey_delete", args=[key.pk]), {"post": "yes"}).status_code == 403


def user_form(**values):
    counts = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    return counts | {"password1": PASSWORD, "password2": PASSWORD} | values


def test_a_user_is_added_by_email_and_joins_a_customer(staff, customer):
    joins = {
        "memberships-TOTAL_FORMS": "1", "memberships-0-customer": customer.pk, "memberships-0-role": "owner",
    }  # fmt: skip
    answer = staff.post(reverse("admin:apikeys_user_add"), user_form(email="new@example.com", **joins))
    assert answer.status_code == 302
    user = User.objects.get(email="new@example.com")
    assert user.check_password(PASSWORD)
    assert Membership.objects.get().customer == customer
    assert staff.get(reverse("admin:apikeys_user_change", args=[user.pk])).status_code == 200


def test_an_email_is_taken_whatever_its_case(staff):
    make_user(email="ann@example.com")
    page = staff.post(reverse("admin:apikeys_user_add"), user_form(email="ANN@example.com"))
    assert "already exists" in page.text
    assert User.objects.filter(email__iexact="ann@example.com").count() == 1


def test_who_may_edit_users_cannot_become_or_touch_a_superuser(client):
    clerk = User.objects.create_user("clerk@example.com", PASSWORD, is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["change_user", "view_user"]))
    boss = User.objects.create_superuser("boss@example.com", PASSWORD)
    client.force_login(clerk)
    own = reverse("admin:apikeys_user_change", args=[clerk.pk])
    wished = {"email": "clerk@example.com", "first_name": "Cleo", "is_active": "on", "is_superuser": "on"}
    assert client.post(own, user_form(**wished)).status_code == 302
    assert User.objects.values_list("first_name", "is_superuser").get(pk=clerk.pk) == ("Cleo", False)
    taken_over = {"password1": "another horse staple", "password2": "another horse staple"}
    assert client.post(reverse("admin:auth_user_password_change", args=[boss.pk]), taken_over).status_code == 403
    assert User.objects.get(pk=boss.pk).check_password(PASSWORD)


@pytest.mark.parametrize("name", ["user", "group", "apikey"])
def test_the_lists_open(staff, customer, name):
    make_key(customer)
    app = "auth" if name == "group" else "apikeys"
    assert staff.get(reverse(f"admin:{app}_{name}_changelist")).status_code == 200


def test_dashboard_tokens_have_no_page():
    assert not admin.site.is_registered(AuthToken)


def test_staff_cap_a_key_and_see_what_it_spent(staff, customer):
    key, _ = make_key(customer)
    url = reverse("admin:apikeys_apikey_set_spend_caps", args=[key.pk])
    assert staff.get(url).status_code == 200
    assert SpendCap.objects.count() == 0
    staff.post(url, SUBMITTED | {"daily": "5", "monthly": "", "reason": "Asked for by phone"})
    assert "0 of 5 USD today" in staff.get(change_page(key)).text
    assert "Asked for by phone" in LogEntry.objects.latest("pk").change_message
    staff.post(url, SUBMITTED | {"daily": "-5", "monthly": "", "reason": "x"})
    assert SpendCap.objects.get(credential=key.public_id).daily == 5
    staff.post(url, SUBMITTED | {"daily": "", "monthly": "", "reason": "x"})
    assert SpendCap.objects.count() == 0


@pytest.mark.parametrize("page", ["clientcredential", "apipassword"])
def test_the_other_credentials_have_the_same_dialog(staff, customer, page):
    open_wallet(customer=customer, currency="GHS")
    if page == "clientcredential":
        issue_client(customer=customer, name="Client", actor="test")
    else:
        issue_password(customer=customer, username="acme", actor="test")
    row = apps.get_model("apikeys", page).objects.get()
    staff.post(
        reverse(f"admin:apikeys_{page}_set_spend_caps", args=[row.pk]), SUBMITTED | {"daily": "5", "reason": "x"}
    )
    assert SpendCap.objects.get(credential=row.public_id).wallet_id == row.wallet_id


def test_staff_keep_a_copy_that_no_page_and_no_log_shows(staff, customer):
    key, plain = make_key(customer)
    pages = {name: reverse(f"admin:apikeys_apikey_{name}_signing_copy", args=[key.pk]) for name in ("keep", "drop")}
    wrong = make_key(customer)[1]
    staff.post(pages["keep"], SUBMITTED | {"key": wrong, "reason": "x"})
    assert not ApiKey.objects.get(pk=key.pk).signs_webhooks
    returned = staff.post(pages["keep"], SUBMITTED | {"key": plain, "reason": ""})
    assert plain not in returned.text
    staff.post(pages["keep"], SUBMITTED | {"key": plain, "reason": "asked for"})
    assert decrypt(ApiKey.objects.get(pk=key.pk).signing_copy) == plain
    shown = staff.get(change_page(key)).text + str(list(LogEntry.objects.values()))
    assert plain not in shown
    assert ApiKey.objects.get(pk=key.pk).signing_copy not in shown
    staff.post(pages["drop"], SUBMITTED | {"reason": "done"})
    assert not ApiKey.objects.get(pk=key.pk).signs_webhooks
