"""No provider is handed more messages a second than it takes, counted over all processes."""

from django.conf import settings
from django.db import connection, transaction

from notifications.providers import SANDBOX

# The clock is the database's: hosts may differ.
NOW = "date_trunc('second', statement_timestamp())"
ADD = f"""
INSERT INTO notifications_providerpace (provider, second, used) VALUES (%s, {NOW}, 0)
ON CONFLICT (provider) DO NOTHING
"""  # noqa: S608
USED = f"""
SELECT CASE WHEN second = {NOW} THEN used ELSE 0 END FROM notifications_providerpace
 WHERE provider = %s FOR NO KEY UPDATE
"""  # noqa: S608
TAKE = f"UPDATE notifications_providerpace SET used = %s, second = {NOW} WHERE provider = %s"  # noqa: S608
GIVE_BACK = f"""
UPDATE notifications_providerpace SET used = greatest(used - %s, 0) WHERE provider = %s AND second = {NOW}
"""  # noqa: S608


@transaction.atomic
def take_turns(provider: str, wanted: int) -> int:
    """How many of `wanted` messages may go to `provider` in this second. Taking the turns counts them.

    The sandbox takes as many as come.
    """
    limit = settings.MESSAGES_PER_SECOND
    if limit <= 0 or provider == SANDBOX:
        return wanted
    with connection.cursor() as cursor:
        cursor.execute(ADD, [provider])
        cursor.execute(USED, [provider])
        used = cursor.fetchone()[0]
        granted = max(min(wanted, limit - used), 0)
        if granted:
            cursor.execute(TAKE, [used + granted, provider])
    return granted


def give_turns_back(provider: str, count: int) -> None:
    """These turns of this second were not needed."""
    if count > 0 and settings.MESSAGES_PER_SECOND > 0 and provider != SANDBOX:
        with connection.cursor() as cursor:
            cursor.execute(GIVE_BACK, [count, provider])
