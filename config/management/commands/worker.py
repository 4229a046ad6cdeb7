from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from config.checks import TAG
from config.watchdog import Watchdog


class Command(BaseCommand):
    requires_system_checks = (TAG,)
    help = "Run periodic and queued work until SIGTERM or SIGINT; replaces a queue that has gone silent."

    def handle(self, *args: Any, **options: Any) -> None:
        Watchdog(stale_seconds=settings.QUEUE_STALE_SECONDS, companions=settings.COMPANIONS).run()
