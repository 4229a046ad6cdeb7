"""Issuing, changing and revoking keys, and telling who knocks."""

from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from apikeys.errors import ExpiredApiKey, InvalidApiKey, MalformedApiKey, MissingApiKey
from apikeys.models import ApiKey, Scope
from apikeys.services import keys, secret
from apikeys.tests.factories import make_customer, make_key
from config.errors import InvalidInput
from wallets.models import Customer
from wallets.services import open_wallet

pytestmark = pytest.mark.django_db
HOME = "203.0.113.7"


def test_a_key_by_name_alone_is_live_may_do_everything_and_spends_from_the_default_wallet(customer):
    key, plain = keys.issue_key(customer=customer, name="Production key", actor="user:ann@example.com")
    assert (key.mode, key.wallet.is_default, key.expires_at) == ("live", True, None)
    assert key.scopes == Scope.values
    assert (key.key_prefix, key.created_by) == (plain[:8], "user:ann@example.com")


def test_the_plain_key_is_stored_nowhere(customer):
    _, plain = make_key(customer)
    row = ApiKey.objects.values().get()
    assert not any(plain in str(value) for value in row.values())
    assert row["digest"] == secret.digest(plain, row["pepper_version"])


def test_a_key_can_name_its_currency(customer):
    wallet = open_wallet(customer=customer, currency="NGN")
    key, _ = make_key(customer, currency="NGN")
    assert key.wallet == wallet


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"mode": "free"}, "mode"),
        ({"scopes": ["read", "everything"]}, "scopes"),
        ({"scopes": []}, "scopes"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "expires_at"),
        ({"allowed_ips": ["10.0.0.0/33"]}, "allowed_ips"),
        ({"rate_limit_per_minute": 0}, "rate_limit_per_minute"),
        ({"currency": "EUR"}, "currency"),
    ],
)
def test_terms_that_break_a_rule_are_named_and_nothing_is_made(customer, terms, field):
    with pytest.raises(InvalidInput) as refusal:
        make_key(customer, **terms)
    assert list(refusal.value.errors) == [field]
    assert not ApiKey.objects.exists()


def test_a_key_cannot_spend_from_somebody_elses_wallet(customer):
    with pytest.raises(InvalidInput):
        make_key(customer, wallet=make_customer("Other").wallets.get())


def test_a_key_whose_wallet_became_somebody_elses_opens_nothing(key, plain):
    ApiKey.objects.update(wallet=make_customer("Other").wallets.get())
    with pytest.raises(InvalidApiKey):
        keys.authenticate(plain, HOME)


def test_a_prefix_that_is_taken_is_not_given_twice(customer, monkeypatch):
    taken, first = make_key(customer)
    truly_random, once = secret.secrets.choice, iter(first[4:8] + "0" * 39)
    monkeypatch.setattr(secret.secrets, "choice", lambda letters: next(once, None) or truly_random(letters))
    key, plain = make_key(customer)
    assert next(once, None) is None
    assert key.key_prefix != taken.key_prefix
    assert keys.authenticate(plain, HOME).key_id == key.pk


def test_the_database_refuses_an_unknown_scope_and_a_plain_key_as_digest(key):
    for wrong in ({"scopes": ["read", "all"]}, {"digest": "sgk_plain"}, {"rate_limit_per_minute": 0}):
        with pytest.raises(IntegrityError), transaction.atomic():
            ApiKey.objects.update(**wrong)


def test_a_right_key_says_whose_it_is(customer, key, plain):
    credential = keys.authenticate(plain, HOME)
    assert (credential.customer_id, credential.wallet_id, credential.currency) == (customer.pk, key.wallet_id, "USD")
    assert credential.actor == f"key:{plain[:8]}"
    assert credential.scopes == set(Scope.values)
    assert credential.may_spend
    assert (credential.buyer.credential, credential.buyer.actor) == (plain[:8], credential.actor)


def test_a_missing_key_is_told_apart_from_a_wrong_one():
    for nothing in (None, ""):
        with pytest.raises(MissingApiKey):
            keys.authenticate(nothing, HOME)


def test_garbage_costs_no_query(plain, django_assert_num_queries):
    with django_assert_num_queries(0):
        for garbage in ("sgk_your_key_here", plain[:-1] + "~", plain[:20] + "x" + plain[21:], "' OR 1=1 --"):
            with pytest.raises(MalformedApiKey):
                keys.authenticate(garbage, HOME)


def test_a_right_key_costs_two_queries_and_then_one(plain, django_assert_num_queries):
    with django_assert_num_queries(2):
        keys.authenticate(plain, HOME)
    with django_assert_num_queries(1):
        keys.authenticate(plain, HOME)


def test_last_use_is_written_at_most_once_a_minute(key, plain):
    with time_machine.travel("2026-04-17T09:10:00Z", tick=False) as clock:
        keys.authenticate(plain, HOME)
        first = ApiKey.objects.get().last_used_at
        clock.shift(59)
        keys.authenticate(plain, HOME)
        assert ApiKey.objects.get().last_used_at == first == timezone.now() - timedelta(seconds=59)
        clock.shift(1)
        keys.authenticate(plain, HOME)
        assert ApiKey.objects.get().last_used_at == timezone.now()


def test_an_unknown_key_is_refused(db):
    with pytest.raises(InvalidApiKey) as refusal:
        keys.authenticate(secret.new_key(), HOME)
    assert refusal.value.message == "Invalid API key."


def test_a_revoked_key_is_refused_and_revoking_again_keeps_the_moment(key, plain):
    first = keys.revoke_key(key=key, actor="test").revoked_at
    assert keys.revoke_key(key=ApiKey.objects.get(), actor="test").revoked_at == first
    with pytest.raises(InvalidApiKey):
        keys.authenticate(plain, HOME)


def test_a_key_ends_at_its_expiry(customer):
    _, plain = make_key(customer, expires_at=timezone.now() + timedelta(hours=1))
    keys.authenticate(plain, HOME)
    with time_machine.travel(timezone.now() + timedelta(hours=1)), pytest.raises(ExpiredApiKey) as refusal:
        keys.authenticate(plain, HOME)
    assert refusal.value.message == "Invalid API key."


def test_a_closed_customer_is_refused_and_a_suspended_one_may_look(customer, plain):
    Customer.objects.update(status="suspended")
    assert not keys.authenticate(plain, HOME).may_spend
    Customer.objects.update(status="closed")
    with pytest.raises(InvalidApiKey):
        keys.authenticate(plain, HOME)


@pytest.mark.parametrize("address", ["203.0.113.7", "10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"])
def test_a_key_works_from_its_networks(customer, address):
    _, plain = make_key(customer, allowed_ips=["203.0.113.7", "10.0.0.1/8", "2001:db8::/32"])
    assert keys.authenticate(plain, address).customer_id == customer.pk


@pytest.mark.parametrize("address", ["203.0.113.8", "11.0.0.1", "2001:db9::1", "", "unknown"])
def test_a_key_is_refused_from_elsewhere(customer, address):
    _, plain = make_key(customer, allowed_ips=["203.0.113.7", "10.0.0.1/8", "2001:db8::/32"])
    with pytest.raises(InvalidApiKey):
        keys.authenticate(plain, address)


def test_networks_are_stored_canonically(customer):
    key, _ = make_key(customer, allowed_ips=["203.0.113.7", " 10.0.0.1/8", "10.9.9.9/8"])
    assert key.allowed_ips == ["203.0.113.7/32", "10.0.0.0/8"]


def test_old_peppers_keep_working_until_they_are_withdrawn(customer, settings):
    settings.KEY_PEPPERS = {"1": "aa" * 32}
    old, old_plain = make_key(customer)
    settings.KEY_PEPPERS = {"2": "bb" * 32, "1": "aa" * 32}
    new, new_plain = make_key(customer)
    assert (old.pepper_version, new.pepper_version) == ("1", "2")
    assert keys.authenticate(old_plain, HOME).key_id == old.pk
    assert keys.authenticate(new_plain, HOME).key_id == new.pk
    settings.KEY_PEPPERS = {"2": "bb" * 32}
    with pytest.raises(InvalidApiKey):
        keys.authenticate(old_plain, HOME)


def test_terms_can_change_but_not_what_the_key_is(key, plain):
    keys.change_key(
        key=key, actor="test", name="Staging", scopes=["read"], expires_at=None, allowed_ips=[],
        rate_limit_per_minute=5,
    )  # fmt: skip
    credential = keys.authenticate(plain, HOME)
    assert (credential.scopes, credential.rate_limit_per_minute) == ({"read"}, 5)


def test_an_expired_key_can_be_renamed_without_being_revived(customer):
    key, plain = make_key(customer, expires_at=timezone.now() + timedelta(hours=1))
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        keys.change_key(
            key=key, actor="test", name="Old", scopes=key.scopes, expires_at=key.expires_at, allowed_ips=[],
            rate_limit_per_minute=None,
        )  # fmt: skip
        with pytest.raises(ExpiredApiKey):
            keys.authenticate(plain, HOME)


def test_secrets_are_in_no_log_and_no_repr(customer, caplog):
    caplog.set_level("DEBUG")
    key, plain = make_key(customer)
    credential = keys.authenticate(plain, HOME)
    keys.revoke_key(key=key, actor="test")
    with pytest.raises(InvalidApiKey) as refusal:
        keys.authenticate(plain, HOME)
    said = "".join([caplog.text, repr(key), str(key), repr(credential), repr(refusal.value)])
    assert plain[:8] in said
    assert plain not in said
    assert plain[8:] not in said
    assert key.digest not in said
