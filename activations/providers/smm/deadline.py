"""A total deadline around a call. `requests` only bounds the silence between two bytes."""

import threading
from collections.abc import Callable
from typing import TypeVar

from activations.providers.base import OutcomeUnknown

Answer = TypeVar("Answer")


def within(seconds: float, call: Callable[[], Answer]) -> Answer:
    """What `call` returns or raises, or OutcomeUnknown once `seconds` have passed.

    A call that is given up goes on in its own thread until its sockets time out; nobody reads its answer.
    It must not touch the database.
    """
    answers: list[Answer] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(call())
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if answers:
        return answers[0]
    if failures:
        raise failures[0]
    raise OutcomeUnknown("no answer in time")
