"""How fast webhooks are delivered, and what a receiver that hangs does to the others.

    .venv/bin/python bench/webhooks.py [--events 10000] [--data FOLDER]

Durable as in production (fsync on), through the dispatcher that the worker runs, to a receiver on the loopback network
in a process of its own. Every delivery is claimed, counted, signed, sent, answered, logged and closed.
"""

import argparse
import asyncio
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench.report import Line, durable_database, load, say, say_machine

WARM_UP = 500
OTHERS = 5
EVENTS_OF_EACH_OTHER = 40
EVENTS_OF_THE_HANGING = 400
PACE_SECONDS = 0.2
CHUNK = 1_000
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--events", type=int, default=10_000)
    options.add_argument("--data", type=Path, help="a folder to keep the database in")
    asked = options.parse_args()
    with Receiver() as receiver, durable_database(asked.data):
        say_machine()
        measure(receiver, asked.events)
        print(f"load average {load()}")


def measure(receiver: "Receiver", many: int) -> None:
    one = customer_with_endpoint("One", receiver.url("/"))
    drained(one, WARM_UP)
    rate, memory = drained(one, many)
    early, late = (max(part) / 2**20 for part in (memory[: len(memory) // 2], memory[len(memory) // 2 :]))
    say(Line(f"{many:,} deliveries, one endpoint", f"{rate:,.0f}/s", "300/s", rate / 300, at_least=1))
    first_half = f"first half {early:,.0f} MiB"
    say(Line("memory in the second half", f"{late:,.0f} MiB", first_half, late / early, at_most=1.05))
    alone = p95_of_others(receiver, hanging=False)
    beside = p95_of_others(receiver, hanging=True)
    say(Line("p95 from event to arrival, alone", f"{alone * 1000:,.0f} ms"))
    say(Line("p95 beside one that hangs", f"{beside * 1000:,.0f} ms", "1,000 ms", beside, at_most=1))
    prove(receiver, WARM_UP + many + 2 * OTHERS * EVENTS_OF_EACH_OTHER)


def customer_with_endpoint(name: str, url: str) -> int:
    from notifications.services.webhooks import create_endpoint
    from wallets.services import open_customer

    customer = open_customer(name=name, currency="USD")
    create_endpoint(customer_id=customer.pk, url=url)
    return customer.pk


def tell(customers: list[int], first: int, count: int) -> None:
    from django.db import transaction

    from wallets.services import News, emit_many

    with transaction.atomic():
        emit_many(
            [
                News(customer_id=customer, kind="message.delivered", object_id=customer * 10**6 + number,
                     payload={"id": number, "to": "+2348012345678", "status": "delivered", "text": "x" * 200})
                for customer in customers for number in range(first, first + count)
            ],
            object_type="message",
        )  # fmt: skip


def drained(customer: int, count: int) -> tuple[float, list[int]]:
    """Deliveries a second, and the process's memory meanwhile, in bytes."""
    import psutil

    from wallets.models import Event

    first = Event.objects.filter(customer_id=customer).count()
    for begin in range(first, first + count, CHUNK):
        tell([customer], begin, min(CHUNK, first + count - begin))
    memory: list[int] = []
    own = psutil.Process()
    began = time.perf_counter()
    dispatch(lambda: memory.append(own.memory_info().rss))
    return count / (time.perf_counter() - began), memory


def dispatch(beat: Callable[[], None]) -> None:
    from notifications.services.webhooks import Dispatcher

    async def until_idle() -> None:
        await Dispatcher(beat=beat).run(until_idle=True)

    asyncio.run(until_idle())


def p95_of_others(receiver: "Receiver", *, hanging: bool) -> float:
    """Seconds from the commit of an event to its arrival, for customers beside one whose receiver may hang."""
    name = "hanging" if hanging else "alone"
    others = [customer_with_endpoint(f"{name}-{number}", receiver.url(f"/{name}")) for number in range(OTHERS)]
    if hanging:
        tell([customer_with_endpoint("Hangs", receiver.url("/hang"))], 0, EVENTS_OF_THE_HANGING)
    asyncio.run(told_meanwhile(others))
    arrived = receiver.arrivals(f"/{name}")
    return statistics.quantiles([at - told for told, at in arrived], n=20)[-1]


async def told_meanwhile(others: list[int]) -> None:
    from asgiref.sync import sync_to_async

    from notifications.services.webhooks import Dispatcher

    dispatcher = Dispatcher()
    running = asyncio.create_task(dispatcher.run())
    for number in range(EVENTS_OF_EACH_OTHER):
        await sync_to_async(tell)(others, number, 1)
        await asyncio.sleep(PACE_SECONDS)
    await asyncio.sleep(2)
    dispatcher.stop()
    await running


def prove(receiver: "Receiver", expected: int) -> None:
    from notifications.models import WebhookDelivery

    succeeded = WebhookDelivery.objects.filter(status="succeeded").count()
    print(f"{succeeded:,} deliveries succeeded of {expected:,}")
    if succeeded != expected:
        sys.exit(1)


class Receiver:
    """A customer's server in a process of its own: answers at once, but for `/hang`, which never does."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=receive, args=(theirs,), daemon=True)

    def __enter__(self) -> "Receiver":
        self.process.start()
        self.port = self.pipe.recv()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.join()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def arrivals(self, path: str) -> list[tuple[float, float]]:
        """When each event of a path happened, and when it arrived here."""
        from datetime import datetime

        from wallets.models import Event

        self.pipe.send(path)
        at = dict(self.pipe.recv())
        told: dict[str, datetime] = {
            f"msg_{event.hex}": moment
            for event, moment in Event.objects.filter(kind="message.delivered").values_list("uuid", "created_at")
        }
        return [(told[event].timestamp(), moment) for event, moment in at.items()]


def receive(pipe: Connection) -> None:
    asyncio.run(serve(pipe))


async def serve(pipe: Connection) -> None:
    arrived: dict[str, list[tuple[str, float]]] = {}
    hanging: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                path = head.split(" ", 2)[1]
                fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
                await reader.readexactly(int(fields["content-length"]))
                if path == "/hang":
                    hanging.append(writer)
                    return
                arrived.setdefault(path, []).append((fields["webhook-id"], time.time()))
                writer.write(OK)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1_000)
    pipe.send(server.sockets[0].getsockname()[1])
    loop = asyncio.get_running_loop()
    loop.add_reader(pipe.fileno(), lambda: pipe.send(arrived.get(pipe.recv(), [])))
    await server.serve_forever()


if __name__ == "__main__":
    main()
