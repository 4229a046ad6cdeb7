"""The process that delivers webhooks: claims what is due, calls receivers concurrently, writes down what came of it.

One event loop calls; one thread speaks to the database, in batches. Slow receivers hold nothing but a socket, and a
claim leaves room for the others (see `claiming`), so one customer's hanging server delays no other customer.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

import aiohttp
import structlog
from asgiref.sync import sync_to_async
from django.db import InterfaceError, OperationalError, close_old_connections, connection, connections
from django.utils import timezone

from notifications.services.webhooks import calling
from notifications.services.webhooks.claiming import Claim, claim
from notifications.services.webhooks.outcomes import Outcome, record

log = structlog.get_logger(__name__)

MOST_IN_FLIGHT = 2_000
CLAIMED_AT_ONCE = 200
IDLE_SECONDS = 0.2  # how soon a new event is noticed
GATHER_SECONDS = 0.01  # outcomes that end together are written down together
OUTAGE_SECONDS = 1.0


class Dispatcher:
    """Delivers until told to stop, or with `until_idle` until nothing is due and nothing in flight."""

    def __init__(self, *, beat: Callable[[], None] = lambda: None) -> None:
        self.beat = beat
        self.stopping = asyncio.Event()
        self.ended = asyncio.Event()  # some call has
        self.busy: Counter[int] = Counter()
        self.calls: set[asyncio.Task[None]] = set()
        self.outcomes: list[Outcome] = []

    async def run(self, *, until_idle: bool = False) -> None:
        async with calling.open_session() as session:
            while not self.stopping.is_set():
                self.beat()
                claimed = await self._turn(self._room())
                for each in claimed:
                    self._begin(session, each)
                if until_idle and not claimed and not self.calls and not self.outcomes:
                    break
                await self._wait(soon=bool(claimed))
            await self._finish()

    def stop(self) -> None:
        """Claim nothing more; what is in flight ends within its deadline."""
        self.stopping.set()
        self.ended.set()

    def _room(self) -> int:
        return min(CLAIMED_AT_ONCE, MOST_IN_FLIGHT - len(self.calls))

    async def _turn(self, room: int) -> list[Claim]:
        """One visit to the database: outcomes in, claims out. What could not be written is kept for the next."""
        writing, self.outcomes = self.outcomes, []
        try:
            return await sync_to_async(_visit)(writing, room, dict(self.busy))
        except (OperationalError, InterfaceError) as error:
            log.warning("webhooks wait for the database", error=type(error).__name__)
            self.outcomes = writing + self.outcomes
            await asyncio.sleep(OUTAGE_SECONDS)
            return []

    def _begin(self, session: aiohttp.ClientSession, claimed: Claim) -> None:
        self.busy[claimed.endpoint_id] += 1
        task = asyncio.create_task(self._deliver(session, claimed))
        self.calls.add(task)
        task.add_done_callback(self.calls.discard)

    async def _deliver(self, session: aiohttp.ClientSession, claimed: Claim) -> None:
        outcome = await calling.call(session, claimed, now=timezone.now())
        self.busy[claimed.endpoint_id] -= 1
        self.busy += Counter()  # forget those with nothing in flight
        self.outcomes.append(outcome)
        self.ended.set()

    async def _wait(self, *, soon: bool) -> None:
        """Until some call has ended, or it is time to look for new events."""
        if not soon:
            try:
                await asyncio.wait_for(self.ended.wait(), IDLE_SECONDS)
            except TimeoutError:
                return
        self.ended.clear()
        await asyncio.sleep(GATHER_SECONDS)

    async def _finish(self) -> None:
        if self.calls:
            await asyncio.wait(self.calls)
        await self._turn(0)
        await sync_to_async(connections.close_all)()


def _visit(outcomes: list[Outcome], room: int, busy: dict[int, int]) -> list[Claim]:
    if not connection.in_atomic_block:  # never but in tests
        close_old_connections()
    _write_down(outcomes)
    return claim(most=room, busy=busy) if room else []


def _write_down(outcomes: list[Outcome]) -> None:
    """All at once; where one of them cannot be written, one by one, so that it harms nobody but itself."""
    try:
        record(outcomes)
    except (OperationalError, InterfaceError):
        raise  # the database is away: all of it later
    except Exception:
        log.exception("outcomes of webhooks could not be written together")
        for each in outcomes:
            _write_alone(each)


def _write_alone(outcome: Outcome) -> None:
    try:
        record([outcome])
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        # Its lease ends, and it is tried again.
        log.exception("an outcome of a webhook could not be written", delivery=outcome.delivery_id)
