import threading

import pytest
from django.db import connection, connections
from django_q.models import OrmQ, Task

from config import ticks
from wallets.models import Tick

NOTE = "config.tests.ticks_for_tests.note"
FAIL = "config.tests.ticks_for_tests.fail"


@pytest.fixture(autouse=True)
def two_ticks(settings, monkeypatch, tmp_path):
    settings.TICKS = {NOTE: 10, FAIL: 3600}
    monkeypatch.setenv("SALDO_TEST_NOTES", str(tmp_path / "notes"))


def age(name: str, *, seconds: float) -> None:
    """Let the tick look as if it had been asked for, and answered, that much earlier."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE wallets_tick SET enqueued_at = enqueued_at - make_interval(secs => %(s)s), "
            "finished_at = finished_at - make_interval(secs => %(s)s) WHERE name = %(n)s",
            {"s": seconds, "n": name},
        )


@pytest.mark.django_db
def test_a_new_tick_is_asked_for_at_once_and_then_once_per_interval():
    ticks.add_missing()
    assert ticks.enqueue_due() == [FAIL, NOTE]
    assert ticks.enqueue_due() == []
    ticks.run(NOTE)
    ticks.run(FAIL)
    age(NOTE, seconds=11)
    age(FAIL, seconds=11)
    assert ticks.enqueue_due() == [NOTE]
    assert OrmQ.objects.count() == 3


@pytest.mark.django_db
def test_a_tick_that_has_not_answered_is_asked_for_again_only_after_the_stale_time(settings):
    settings.QUEUE_STALE_SECONDS = 60
    ticks.add_missing()
    ticks.enqueue_due()
    age(NOTE, seconds=59)
    assert ticks.enqueue_due() == []
    age(NOTE, seconds=2)
    assert ticks.enqueue_due() == [NOTE]


@pytest.mark.django_db
def test_a_tick_answers_with_its_end_and_its_duration():
    ticks.add_missing()
    ticks.enqueue_due()
    assert ticks.unanswered() == [FAIL, NOTE]
    ticks.run(NOTE)
    row = Tick.objects.get(name=NOTE)
    assert row.finished_at >= row.enqueued_at
    assert 0 <= row.duration_seconds < 5
    assert row.error == ""
    assert ticks.unanswered() == [FAIL]


@pytest.mark.django_db
def test_a_failing_tick_leaves_the_class_of_its_error_and_never_its_message():
    ticks.add_missing()
    ticks.run(FAIL)
    assert Tick.objects.get(name=FAIL).error == "ValueError"
    ticks.run(NOTE)
    assert Tick.objects.get(name=NOTE).error == ""
    assert Task.objects.count() == 0


@pytest.mark.django_db
def test_a_tick_that_is_unknown_fails_without_stopping_the_queue():
    Tick.objects.create(name="config.tests.nowhere.at_all", enqueued_at="2026-01-01T00:00:00Z")
    ticks.run("config.tests.nowhere.at_all")
    assert Tick.objects.get().error == "ModuleNotFoundError"


@pytest.mark.django_db
def test_a_tick_without_a_watchdog_or_with_a_dead_one_still_runs(monkeypatch):
    ticks.add_missing()
    monkeypatch.setenv(ticks.HEARTBEAT_VARIABLE, "987654")
    ticks.run(NOTE)
    assert Tick.objects.get(name=NOTE).finished_at is not None


@pytest.mark.django_db(transaction=True)
def test_many_hosts_ask_for_a_tick_once_between_them():
    ticks.add_missing()
    for _ in range(5):
        OrmQ.objects.all().delete()
        Tick.objects.update(enqueued_at="2026-01-01T00:00:00Z", finished_at=None)
        claimed = in_parallel(ticks.enqueue_due, times=6)
        assert sorted(name for names in claimed for name in names) == [FAIL, NOTE]
        assert OrmQ.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_claim_whose_enqueueing_fails_is_not_lost(monkeypatch):
    ticks.add_missing()
    with monkeypatch.context() as broken:
        broken.setattr("config.ticks.async_task", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ticks.enqueue_due()
    assert ticks.enqueue_due() == [FAIL, NOTE]


def in_parallel(work, *, times: int) -> list:
    barrier, answers = threading.Barrier(times), []

    def one() -> None:
        try:
            barrier.wait()
            answers.append(work())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == times
    return answers
