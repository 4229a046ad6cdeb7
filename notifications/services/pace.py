"""No provider is handed more messages a second than it takes, counted over all processes."""

from django.conf import settings
from django.db import connection

# The clock is the database's: hosts may differ.
TAKE = """
INSERT INTO notifications_providerpace AS p (provider, second, used)
VALUES (%(provider)s, date_trunc('second', statement_timestamp()), 1)
ON CONFLICT (provider) DO UPDATE SET
    used = CASE WHEN p.second = EXCLUDED.second THEN p.used + 1 ELSE 1 END, second = EXCLUDED.second
WHERE p.second <> EXCLUDED.second OR p.used < %(limit)s
RETURNING used
"""


def take_turn(provider: str) -> bool:
    """May one more message go to `provider` in this second? Taking the turn counts it."""
    limit = settings.MESSAGES_PER_SECOND
    if limit <= 0:
        return True
    with connection.cursor() as cursor:
        cursor.execute(TAKE, {"provider": provider, "limit": limit})
        return cursor.fetchone() is not None
