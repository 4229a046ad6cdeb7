"""Wrong credentials, counted per client address. A right one is never asked for this.

Callers check the credential first and come here only with a failure.
"""

import hashlib
import time

from apikeys.errors import TooManyRequests
from apikeys.services import addresses, throttles

FAILURES_PER_MINUTE = 30  # the contracts promise that 20 are answered as such
WINDOW_SECONDS = 60


def count_failure(address: str, email: str | None = None) -> None:
    """Count a wrong credential from an address, and against an e-mail address where one was tried.

    Raises TooManyRequests beyond 30 a minute of either.
    """
    windows = [throttles.hit(f"guess:{addresses.neighbourhood(address)}", FAILURES_PER_MINUTE, WINDOW_SECONDS)]
    if email is not None:
        windows.append(throttles.hit(f"login:{_hidden(email)}", FAILURES_PER_MINUTE, WINDOW_SECONDS))
    for window in windows:
        if window.exceeded:
            raise TooManyRequests(retry_after_seconds=window.retry_after_seconds)


def count_malformed(address: str) -> None:
    """Count what could never be a key: the first of them, and all in a flood, without a query.

    Such a thing cannot be a lucky guess, so this protects the database and no secret. The first
    few a minute in each process go uncounted; once the shared count is exceeded this process
    remembers that until the minute ends. Raises TooManyRequests beyond.
    """
    _flood.count(address)


class Flood:
    """One process's memory of malformed keys per address, forgotten every minute."""

    FREE = 10
    MOST_ADDRESSES = 10_000  # then forgotten: it only saves queries

    def __init__(self) -> None:
        self.minute = 0
        self.seen: dict[str, int] = {}
        self.refused: set[str] = set()

    def count(self, address: str) -> None:
        now = time.time()
        self._forget_old(int(now) // WINDOW_SECONDS)
        if address in self.refused:
            raise TooManyRequests(retry_after_seconds=WINDOW_SECONDS - int(now) % WINDOW_SECONDS)
        self.seen[address] = self.seen.get(address, 0) + 1
        if self.seen[address] > self.FREE:
            self._count_for_all(address)

    def _count_for_all(self, address: str) -> None:
        try:
            count_failure(address)
        except TooManyRequests:
            self.refused.add(address)
            raise

    def _forget_old(self, minute: int) -> None:
        if minute != self.minute or len(self.seen) > self.MOST_ADDRESSES:
            self.minute, self.seen, self.refused = minute, {}, set()


_flood = Flood()


def _hidden(email: str) -> str:
    return hashlib.sha256(email.lower().encode()).hexdigest()[:32]
