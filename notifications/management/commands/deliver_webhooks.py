import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config import supervised, ticks
from notifications.services.webhooks import Dispatcher


class Command(BaseCommand):
    requires_system_checks = ()  # the worker has made them
    help = "Deliver webhooks until SIGTERM or SIGINT. `manage.py worker` starts and watches one of these."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--until-idle", action="store_true", help="End when nothing is due.")

    def handle(self, *args: Any, **options: Any) -> None:
        supervised.follow_parent()
        asyncio.run(deliver(until_idle=options["until_idle"]))


async def deliver(*, until_idle: bool) -> None:
    dispatcher = Dispatcher(beat=ticks.beat)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, dispatcher.stop)
    await dispatcher.run(until_idle=until_idle)
