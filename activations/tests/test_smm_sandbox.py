"""The pretend provider: orders deliver by themselves, and magic links choose other endings."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from activations.errors import SmmOrderRefused
from activations.models import SandboxSmmOrder, SmmOrder
from activations.services import smm
from activations.tasks import settle_smm_orders
from activations.tests.factories import FUNDS, differences, purse
from activations.tests.smm import PRICE, Status, make_smm_service, ordered

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _three_seconds(settings):
    settings.SANDBOX_DELAY_SECONDS = 3


@pytest.fixture
def pretend(db):
    return make_smm_service(provider="sandbox", can_cancel=True, can_refill=True)


def after(seconds: float, order: SmmOrder) -> SmmOrder:
    """So many seconds after it was ordered, the tick comes by."""
    SandboxSmmOrder.objects.update(ordered_at=timezone.now() - timedelta(seconds=seconds))
    SmmOrder.objects.update(due_at=timezone.now())
    settle_smm_orders()
    order.refresh_from_db()
    return order


def magic(buyer, service, word: str) -> SmmOrder:
    return ordered(buyer, service, link=f"https://instagram.com/{word}")


def test_an_order_is_delivered_within_seconds(buyer, pretend):
    order = ordered(buyer, pretend)
    assert (after(1, order).status, order.progress) == (Status.PENDING, 0)
    assert after(3, order).status == Status.IN_PROGRESS
    assert 45 <= order.progress <= 60
    assert (after(5, order).status, order.progress) == (Status.COMPLETED, 100)
    assert (0 <= order.start_count < 5000, purse(buyer)[0], differences()) == (True, FUNDS - PRICE, [])


def test_progress_never_goes_back(buyer, pretend):
    order = ordered(buyer, pretend)
    seen = [after(seconds / 4, order).progress for seconds in range(20)]
    assert (seen, seen[-1]) == (sorted(seen), 100)
    assert len(set(seen)) > 5


@pytest.mark.parametrize(("word", "given_back"), [("partial", "0.15"), ("canceled", "0.5"), ("failed", "0.5")])
def test_magic_links_choose_other_endings(buyer, pretend, word, given_back):
    order = after(6, magic(buyer, pretend, f"sandbox-{word}"))
    assert (order.status, purse(buyer)[0]) == (word, FUNDS - PRICE + Decimal(given_back))
    assert differences() == []


def test_a_magic_link_is_refused(buyer, pretend):
    with pytest.raises(SmmOrderRefused):
        magic(buyer, pretend, "sandbox-refused")
    assert purse(buyer)[0] == FUNDS


def test_a_magic_link_hangs_and_turns_out_to_be_placed(buyer, pretend, settings):
    settings.SANDBOX_DELAY_SECONDS = 0.01
    order = magic(buyer, pretend, "sandbox-unknown")
    assert order.status == Status.UNKNOWN
    settings.SANDBOX_DELAY_SECONDS = 3
    assert after(0, order).status == Status.PENDING
    assert after(6, order).status == Status.COMPLETED


@pytest.mark.parametrize(("seconds", "status"), [(0, "canceled"), (3, "partial"), (6, "completed")])
def test_what_is_stopped_ends_by_how_far_it_was(buyer, pretend, seconds, status):
    order = ordered(buyer, pretend)
    SandboxSmmOrder.objects.update(ordered_at=timezone.now() - timedelta(seconds=seconds))
    smm.request_cancel(order=order)
    stopped = SandboxSmmOrder.objects.get()
    SmmOrder.objects.update(due_at=timezone.now())
    settle_smm_orders()
    order.refresh_from_db()
    assert (order.status, stopped.canceled_at is not None) == (status, True)
    assert differences() == []


def test_what_dropped_off_can_be_asked_for(buyer, pretend):
    order = after(6, ordered(buyer, pretend))
    assert smm.request_refill(order=order).refill_id == f"refill-{order.provider_order_id}"
