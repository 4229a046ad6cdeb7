"""Several things at the same time, each in a thread with a database connection of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.conf import settings
from django.db import connection

Item = TypeVar("Item")
Result = TypeVar("Result")


def with_a_connection_of_its_own(work: Callable[[Item], Result]) -> Callable[[Item], Result]:
    """`work`, for a thread: the connection it opened is closed behind it."""

    def worked(item: Item) -> Result:
        try:
            return work(item)
        finally:
            connection.close()

    return worked


def each(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Do `work` for each, PROVIDER_CALLS_AT_ONCE of them at the same time; the only one, here."""
    if len(items) <= 1 or settings.PROVIDER_CALLS_AT_ONCE <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(min(len(items), settings.PROVIDER_CALLS_AT_ONCE)) as pool:
        return list(pool.map(with_a_connection_of_its_own(work), items))
