"""Staff's pages of API passwords: shown once, replaced and ended in dialogs."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from apikeys.errors import InvalidCredential
from apikeys.models import ApiPassword, User
from apikeys.services import passwords
from apikeys.tests.factories import PASSWORD, make_customer

pytestmark = pytest.mark.django_db
ADD = reverse("admin:apikeys_apipassword_add")
LIST = reverse("admin:apikeys_apipassword_changelist")
SHOWN = re.compile(r"shown this once: <code>([0-9A-Za-z]+)</code>")


@pytest.fixture
def staff(client) -> Client:
    client.force_login(User.objects.create_superuser("boss@example.com", PASSWORD))
    return client


@pytest.fixture
def issued(customer) -> tuple[ApiPassword, str]:
    return passwords.issue_password(customer=customer, username="user123", actor="test")


def page(name, password):
    return reverse(f"admin:apikeys_apipassword_{name}", args=[password.pk])


def form_of(customer, **values):
    return {"customer": customer.pk, "wallet": "", "username": "user123", "mode": "live"} | values


def test_one_made_by_staff_is_shown_exactly_once_and_works(staff, customer):
    (plain,) = SHOWN.findall(staff.post(ADD, form_of(customer), follow=True).text)
    assert passwords.authenticate("user123", plain).customer_id == customer.pk
    made = ApiPassword.objects.get()
    assert made.created_by == "staff:boss@example.com"
    for url in (LIST, page("change", made), ADD):
        shown = staff.get(url)
        assert (shown.status_code, plain in shown.text, made.digest in shown.text) == (200, False, False)
    assert plain not in str(list(LogEntry.objects.values()))


@pytest.mark.parametrize("wrong", [{"username": "a b"}, {"username": ""}, {"mode": "free"}])
def test_a_form_that_breaks_a_rule_comes_back(staff, customer, wrong):
    assert staff.post(ADD, form_of(customer, **wrong)).status_code == 200
    assert not ApiPassword.objects.exists()


def test_a_username_that_is_taken_and_a_strangers_wallet_come_back(staff, customer, issued):
    assert staff.post(ADD, form_of(customer)).status_code == 200
    other = make_customer("Other").wallets.get()
    assert staff.post(ADD, form_of(customer, username="another", wallet=other.pk)).status_code == 200
    assert ApiPassword.objects.count() == 1


def test_rotating_asks_first_and_shows_the_new_one_once(staff, issued):
    password, old = issued
    assert "Make a new password?" in staff.get(page("rotate", password)).text
    assert passwords.authenticate("user123", old)
    (new,) = SHOWN.findall(
        staff.post(page("rotate", password), {"_form_submitted": "on", "reason": "It leaked"}, follow=True).text
    )
    assert passwords.authenticate("user123", new)
    with pytest.raises(InvalidCredential):
        passwords.authenticate("user123", old)
    assert "It leaked" in LogEntry.objects.get().change_message


def test_revoking_asks_first_and_rotating_a_revoked_one_is_refused(staff, issued):
    password, plain = issued
    staff.post(page("revoke", password), {"_form_submitted": "on", "reason": "Left"})
    with pytest.raises(InvalidCredential):
        passwords.authenticate("user123", plain)
    shown = staff.post(page("rotate", password), {"_form_submitted": "on", "reason": "Again"}, follow=True).text
    assert "is revoked" in shown
    assert not SHOWN.findall(shown)


def test_nothing_of_it_can_be_edited_or_deleted(staff, issued):
    staff.post(page("change", issued[0]), form_of(make_customer("Other"), username="renamed"))
    assert ApiPassword.objects.get().username == "user123"
    assert staff.post(page("delete", issued[0]), {"post": "yes"}).status_code == 403
