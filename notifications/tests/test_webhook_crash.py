"""kill −9 of the process that delivers webhooks, again and again: everything arrives, at least once, under its id."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from config.tests.processes import ROOT, database_url, living, wait_for
from notifications.models import WebhookDelivery
from notifications.tests.factories import make_buyer
from notifications.tests.webhooks import make_endpoint, tell
from tests.receiver import Answer, receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("webhooks")]

KILLS = 20
EVENTS_BEFORE_EACH = 25
# What a killed process held is free again after twice this.
DEADLINE_SECONDS = "2"


@pytest.fixture
def start_dispatcher() -> Iterator[Callable[[], int]]:
    launcher = subprocess.Popen(
        [sys.executable, "-m", "notifications.tests.webhook_launcher"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database_url(), "WEBHOOK_DEADLINE_SECONDS": DEADLINE_SECONDS},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def start() -> int:
        launcher.stdin.write("go\n")
        launcher.stdin.flush()
        return int(launcher.stdout.readline())

    yield start
    launcher.kill()  # and the last dispatcher dies with it
    launcher.wait()


def test_killed_twenty_times_during_500_events_each_is_delivered_at_least_once(start_dispatcher):
    customer = make_buyer().customer_id
    told: set[str] = set()
    with receiver() as server:
        # Slow enough that every kill meets calls in flight.
        server.answers = [Answer(before=lambda: time.sleep(0.2))]
        make_endpoint(customer, server.url())
        for number in range(KILLS):
            told |= {tell_one(customer, number, each) for each in range(EVENTS_BEFORE_EACH)}
            before = len(server.received)
            dispatcher = start_dispatcher()
            wait_for(lambda so_far=before: len(server.received) > so_far, every=0.002)
            time.sleep(random.uniform(0, 0.3))
            os.kill(dispatcher, signal.SIGKILL)
            wait_for(lambda pid=dispatcher: not living([pid]))
        cut_off = WebhookDelivery.objects.filter(status="pending", attempts__gt=0).count()
        assert cut_off > 0, "the kills met work in hand"
        dispatcher = start_dispatcher()
        wait_for(lambda: not WebhookDelivery.objects.exclude(status="succeeded").exists(), every=0.2)
        os.kill(dispatcher, signal.SIGKILL)
        wait_for(lambda: not living([dispatcher]))

    times = Counter(server.ids)
    # Shown with `pytest -s`.
    print(f"\n{KILLS} kills, {len(told)} events, {sum(times.values())} arrivals, at most {max(times.values())} of one")  # noqa: T201
    assert set(times) == told
    assert len(told) == KILLS * EVENTS_BEFORE_EACH


def tell_one(customer: int, number: int, each: int) -> str:
    return f"msg_{tell(customer, object_id=number * EVENTS_BEFORE_EACH + each).uuid.hex}"
