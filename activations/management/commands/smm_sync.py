"""`manage.py smm_sync`: our SMM services follow the panel's list."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from activations.services import smm
from config.errors import DomainError


class Command(BaseCommand):
    help = "Read the panel's list of services. New ones arrive switched off and without a price; prices never change."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.stdout.write(str(smm.sync_services()))
        except DomainError as refusal:
            raise CommandError(refusal.message) from None
