"""The key a customer generates: one at a time, ending by itself, swapped in one step."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apikeys.errors import InvalidApiKey, KeyExists, NotAnOwner
from apikeys.models import ApiKey
from apikeys.services import generated, keys, passwords
from apikeys.services.credentials import Credential
from apikeys.tests.factories import make_customer, make_key
from config.errors import InvalidInput, NotFound
from wallets.services import charge, deposit, open_wallet, refund, set_spend_cap, spend_caps
from wallets.services.audit import audit

pytestmark = pytest.mark.django_db
HOME = "203.0.113.7"


def asker_of(customer, username="user123", **terms) -> Credential:
    _, plain = passwords.issue_password(customer=customer, username=username, actor="test", **terms)
    return passwords.authenticate(username, plain)


@pytest.fixture
def asker(customer) -> Credential:
    return asker_of(customer)


def test_it_is_like_whoever_asks_and_ends_after_the_days_wanted(customer):
    wallet = open_wallet(customer=customer, currency="NGN")
    asker = asker_of(customer, currency="NGN", mode="dryrun")
    key, plain = generated.generate_key(asker=asker, expiry_days=3)
    assert (key.wallet_id, key.mode, key.scopes) == (wallet.pk, "dryrun", ["read", "messages"])
    assert abs(key.expires_at - timezone.now() - timedelta(days=3)) < timedelta(minutes=1)
    assert keys.authenticate(plain, HOME).key_id == key.pk


@pytest.mark.parametrize("days", [0, -1, 366])
def test_it_lives_1_to_365_days(asker, days):
    for make in (generated.generate_key, generated.regenerate_key):
        with pytest.raises(InvalidInput):
            make(asker=asker, expiry_days=days)
    assert not ApiKey.objects.exists()


def test_a_second_one_is_refused_until_the_first_has_expired(asker):
    generated.generate_key(asker=asker, expiry_days=1)
    with pytest.raises(KeyExists):
        generated.generate_key(asker=asker)
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        assert generated.generate_key(asker=asker)


def test_other_keys_do_not_count(asker, customer):
    make_key(customer)
    assert generated.generate_key(asker=asker)


def test_regenerating_swaps_and_keeps_where_it_may_be_used_from(asker):
    old, old_plain = generated.generate_key(asker=asker)
    ApiKey.objects.update(allowed_ips=[f"{HOME}/32"], rate_limit_per_minute=7)
    new, new_plain = generated.regenerate_key(asker=asker, expiry_days=9)
    assert (new.allowed_ips, new.rate_limit_per_minute) == ([f"{HOME}/32"], 7)
    assert keys.authenticate(new_plain, HOME)
    with pytest.raises(InvalidApiKey):
        keys.authenticate(old_plain, HOME)
    old.refresh_from_db()
    assert old.revoked_at is not None


def test_a_swap_does_not_free_a_key_of_its_spend_cap(asker, customer):
    wallet = customer.wallets.get()
    old, _ = generated.generate_key(asker=asker)
    set_spend_cap(credential=old.public_id, wallet=wallet, daily=Decimal(10), monthly=None)
    deposit(wallet=wallet, amount=Decimal(20), reference="d", actor="test")
    charge(
        wallet=wallet,
        amount=Decimal(7),
        reference="c",
        kind="sms_send",
        account="revenue:sms",
        credential=old.public_id,
    )
    new, _ = generated.regenerate_key(asker=asker)
    (cap,) = spend_caps([old.public_id, new.public_id]).values()
    assert (cap.credential, cap.daily, cap.day_spent) == (new.public_id, 10, 7)


def spend_seven(wallet, credential):
    deposit(wallet=wallet, amount=Decimal(20), reference="d", actor="test")
    return charge(
        wallet=wallet, amount=Decimal(7), reference="c", kind="sms_send", account="revenue:sms", credential=credential
    )


def test_revoking_and_generating_does_not_free_a_key_of_its_spend_cap(asker, customer):
    wallet = customer.wallets.get()
    old, _ = generated.generate_key(asker=asker)
    set_spend_cap(credential=old.public_id, wallet=wallet, daily=Decimal(10), monthly=None)
    spend_seven(wallet, old.public_id)
    generated.revoke_generated_key(asker=asker)
    new, _ = generated.generate_key(asker=asker)
    (cap,) = spend_caps([old.public_id, new.public_id]).values()
    assert (cap.credential, cap.daily, cap.day_spent) == (new.public_id, 10, 7)


def test_nor_does_a_key_on_another_wallet_in_between(customer):
    dollars, naira = asker_of(customer), asker_of(customer, username="other", wallet=naira_of(customer))
    old, _ = generated.generate_key(asker=dollars)
    set_spend_cap(
        credential=old.public_id, wallet=customer.wallets.get(currency="USD"), daily=Decimal(10), monthly=None
    )
    for asker in (dollars, naira):
        generated.revoke_generated_key(asker=asker)
        new, _ = generated.generate_key(asker=naira if asker is dollars else dollars)
    assert spend_caps([new.public_id])[new.public_id].daily == 10


def naira_of(customer):
    return open_wallet(customer=customer, currency="NGN")


def test_a_capped_password_generates_keys_with_its_own_caps(asker, customer):
    set_spend_cap(credential="user123", wallet=customer.wallets.get(), daily=Decimal(10), monthly=Decimal(50))
    key, _ = generated.generate_key(asker=asker)
    cap = spend_caps([key.public_id])[key.public_id]
    assert (cap.daily, cap.monthly, cap.day_spent) == (10, 50, 0)


def test_what_the_key_before_spent_counts_in_the_books_too_until_it_comes_back(asker, customer):
    wallet = customer.wallets.get()
    old, _ = generated.generate_key(asker=asker)
    set_spend_cap(credential=old.public_id, wallet=wallet, daily=Decimal(10), monthly=None)
    charged = spend_seven(wallet, old.public_id)
    generated.regenerate_key(asker=asker)
    newest, _ = generated.regenerate_key(asker=asker)
    assert [finding for finding in audit() if finding.differences] == []
    set_spend_cap(credential=newest.public_id, wallet=wallet, daily=Decimal(12), monthly=None)
    assert spend_caps([newest.public_id])[newest.public_id].day_spent == 7
    refund(original=charged, reference="r", actor="test")
    assert spend_caps([newest.public_id])[newest.public_id].day_spent == 0
    assert [finding for finding in audit() if finding.differences] == []


def test_a_swap_that_fails_leaves_the_old_key(asker, monkeypatch):
    _, old_plain = generated.generate_key(asker=asker)

    def broken(**_):
        raise RuntimeError

    monkeypatch.setattr(keys, "issue_key", broken)
    with pytest.raises(RuntimeError), transaction.atomic():
        generated.regenerate_key(asker=asker)
    assert keys.authenticate(old_plain, HOME)


def test_nothing_to_regenerate_or_to_revoke(asker, customer):
    make_key(customer)
    for act in (generated.regenerate_key, generated.revoke_generated_key):
        with pytest.raises(NotFound):
            act(asker=asker)


def test_revoking_again_keeps_the_first_moment(asker):
    generated.generate_key(asker=asker)
    first = generated.revoke_generated_key(asker=asker).revoked_at
    assert generated.revoke_generated_key(asker=asker).revoked_at == first


def test_a_key_replaces_only_itself(asker, customer):
    _, plain = generated.generate_key(asker=asker)
    _, ordinary = make_key(customer)
    for act in (generated.regenerate_key, generated.revoke_generated_key):
        with pytest.raises(NotAnOwner):
            act(asker=keys.authenticate(ordinary, HOME))
    new, _ = generated.regenerate_key(asker=keys.authenticate(plain, HOME))
    assert new.scopes == ["read", "messages"]


def test_customers_have_one_each(asker):
    generated.generate_key(asker=asker)
    assert generated.generate_key(asker=asker_of(make_customer("Other"), "other"))


def test_the_database_refuses_a_second_active_one(asker, customer):
    generated.generate_key(asker=asker)
    with pytest.raises(IntegrityError, match="api_key_one_generated_per_customer"), transaction.atomic():
        keys.issue_key(customer=customer, name="Second", is_generated=True, actor="test")


@pytest.mark.django_db(transaction=True)
def test_of_two_who_generate_at_once_one_is_refused(customer):
    asker, outcomes, start = asker_of(customer), [], threading.Barrier(2)

    def generate() -> None:
        start.wait()
        try:
            generated.generate_key(asker=asker)
        except KeyExists:
            outcomes.append("refused")
        else:
            outcomes.append("made")
        finally:
            connection.close()

    threads = [threading.Thread(target=generate) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "refused"]
    assert ApiKey.objects.filter(is_generated=True, revoked_at=None).count() == 1
