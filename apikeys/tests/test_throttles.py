"""Counting: exact over threads, per window, and gone when it is over."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.db.models import F

from apikeys.errors import TooManyRequests
from apikeys.models import ThrottleWindow
from apikeys.services import throttles

THREADS = 8


@pytest.fixture
def clock():
    with time_machine.travel("2026-04-17T09:10:30Z", tick=False) as clock:
        yield clock


@pytest.mark.django_db
def test_hits_are_counted_up_to_the_limit_and_beyond(clock):
    windows = [throttles.hit("sms", 2, 60) for _ in range(3)]
    assert [window.hits for window in windows] == [1, 2, 3]
    assert [window.exceeded for window in windows] == [False, False, True]
    assert [window.remaining for window in windows] == [1, 0, 0]
    assert windows[0].retry_after_seconds == 30
    assert throttles.count("sms", 60) == 3


@pytest.mark.django_db
def test_a_new_window_starts_from_nothing(clock):
    throttles.hit("sms", 1, 60)
    clock.shift(30)
    assert throttles.count("sms", 60) == 0
    assert not throttles.hit("sms", 1, 60).exceeded


@pytest.mark.django_db
def test_buckets_and_window_lengths_do_not_mix(clock):
    throttles.hit("sms", 1, 60)
    assert throttles.hit("email", 1, 60).hits == 1
    assert throttles.hit("sms", 1, 3600).hits == 1


@pytest.mark.django_db
def test_a_required_limit_refuses_and_says_how_long(clock):
    throttles.require("sms", 1, 60)
    with pytest.raises(TooManyRequests) as refusal:
        throttles.require("sms", 1, 60)
    assert refusal.value.facts == {"retry_after_seconds": 30}


@pytest.mark.django_db
def test_windows_that_are_over_are_erased_and_others_stay(clock):
    throttles.hit("old", 1, 60)
    clock.shift(60)
    throttles.hit("new", 1, 60)
    assert throttles.erase_ended() == 1
    assert throttles.erase_ended() == 0
    assert throttles.count("new", 60) == 1


def in_threads(work) -> None:
    barrier = threading.Barrier(THREADS, timeout=20)

    def run(_):
        try:
            connection.ensure_connection()
            barrier.wait()
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(run, range(THREADS)))


@pytest.mark.django_db(transaction=True)
def test_no_hit_is_lost_under_8_threads():
    in_threads(lambda: [throttles.hit("race", 10_000, 86_400) for _ in range(50)])
    assert throttles.count("race", 86_400) == THREADS * 50


@pytest.mark.django_db(transaction=True)
def test_control_a_counter_that_reads_and_then_writes_loses_hits():
    throttles.hit("race", 10_000, 86_400)
    everybody_has_read = threading.Barrier(THREADS, timeout=20)

    def read_then_write():
        window = ThrottleWindow.objects.get()
        everybody_has_read.wait()
        ThrottleWindow.objects.update(hits=window.hits + 1)

    in_threads(read_then_write)
    assert throttles.count("race", 86_400) < 1 + THREADS


# --- Pauses ------------------------------------------------------------------------------------------------


def let_pass(seconds: int) -> None:
    """Pauses go by the database's clock: what is left of them is shortened."""
    ThrottleWindow.objects.update(ends_at=F("ends_at") - timedelta(seconds=seconds))


def test_a_pause_lets_one_through_and_the_next_when_it_is_over(db):
    throttles.require_pause("rental:1", 60)
    with pytest.raises(TooManyRequests) as refusal:
        throttles.require_pause("rental:1", 60)
    throttles.require_pause("rental:2", 60)
    let_pass(60)
    throttles.require_pause("rental:1", 60)
    assert refusal.value.facts == {"retry_after_seconds": 60}


def test_an_ended_pause_is_erased_with_the_windows(db):
    throttles.require_pause("rental:1", 60)
    assert throttles.erase_ended() == 0
    let_pass(60)
    assert (throttles.erase_ended(), ThrottleWindow.objects.count()) == (1, 0)
