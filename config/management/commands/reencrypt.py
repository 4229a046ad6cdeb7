"""`manage.py reencrypt`: after a new key went in front of ENCRYPTION_KEYS, so that the old ones may go."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Model

from config.encryption import Unreadable, rotate


class Command(BaseCommand):
    help = "Encrypt every stored secret anew under the first of ENCRYPTION_KEYS. Safe to repeat, and while all runs."

    def handle(self, *args: Any, **options: Any) -> None:
        unreadable: list[str] = []
        for place in settings.ENCRYPTED_COLUMNS:
            label, column = place.rsplit(".", 1)
            done = reencrypt(apps.get_model(label), column, unreadable)
            self.stdout.write(f"{place}: {done}")
        if unreadable:
            raise CommandError(f"Unreadable, its key is gone: {', '.join(unreadable)}")


def reencrypt(model: type[Model], column: str, unreadable: list[str]) -> int:
    """Bring one column under the newest key; returns of how many rows. What cannot be read is named and left."""
    rows = model._default_manager.exclude(**{column: ""}).order_by("pk")
    done = 0
    for key, stored in rows.values_list("pk", column).iterator(chunk_size=1_000):
        try:
            fresh = rotate(stored)
        except Unreadable:
            unreadable.append(f"{model._meta.label} {key}")
            continue
        # Only what was read: a secret that was replaced meanwhile is under the newest key already.
        done += model._default_manager.filter(pk=key, **{column: stored}).update(**{column: fresh})
    return done
