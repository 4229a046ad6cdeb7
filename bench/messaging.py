"""How fast a sending is priced, made, handed over and settled: 100,000 recipients over 20,000 rates.

    .venv/bin/python bench/messaging.py [--recipients 100000] [--data FOLDER]

Durable as in production (fsync on). 100,000 recipients hit every rate. Every message is a row with its
price, its report and its events; its money is held and captured chunk by chunk. The sandbox provider carries them.
The books are proved at the end: what was held is what was captured and released, to the last digit.
"""

import argparse
import json
import logging
import multiprocessing
import resource
import sys
import time
from decimal import Decimal
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench.report import Line, _disconnect, callers, durable_database, load, say, say_machine
from bench.serving import requests_a_second, web_server

RATES = 20_000
FEW = 1_000
ROUNDS = 3
CLIENTS = 8
TEXT = "Your parcel is here."
PAST = "2020-01-01T00:00:00Z"
MIB = 1024


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--recipients", type=int, default=100_000)
    options.add_argument("--data", type=Path, help="a folder to keep the database in")
    asked = options.parse_args()
    with durable_database(asked.data):
        logging.disable()  # a line for each request
        say_machine()
        measure(asked.recipients)
        print(f"load average {load()}")


def measure(many: int) -> None:
    buyer, key = make_world()
    measure_requests(key, many)
    measure_calculation(buyer, many)
    few = [stages(buyer, FEW) for _ in range(ROUNDS)]
    all_of_them = stages(buyer, many)
    limits = {"create": 20_000, "dispatch": 3_000, "reports": 3_000, "settle": None}
    for name, limit in limits.items():
        figure = many / all_of_them[name]
        say(
            Line(f"{name} {many:,}", f"{figure:,.0f}/s", f"{limit:,}/s" if limit else "",
                 figure / limit if limit else None, at_least=1)
        )  # fmt: skip
    for name in ("create", "dispatch", "reports"):
        one_of_few = sorted(each[name] for each in few)[ROUNDS // 2] / FEW
        one_of_many = all_of_them[name] / many
        say(
            Line(f"{name}: one of {many:,}, one of {FEW:,}", f"{1e6 * one_of_many:,.0f} µs",
                 f"{1e6 * one_of_few:,.0f} µs", one_of_many / one_of_few, at_most=1.3)
        )  # fmt: skip
    prove()


def make_world():
    """20,000 networks with a prefix and a price each, a house sender, and a customer with money and a key."""
    from apikeys.services.keys import issue_key
    from catalog.models import Country, Price, SmsDestination
    from catalog.services.countries import load_countries
    from catalog.services.sms_destinations import create_destinations, place_of
    from notifications.models import Sender
    from wallets.services import Buyer, deposit, open_customer

    load_countries()
    country = Country.objects.get(code="DK")
    networks = [
        SmsDestination(country=country, mcc=f"{100 + number // 1000}", mnc=f"{number % 1000:03}", cost=Decimal("0.01"))
        for number in range(RATES)
    ]
    create_destinations(networks, {place_of(each): [f"45{number:05}"] for number, each in enumerate(networks)})
    Price.objects.bulk_create(
        Price(product_id=each.pk, amount=Decimal("0.03") + number % 7 / Decimal(1000), currency="USD",
              effective_from=PAST)
        for number, each in enumerate(networks)
    )  # fmt: skip
    Sender.objects.create(channel="sms", address="INFO", status="approved", provider="sandbox")
    customer = open_customer(name="Bench")
    wallet = customer.wallets.get()
    deposit(wallet=wallet, amount=Decimal(10_000_000), reference="bench")
    key = issue_key(customer=customer, name="Bench", actor="bench")[1]
    return Buyer(customer.pk, wallet.pk, "USD", credential="bench", actor="bench"), key


def numbers(count: int) -> list[str]:
    """Five to a rate, so 100,000 hit every rate there is; none of them is magic."""
    return [f"+45{number // 5 % RATES:05}{number % 5}{number // 5 // RATES:02}99" for number in range(count)]


def measure_requests(key: str, many: int) -> None:
    """The whole request, in a process of its own as a web worker is: its time, and the most memory it has used."""
    _disconnect()
    queue = multiprocessing.get_context("fork").SimpleQueue()
    process = multiprocessing.get_context("fork").Process(target=request_in_a_process, args=(key, many, queue))
    process.start()
    seconds, megabytes = queue.get()
    process.join()
    say(Line(f"calculate {many:,}: the whole request", f"{seconds:.2f} s", "3 s", seconds / 3, at_most=1))
    say(Line(f"calculate {many:,}: memory of the process", f"{megabytes:,.0f} MiB", "400 MB", megabytes / 381,
             at_most=1))  # fmt: skip
    one = callers(2, 3, lambda caller, number: calculate_request(key, 1))
    say(Line("calculate 1: whole requests, two workers", f"{one:,.0f}/s", "10 × 3,000 a minute", one / 500, at_least=1))
    measure_http(key)


def measure_http(key: str) -> None:
    """The same over HTTP: the web server with its workers, and clients on connections that they keep."""
    body = json.dumps({"message": TEXT, "recipients": [numbers(1)[0][1:]]})
    request = (
        f"POST /sendings/calculate HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    with web_server() as port:
        rate, slowest = requests_a_second(port, request.encode(), clients=CLIENTS, seconds=10)
    name = f"calculate 1 over HTTP, {CLIENTS} connections"
    say(Line(name, f"{rate:,.0f}/s", f"10 × 3,000 a minute; p99 {1000 * slowest:.0f} ms", rate / 500, at_least=1))


def request_in_a_process(key: str, many: int, queue) -> None:
    calculate_request(key, 1)  # warm, as a worker is after its first request
    began = time.perf_counter()
    calculate_request(key, many)
    seconds = time.perf_counter() - began
    queue.put((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB))


@cache
def client(key: str):
    """One for each process: it loads the middleware once, as a worker does."""
    from django.test import Client

    return Client(headers={"Authorization": f"Bearer {key}"})


def calculate_request(key: str, count: int) -> None:
    body = json.dumps({"message": TEXT, "recipients": [number[1:] for number in numbers(count)]})
    answer = client(key).post("/sendings/calculate", body, content_type="application/json")
    assert answer.status_code == 200, answer.content[:300]


def measure_calculation(buyer, many: int) -> None:
    from notifications.services import calculate

    def seconds(count: int) -> float:
        wanted = numbers(count)
        began = time.perf_counter()
        calculate(customer_id=buyer.customer_id, currency="USD", text=TEXT, recipients=wanted)
        return time.perf_counter() - began

    all_of_them = sorted(seconds(many) for _ in range(ROUNDS))[ROUNDS // 2]
    rate = many / all_of_them
    say(Line(f"calculate {many:,} in the service", f"{rate:,.0f}/s", "100,000/s", rate / 100_000, at_least=1))


def stages(buyer, count: int) -> dict[str, float]:
    """The seconds of each step of one sending: making it, handing it over, its reports (two each), its money."""
    from notifications import services
    from notifications.models import SandboxMessage
    from notifications.services.sandbox import deliver_due_reports

    wanted = services.SendingWanted(channel="sms", recipients=numbers(count), text=TEXT)
    taken = {"create": seconds_of(lambda: services.create_sending(buyer=buyer, wanted=wanted))}
    taken["dispatch"] = seconds_of(lambda: services.dispatch_due(seconds=3600))
    SandboxMessage.objects.filter(next_report_at__isnull=False).update(next_report_at=PAST, accepted_at=PAST)
    halves = seconds_of(lambda: deliver_due_reports(seconds=3600))
    taken["reports"] = halves / 2  # two reports of each message, so this is the time of `count` of them
    taken["settle"] = seconds_of(lambda: services.settle_chunks(seconds=3600))
    return taken


def seconds_of(call) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def prove() -> None:
    from django.db.models import Sum

    from notifications.models import Sending
    from wallets.models import Hold
    from wallets.services.audit import audit

    held = Hold.objects.aggregate(amount=Sum("amount"), captured=Sum("captured"), released=Sum("released"))
    quoted = Sending.objects.aggregate(price=Sum("price"))["price"]
    wrong = [line for finding in audit() for line in finding.differences]
    print(
        f"quoted {quoted}, held {held['amount']}, captured {held['captured']}, released {held['released']};"
        f" {dict(Sending.objects.values_list('status').annotate(Sum('recipients')).order_by())};"
        f" the audit finds {wrong or 'no difference'}"
    )
    if wrong or quoted != held["amount"] or held["amount"] != held["captured"] + held["released"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
