import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from apikeys import tasks
from apikeys.models import ApiKey
from apikeys.services import keys
from apikeys.tests.factories import make_customer, make_key
from wallets.models import Event


def told() -> list[dict]:
    return [event.payload for event in Event.objects.filter(kind="api_key.expiring").order_by("id")]


def in_days(days: float):
    return timezone.now() + timedelta(days=days)


@pytest.mark.django_db
def test_a_key_that_expires_within_a_week_is_told_of_once(customer):
    key, plain = make_key(customer, expires_at=in_days(6))
    tasks.tell_of_expiring_keys()
    tasks.tell_of_expiring_keys()
    (payload,) = told()
    assert (payload["key_prefix"], payload["expires_at"]) == (key.key_prefix, key.expires_at.isoformat())
    assert plain not in str(payload)


@pytest.mark.django_db
@pytest.mark.parametrize("expires_at", [None, in_days(8)])
def test_a_key_that_does_not_expire_soon_is_not_told_of(customer, expires_at):
    make_key(customer, expires_at=expires_at)
    tasks.tell_of_expiring_keys()
    assert told() == []


@pytest.mark.django_db
def test_neither_is_one_that_has_expired_or_was_revoked(customer):
    expired, _ = make_key(customer, expires_at=in_days(1))
    ApiKey.objects.filter(pk=expired.pk).update(expires_at=in_days(-1))
    keys.revoke_key(key=make_key(customer, expires_at=in_days(1))[0], actor="test")
    tasks.tell_of_expiring_keys()
    assert told() == []


@pytest.mark.django_db
def test_a_new_expiry_is_told_of_again(customer):
    key, _ = make_key(customer, expires_at=in_days(2))
    tasks.tell_of_expiring_keys()
    ApiKey.objects.filter(pk=key.pk).update(expires_at=in_days(5))
    tasks.tell_of_expiring_keys()
    assert len(told()) == 2


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_tell_once():
    make_key(make_customer(), expires_at=in_days(3))
    barrier = threading.Barrier(4)

    def run() -> None:
        barrier.wait()
        tasks.tell_of_expiring_keys()
        connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(told()) == 1
