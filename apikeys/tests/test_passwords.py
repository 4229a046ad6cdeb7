"""API passwords: shown once, stored hashed, rotated and revoked at once."""

from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from apikeys.errors import InvalidCredential
from apikeys.models import ApiPassword
from apikeys.services import passwords, secret
from apikeys.tests.factories import make_customer
from config.errors import InvalidInput
from wallets.models import Customer
from wallets.services import open_wallet

pytestmark = pytest.mark.django_db


@pytest.fixture
def issued(customer) -> tuple[ApiPassword, str]:
    return passwords.issue_password(customer=customer, username="user123", actor="test")


def test_it_reads_and_sends_from_its_wallet_and_nothing_else(customer):
    wallet = open_wallet(customer=customer, currency="NGN")
    _, plain = passwords.issue_password(customer=customer, username="naira", currency="NGN", actor="test")
    credential = passwords.authenticate("naira", plain)
    assert (credential.customer_id, credential.wallet_id, credential.currency) == (customer.pk, wallet.pk, "NGN")
    assert (credential.scopes, credential.actor) == ({"read", "messages"}, "password:naira")


def test_the_plain_password_is_stored_nowhere_and_has_at_least_128_bits(issued):
    row = ApiPassword.objects.values().get()
    assert not any(issued[1] in str(value) for value in row.values())
    assert row["digest"] == secret.digest(issued[1], row["pepper_version"])
    assert len(secret.ALPHABET) ** len(issued[1]) > 2**128


@pytest.mark.parametrize(("username", "password"), [("user123", "wrong"), ("nobody", ""), ("USER123", ""), ("\n", "")])
def test_a_wrong_one_is_refused_in_one_way(issued, username, password):
    with pytest.raises(InvalidCredential) as refusal:
        passwords.authenticate(username, password or issued[1])
    assert type(refusal.value) is InvalidCredential


def test_rotating_ends_the_old_password_at_once(issued):
    old = issued[1]
    _, new = passwords.rotate_password(password=issued[0], actor="test")
    assert passwords.authenticate("user123", new)
    with pytest.raises(InvalidCredential):
        passwords.authenticate("user123", old)


def test_revoking_ends_it_for_ever_and_again_keeps_the_first_moment(issued):
    first = passwords.revoke_password(password=issued[0], actor="test").revoked_at
    assert passwords.revoke_password(password=issued[0], actor="test").revoked_at == first
    with pytest.raises(InvalidCredential):
        passwords.authenticate("user123", issued[1])
    with pytest.raises(InvalidInput):
        passwords.rotate_password(password=issued[0], actor="test")


def test_a_closed_customer_is_nobody_and_a_suspended_one_is_told_later(issued, customer):
    Customer.objects.update(status="suspended")
    assert not passwords.authenticate("user123", issued[1]).may_spend
    Customer.objects.update(status="closed")
    with pytest.raises(InvalidCredential):
        passwords.authenticate("user123", issued[1])


def test_a_username_is_never_given_twice_even_when_revoked(issued):
    passwords.revoke_password(password=issued[0], actor="test")
    with pytest.raises(InvalidInput) as refusal:
        passwords.issue_password(customer=make_customer("Other"), username="user123", actor="test")
    assert list(refusal.value.errors) == ["username"]


@pytest.mark.parametrize("username", ["", "ab", "a" * 33, "a b c", ".abc", "abc\n", "ａｂｃ", "user123"[:2]])
def test_a_username_is_plain(customer, username):
    with pytest.raises(InvalidInput):
        passwords.issue_password(customer=customer, username=username, actor="test")


def test_the_database_refuses_a_password_in_the_clear(issued):
    with pytest.raises(IntegrityError, match="api_password_stored_hashed"), transaction.atomic():
        ApiPassword.objects.update(digest="secret")


def test_use_is_noted_once_a_minute(issued):
    now = timezone.now()
    for moment, noted in ((now, now), (now + timedelta(seconds=59), now)):
        with time_machine.travel(moment, tick=False):
            passwords.authenticate("user123", issued[1])
        assert abs(ApiPassword.objects.get().last_used_at - noted) < timedelta(seconds=1)


def test_a_wallet_of_somebody_else_opens_nothing(issued):
    ApiPassword.objects.update(wallet=make_customer("Other").wallets.get())
    with pytest.raises(InvalidCredential):
        passwords.authenticate("user123", issued[1])
