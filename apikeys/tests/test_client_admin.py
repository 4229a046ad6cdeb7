"""Staff's pages of client credentials: secrets shown once; mode, rotation and revocation asked for in dialogs."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from apikeys.errors import InvalidClient
from apikeys.models import ClientCredential, User
from apikeys.services.client_door import authenticate_client
from apikeys.services.client_tokens import make_token
from apikeys.tests.factories import PASSWORD, make_client, make_customer
from wallets.models import Customer
from wallets.services import open_wallet

pytestmark = pytest.mark.django_db
ADD = reverse("admin:apikeys_clientcredential_add")
LIST = reverse("admin:apikeys_clientcredential_changelist")
SHOWN = re.compile(r"(sgcid_[0-9a-f]{16}).*?(sgsec_[0-9a-f]{32}).*?(sgapp_[0-9a-f]{32})")


@pytest.fixture
def customer(db) -> Customer:
    return make_customer(currency="GHS")


@pytest.fixture
def staff(client) -> Client:
    client.force_login(User.objects.create_superuser("boss@example.com", PASSWORD))
    return client


@pytest.fixture
def issued(customer) -> ClientCredential:
    return make_client(customer)[0]


def page(name, issued):
    return reverse(f"admin:apikeys_clientcredential_{name}", args=[issued.pk])


def form_of(customer, **values):
    return {
        "customer": customer.pk, "wallet": "", "name": "Shop", "mode": "test", "test_phone": "+233245972246",
        "test_email": "qa@example.com", "scopes": ["read", "messages"], "expires_at_0": "", "expires_at_1": "",
        "allowed_ips": "", "rate_limit_per_minute": "",
    } | values  # fmt: skip


def asked(**values):
    return {"_form_submitted": "on", "reason": "because"} | values


def opens(client_id, client_secret, app_key):
    token = make_token(app_key, client_secret)
    return authenticate_client(client_id=client_id, token=token, address="203.0.113.7")


def test_one_made_by_staff_is_shown_exactly_once_and_works(staff, customer):
    ((client_id, *secrets),) = SHOWN.findall(staff.post(ADD, form_of(customer), follow=True).text)
    credential = opens(client_id, *secrets)
    assert (credential.mode, credential.test_phone) == ("test", "+233245972246")
    made = ClientCredential.objects.get()
    assert made.created_by == "staff:boss@example.com"
    hidden = [*secrets, made.digest, made.encrypted_app_key]
    for url in (LIST, page("change", made), page("history", made), ADD):
        shown = staff.get(url)
        assert (shown.status_code, [secret for secret in hidden if secret in shown.text]) == (200, [])
    assert not any(secret in str(list(LogEntry.objects.values())) for secret in hidden)


@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"mode": "free"}, {"scopes": []}, {"test_phone": "0245972246"}, {"test_email": "nobody"},
     {"allowed_ips": "nonsense"}, {"rate_limit_per_minute": "0"}],
)  # fmt: skip
def test_a_form_that_breaks_a_rule_comes_back_and_makes_nothing(staff, customer, wrong):
    assert staff.post(ADD, form_of(customer, **wrong)).status_code == 200
    assert not ClientCredential.objects.exists()


def test_a_wallet_in_another_currency_or_of_somebody_else_comes_back(staff, customer):
    dollars = open_wallet(customer=customer, currency="USD")
    assert "always GHS" in staff.post(ADD, form_of(customer, wallet=dollars.pk)).text
    strangers = make_customer("Other", "GHS").wallets.get()
    assert staff.post(ADD, form_of(customer, wallet=strangers.pk)).status_code == 200
    assert "no wallet in GHS" in staff.post(ADD, form_of(make_customer("Dollars"))).text
    assert not ClientCredential.objects.exists()


def test_only_the_terms_can_be_edited(staff, customer, issued):
    sent = form_of(make_customer("Other", "GHS"), name="Renamed", mode="dryrun")
    assert staff.post(page("change", issued), sent).status_code == 302
    found = ClientCredential.objects.get()
    assert (found.name, found.test_email) == ("Renamed", "qa@example.com")
    assert (found.customer_id, found.mode, found.digest) == (customer.pk, "live", issued.digest)


def test_the_mode_is_asked_for_and_logged_with_the_reason(staff, issued):
    staff.get(page("change_mode", issued))
    staff.post(page("change_mode", issued), asked(mode="dryrun", reason=""))
    assert ClientCredential.objects.get().mode == "live"
    staff.post(page("change_mode", issued), asked(mode="dryrun", reason="trying out"))
    assert ClientCredential.objects.get().mode == "dryrun"
    assert LogEntry.objects.get().change_message == "Mode dryrun: trying out"


def test_rotation_shows_new_secrets_once_and_ends_the_old(staff, customer):
    issued, old = make_client(customer)
    staff.get(page("rotate", issued))
    ((_, *fresh),) = SHOWN.findall(staff.post(page("rotate", issued), asked(), follow=True).text)
    assert opens(issued.client_id, *fresh)
    with pytest.raises(InvalidClient):
        opens(issued.client_id, old.client_secret, old.app_secret_key)
    assert fresh[0] not in staff.get(page("change", issued)).text


def test_revoking_asks_first_and_nothing_brings_it_back(staff, issued):
    assert "cannot be undone" in staff.get(page("revoke", issued)).text
    assert ClientCredential.objects.get().revoked_at is None
    staff.post(page("revoke", issued), asked(reason="leaked"))
    assert ClientCredential.objects.get().revoked_at is not None
    assert "leaked" in LogEntry.objects.get().change_message
    for again in (page("rotate", issued), page("change_mode", issued)):
        assert "is revoked" in staff.post(again, asked(mode="test"), follow=True).text
    assert (ClientCredential.objects.get().digest, ClientCredential.objects.get().mode) == (issued.digest, "live")


def test_staff_without_the_permission_can_do_none_of_it(client, customer, issued):
    client.force_login(User.objects.create_user("clerk@example.com", PASSWORD, is_staff=True))
    for name in ("rotate", "revoke", "change_mode", "change"):
        assert client.post(page(name, issued), asked(mode="test")).status_code == 403
    assert client.post(ADD, form_of(customer)).status_code == 403
    found = ClientCredential.objects.get()
    assert (found.revoked_at, found.mode, found.digest) == (None, "live", issued.digest)


def test_one_is_never_deleted(staff, issued):
    assert staff.post(page("delete", issued), {"post": "yes"}).status_code == 403
