"""The real settings with the ticks of the worker's tests."""

from config.settings import *  # noqa: F403

TICKS = {"config.tests.ticks_for_tests.note": 0.2, "config.tests.ticks_for_tests.fail": 0.2}
COMPANIONS: list[str] = []
