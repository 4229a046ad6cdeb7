"""Deleting what has had its time, a little at once, so that no tick holds locks for long."""

from django.db import connection, models
from django.utils import timezone

BATCH = 1_000

# SKIP LOCKED: two ticks at once share the work, and a row somebody is using waits for the next tick.
DELETE = """
DELETE FROM {table} WHERE {key} IN (
    SELECT {key} FROM {table} WHERE {column} <= %s LIMIT %s FOR UPDATE SKIP LOCKED
)
"""


def delete_in_batches(model: type[models.Model], column: str, batch: int = BATCH) -> int:
    """Delete every row whose moment in `column` has passed; returns how many."""
    quote, meta = connection.ops.quote_name, model._meta
    names = {"table": meta.db_table, "key": str(meta.pk.column), "column": column}
    statement = DELETE.format(**{part: quote(name) for part, name in names.items()})
    now, total = timezone.now(), 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(statement, [now, batch])
            total += cursor.rowcount
            if cursor.rowcount < batch:
                return total
