"""Client credentials: made, changed, rotated, revoked; and told apart from everything that is none."""

import sys
from collections import Counter
from datetime import timedelta

import pytest
import time_machine
from cryptography.fernet import Fernet
from django.db import IntegrityError, transaction
from django.utils import timezone

from apikeys.errors import CredentialRevoked, InvalidClient, MissingClient
from apikeys.models import ClientCredential, Scope
from apikeys.services import clients
from apikeys.services.client_door import authenticate_client
from apikeys.services.client_tokens import make_token
from apikeys.tests.factories import make_client, make_customer
from config.errors import InvalidInput
from wallets.models import Customer
from wallets.services import open_wallet

pytestmark = pytest.mark.django_db
HOME = "203.0.113.7"
COSTLY = {"decrypt", "openssl_sha256", "decryptor", "update", "finalize", "digest", "compare_digest"}


@pytest.fixture
def customer(db) -> Customer:
    return make_customer(currency="GHS")


@pytest.fixture
def pair(customer):
    return make_client(customer)


@pytest.fixture
def client(pair) -> ClientCredential:
    return pair[0]


@pytest.fixture
def shown(pair) -> clients.ClientSecrets:
    return pair[1]


def token_of(shown, **other) -> str:
    sent = {"app_key": shown.app_secret_key, "client_secret": shown.client_secret} | other
    return make_token(**sent)


def knock(shown, address=HOME, **other):
    return authenticate_client(client_id=shown.client_id, token=token_of(shown, **other), address=address)


def refused(client_id, token, address=HOME) -> str:
    with pytest.raises(InvalidClient) as refusal:
        authenticate_client(client_id=client_id, token=token, address=address)
    assert type(refusal.value) is InvalidClient
    return str(refusal.value)


# --- Made and changed -----------------------------------------------------------------------


def test_a_client_by_name_alone_is_live_and_spends_from_the_wallet_in_ghs(customer):
    client, shown = clients.issue_client(customer=customer, name="Shop", actor="user:ann@example.com")
    assert (client.mode, client.wallet.currency, client.scopes) == ("live", "GHS", Scope.values)
    assert (client.client_id, client.created_by) == (shown.client_id, "user:ann@example.com")
    assert len(shown.client_id) <= 32


def test_neither_secret_is_stored_in_the_clear(client, shown):
    row = ClientCredential.objects.values().get()
    stored = [str(value) for value in row.values()]
    assert [value for value in stored if shown.client_secret in value or shown.app_secret_key in value] == []
    assert shown.client_secret not in repr(shown)
    assert shown.app_secret_key not in repr(shown)


def test_credits_are_ghs_and_nothing_else(customer):
    dollars = open_wallet(customer=customer, currency="USD")
    with pytest.raises(InvalidInput) as refusal:
        make_client(customer, wallet=dollars)
    assert list(refusal.value.errors) == ["wallet"]
    with pytest.raises(InvalidInput) as refusal:
        make_client(make_customer("Dollars only"))
    assert refusal.value.errors == {"currency": ["There is no wallet in GHS."]}
    assert not ClientCredential.objects.exists()


def test_a_client_cannot_spend_from_somebody_elses_wallet(customer):
    other = make_customer("Other", currency="GHS").wallets.get()
    with pytest.raises(InvalidInput):
        make_client(customer, wallet=other)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"name": " "}, "name"),
        ({"mode": "free"}, "mode"),
        ({"scopes": []}, "scopes"),
        ({"allowed_ips": ["10.0.0.0/33"]}, "allowed_ips"),
        ({"rate_limit_per_minute": 0}, "rate_limit_per_minute"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "expires_at"),
        ({"test_phone": "0245972246"}, "test_phone"),
        ({"test_phone": "+233245972246\n"}, "test_phone"),
        ({"test_phone": "+٢٣٣٢٤٥٩٧٢٢٤٦"}, "test_phone"),
        ({"test_email": "nobody"}, "test_email"),
        ({"test_email": "a@example.com\nBcc: b@example.com"}, "test_email"),
    ],
)
def test_terms_that_break_a_rule_are_named_and_nothing_is_made(customer, terms, field):
    with pytest.raises(InvalidInput) as refusal:
        make_client(customer, **terms)
    assert list(refusal.value.errors) == [field]
    assert not ClientCredential.objects.exists()


def test_terms_are_changed_without_touching_mode_and_secrets(client, shown):
    clients.change_client(
        client=client, actor="test", name="Renamed", test_phone="+233201234567", test_email="qa@example.com",
        scopes=["read"], expires_at=None, allowed_ips=["10.0.0.0/8"], rate_limit_per_minute=7,
    )  # fmt: skip
    credential = knock(shown, address="10.1.2.3")
    assert (credential.scopes, credential.rate_limit_per_minute) == ({"read"}, 7)
    assert (credential.test_phone, credential.test_email) == ("+233201234567", "qa@example.com")
    assert credential.mode == "live"


def test_a_mode_holds_from_the_next_request_on(client, shown):
    for mode in ("test", "dryrun", "live"):
        clients.change_mode(client=client, mode=mode, actor="test")
        assert knock(shown).mode == mode
    with pytest.raises(InvalidInput):
        clients.change_mode(client=client, mode="free", actor="test")


def test_rotation_replaces_both_secrets_and_keeps_the_client(client, shown):
    fresh = clients.rotate_client(client=client, actor="test")
    assert knock(fresh).key_id == client.pk
    assert fresh.client_id == shown.client_id
    refused(shown.client_id, token_of(shown))
    refused(shown.client_id, token_of(shown, app_key=fresh.app_secret_key))
    refused(shown.client_id, token_of(shown, client_secret=fresh.client_secret))


def test_a_revoked_client_opens_nothing_and_stays_revoked(client, shown):
    clients.revoke_client(client=client, actor="test")
    moment = ClientCredential.objects.get().revoked_at
    clients.revoke_client(client=client, actor="test")
    assert ClientCredential.objects.get().revoked_at == moment
    refused(shown.client_id, token_of(shown))
    for change in (
        lambda: clients.rotate_client(client=client, actor="test"),
        lambda: clients.change_mode(client=client, mode="test", actor="test"),
    ):
        with pytest.raises(CredentialRevoked):
            change()


def test_the_database_refuses_plain_secrets_unknown_scopes_and_no_limit(client):
    for wrong in (
        {"digest": "sgsec_plain"}, {"encrypted_app_key": "sgapp_plain"}, {"scopes": ["read", "all"]},
        {"rate_limit_per_minute": 0},
    ):  # fmt: skip
        with pytest.raises(IntegrityError), transaction.atomic():
            ClientCredential.objects.update(**wrong)


# --- Who knocks ------------------------------------------------------------------------------


def test_a_right_token_says_whose_it_is(customer, client, shown):
    credential = knock(shown)
    assert (credential.customer_id, credential.wallet_id, credential.currency) == (
        customer.pk, client.wallet_id, "GHS",
    )  # fmt: skip
    assert credential.actor == f"client:{shown.client_id}"
    assert (credential.buyer.credential, credential.buyer.mode) == (shown.client_id, "live")


def test_the_same_token_may_come_again(shown):
    token = token_of(shown)
    for _ in range(2):
        assert authenticate_client(client_id=shown.client_id, token=token, address=HOME).public_id == shown.client_id


def test_whatever_is_wrong_is_refused_in_the_same_words(customer, shown):
    other = make_client(customer)[1]
    good = token_of(shown)
    words = {
        refused("sgcid_nobody", good),
        refused(shown.client_id.upper(), good),
        refused("x" * 5_000, good),
        refused("\x00", good),
        refused("ü", good),
        refused(other.client_id, good),
        refused(shown.client_id, "not base64!"),
        refused(shown.client_id, good[:-8]),
        refused(shown.client_id, good[:-6] + "AAAA=="),
        refused(shown.client_id, token_of(shown, client_secret=other.client_secret)),
        refused(shown.client_id, token_of(shown, app_key=other.app_secret_key)),
        refused(shown.client_id, token_of(shown, client_secret="")),
        refused(shown.client_id, shown.client_secret),
    }
    assert words == {"Authentication failed — check your X-Client-Id and token"}


@pytest.mark.parametrize(("client_id", "token"), [(None, "x"), ("", "x"), ("x", None), (None, None)])
def test_a_missing_header_is_told_apart_only_inside(client_id, token):
    with pytest.raises(MissingClient) as refusal:
        authenticate_client(client_id=client_id, token=token, address=HOME)
    assert str(refusal.value) == InvalidClient.message


def test_expired_closed_and_from_elsewhere_opens_nothing(customer, client, shown):
    ClientCredential.objects.update(allowed_ips=["192.0.2.0/24"])
    refused(shown.client_id, token_of(shown))
    assert knock(shown, address="192.0.2.9")
    ClientCredential.objects.update(allowed_ips=[], expires_at=timezone.now() - timedelta(seconds=1))
    refused(shown.client_id, token_of(shown))
    ClientCredential.objects.update(expires_at=None)
    Customer.objects.update(status="closed")
    refused(shown.client_id, token_of(shown))


def test_a_client_whose_wallet_became_another_opens_nothing(customer, shown):
    for wallet in (make_customer("Other", "GHS").wallets.get(), open_wallet(customer=customer, currency="USD")):
        ClientCredential.objects.update(wallet=wallet)
        refused(shown.client_id, token_of(shown))


def test_a_token_costs_one_query_once_its_use_is_noted(shown, django_assert_num_queries):
    with django_assert_num_queries(2):
        knock(shown)
    with django_assert_num_queries(1):
        knock(shown)
    with django_assert_num_queries(1):
        refused("sgcid_nobody", token_of(shown))


def test_last_use_is_written_at_most_once_a_minute(shown):
    with time_machine.travel("2026-04-17T09:10:00Z", tick=False) as clock:
        knock(shown)
        first = ClientCredential.objects.get().last_used_at
        clock.shift(59)
        knock(shown)
        assert ClientCredential.objects.get().last_used_at == first
        clock.shift(1)
        knock(shown)
        assert ClientCredential.objects.get().last_used_at > first


def test_secrets_stay_readable_while_keys_and_peppers_are_rotated(customer, settings):
    settings.ENCRYPTION_KEYS, settings.KEY_PEPPERS = [Fernet.generate_key().decode()], {"1": "aa" * 32}
    _, shown = make_client(customer)
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.ENCRYPTION_KEYS]
    settings.KEY_PEPPERS = {"2": "bb" * 32, "1": "aa" * 32}
    assert knock(shown)
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    refused(shown.client_id, token_of(shown))


def work(client_id, token) -> Counter[str]:
    """Which of the costly functions a refusal ran, and how often: a clock would only see the query."""
    ran: Counter[str] = Counter()

    def note(frame, event, argument):
        name = frame.f_code.co_name if event == "call" else getattr(argument, "__name__", "")
        if event in {"call", "c_call"} and name in COSTLY:
            ran[name] += 1

    sys.setprofile(note)
    try:
        authenticate_client(client_id=client_id, token=token, address=HOME)
    except InvalidClient:
        return ran
    finally:
        sys.setprofile(None)
    raise AssertionError("let in")


def test_every_refusal_does_the_same_work(shown, django_assert_num_queries):
    good = token_of(shown)
    refused(shown.client_id, "the stand-in for unknown clients is made once")
    refused("sgcid_nobody", good)
    tries = {
        "wrong secret": (shown.client_id, token_of(shown, client_secret="x" * len(shown.client_secret))),
        "unknown client": ("sgcid_0123456789abcdef", good),
        "no id at all": ("\x00", good),
        "bad base64": (shown.client_id, "!" + good[1:]),
        "bad length": (shown.client_id, good[:-8]),
        "bad padding": (shown.client_id, good[:-6] + "AAAA=="),
    }
    with django_assert_num_queries(len(tries)):
        done = {name: work(*tried) for name, tried in tries.items()}
    assert set(done["wrong secret"]) == COSTLY
    assert {name: ran for name, ran in done.items() if ran != done["wrong secret"]} == {}
