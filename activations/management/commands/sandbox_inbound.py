"""`manage.py sandbox_inbound`: an SMS arrives at a number, through the same service as a carrier's webhook."""

import uuid
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from activations.services import receive_text


class Command(BaseCommand):
    requires_system_checks = ()  # the web server has made them
    help = "Let an SMS arrive at a number. Development only."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", required=True, help="Our number, E.164.")
        parser.add_argument("--text", required=True)
        parser.add_argument("--from", default="", dest="sender")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.SANDBOX:
            raise CommandError("The sandbox is off here.")
        message = receive_text(
            provider="sandbox",
            provider_message_id=f"manual-{uuid.uuid4()}",
            to=options["to"],
            text=options["text"],
            sender=options["sender"],
        )
        whose = f"activation {message.activation_id}" if message.activation_id else "nobody"
        if message.subscription_id:
            whose = f"subscription {message.subscription_id}"
        self.stdout.write(f"{message.state}: {whose}, code {message.code or 'none'}")
