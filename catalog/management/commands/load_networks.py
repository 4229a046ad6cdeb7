"""`manage.py load_networks`: the world's mobile networks and their prefixes, again and again the same."""

from typing import Any

from django.core.management.base import BaseCommand

from catalog.services.countries import load_countries
from catalog.services.networks import load_networks


class Command(BaseCommand):
    help = "Load mobile networks (MCC, MNC) and their prefixes from open data; repeating it renews them."

    def handle(self, *args: Any, **options: Any) -> None:
        load_countries()
        loaded = load_networks()
        self.stdout.write(
            f"{loaded.networks:,} networks; {loaded.matched:,} prefixes matched to one, "
            f"{loaded.unmatched:,} of carriers that are none of them."
        )
