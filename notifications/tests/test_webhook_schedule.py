from datetime import UTC, datetime, timedelta

import pytest

from notifications.services.webhooks.schedule import WAITS, next_attempt

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECONDS = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]


def wait(tries: int, retry_after: str = "") -> float:
    return (next_attempt(tries=tries, now=NOW, retry_after=retry_after) - NOW).total_seconds()


@pytest.mark.parametrize(("tries", "seconds"), list(enumerate(SECONDS, start=1)))
def test_the_waits_are_as_promised_give_or_take_a_tenth(tries, seconds):
    waits = {wait(tries) for _ in range(50)}
    assert all(seconds * 0.9 <= each <= seconds * 1.1 for each in waits)
    assert len(waits) > 1


def test_after_the_tenth_attempt_nothing_is_tried_any_more():
    assert next_attempt(tries=len(WAITS) + 1, now=NOW) is None


@pytest.mark.parametrize(("said", "seconds"), [
    ("120", 120), ("Sat, 21 Nov 2026 12:10:00 GMT", 600), ("999999999999", 86_400),
    ("Sat, 21 Nov 2037 12:10:00 GMT", 86_400),
])  # fmt: skip
def test_a_receiver_may_ask_for_more_time_within_a_day(said, seconds):
    assert wait(1, said) == seconds


@pytest.mark.parametrize(
    "said",
    [
        "",
        "0",
        "-5",
        "soon",
        "1e9",
        "１２０",
        "Sat, 21 Nov 2020 12:10:00 GMT",
        "5, 10",
        "\x00",
        "21 Nov 2026 12:10:00 99999999999999",
        "99999999999999 Nov 2026 12:10:00",
        "x" * 8_000,
        ",,,",
        "21 Nov -1 ::",
    ],
)
def test_what_asks_for_no_time_leaves_the_schedule_as_it_is(said):
    assert 4.5 <= wait(1, said) <= 5.5


def test_a_receiver_cannot_shorten_the_schedule():
    assert wait(2, "1") >= timedelta(minutes=4).total_seconds()
