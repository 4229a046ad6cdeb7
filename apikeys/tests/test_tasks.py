"""What has had its time is erased."""

from datetime import timedelta

import pytest
from django.utils import timezone
from knox.models import AuthToken

from apikeys.models import IdempotencyKey, ThrottleWindow
from apikeys.services import idempotency, throttles
from apikeys.services.erasing import delete_in_batches
from apikeys.tasks import erase_expired
from apikeys.tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_the_tick_erases_answers_windows_and_tokens_whose_time_is_over(customer):
    user = make_user(customer)
    idempotency.claim(customer_id=customer.pk, route="shop", key="k", body_hash="a")
    IdempotencyKey.objects.update(expires_at=timezone.now())
    throttles.hit("sms", 1, 60)
    ThrottleWindow.objects.update(ends_at=timezone.now())
    AuthToken.objects.create(user=user, expiry=timedelta(seconds=-1))
    living, _ = AuthToken.objects.create(user=user)
    for _ in range(2):
        erase_expired()
    assert not IdempotencyKey.objects.exists()
    assert not ThrottleWindow.objects.exists()
    assert list(AuthToken.objects.all()) == [living]


def test_more_than_one_batch_is_erased():
    for number in range(5):
        throttles.hit(f"bucket-{number}", 1, 60)
    ThrottleWindow.objects.update(ends_at=timezone.now())
    assert delete_in_batches(ThrottleWindow, "ends_at", batch=2) == 5
