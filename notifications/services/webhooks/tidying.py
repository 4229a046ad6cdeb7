"""The log of webhooks is kept only as long as it may be, and customers hear of endpoints that were given up."""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from yarl import URL

from notifications.models import WebhookEndpoint

log = structlog.get_logger(__name__)

BATCH = 1_000
MOST_BATCHES = 100
TELL_AGAIN_AFTER = timedelta(minutes=10)

ERASE_ANSWERS = """
    WITH due AS (
        SELECT id FROM notifications_webhookdelivery WHERE erase_after <= now()
         ORDER BY erase_after LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
    ), erased AS (
        UPDATE notifications_webhookattempt SET answer = '' WHERE delivery_id IN (SELECT id FROM due) AND answer <> ''
    )
    UPDATE notifications_webhookdelivery SET erase_after = NULL WHERE id IN (SELECT id FROM due)
"""
DISCARD = """
    UPDATE notifications_webhookdelivery SET status = 'discarded', next_attempt_at = NULL, closed_at = now()
     WHERE id IN (
        SELECT d.id FROM notifications_webhookendpoint e
          JOIN wallets_customer c ON c.id = e.customer_id
          JOIN notifications_webhookdelivery d ON d.endpoint_id = e.id AND d.status = 'pending'
         WHERE e.deleted_at IS NOT NULL OR c.status = 'closed'
         ORDER BY d.id LIMIT %s FOR NO KEY UPDATE OF d SKIP LOCKED)
"""
# By id, which is by age. Also what still waits: by then its content is erased.
FORGET = """
    WITH old AS (
        SELECT id FROM (SELECT id, created_at FROM notifications_webhookdelivery ORDER BY id LIMIT %s) oldest
         WHERE created_at < %s
    ), calls AS (
        DELETE FROM notifications_webhookattempt WHERE delivery_id IN (SELECT id FROM old)
    )
    DELETE FROM notifications_webhookdelivery WHERE id IN (SELECT id FROM old)
"""


def tidy() -> int:
    """Erase answers with their events' contents, discard what endpoints that are deleted, or whose customer left, wait
    for, forget the old log.

    Returns how many deliveries it concerned. Safe to run twice at once.
    """
    forgotten_before = timezone.now() - timedelta(days=settings.WEBHOOK_LOG_DAYS)
    return _in_batches(ERASE_ANSWERS) + _in_batches(DISCARD) + _in_batches(FORGET, forgotten_before)


def _in_batches(statement: str, *more: datetime) -> int:
    total = 0
    with connection.cursor() as cursor:
        for _ in range(MOST_BATCHES):
            cursor.execute(statement, [BATCH, *more])
            total += cursor.rowcount
            if cursor.rowcount < BATCH:
                break
    return total


def tell_of_disabled() -> int:
    """Write to the customers whose endpoints were disabled without their doing; returns how many were told.

    Each is claimed before it is written to, so two ticks at once write to different ones; it is told once, again
    only where a crash came between the letter and its note. A letter that fails is tried again later.
    """
    told = 0
    for _ in range(BATCH):
        endpoint = _claim_untold()
        if endpoint is None:
            break
        told += _tell(endpoint)
    return told


@transaction.atomic
def _claim_untold() -> WebhookEndpoint | None:
    now = timezone.now()
    free = Q(telling_until=None) | Q(telling_until__lte=now)
    due = WebhookEndpoint.objects.kept().filter(
        free, disabled_reason__in=WebhookEndpoint.BY_ITSELF, told_of_disabling_at=None
    )
    untold = due.select_for_update(no_key=True, skip_locked=True, of=("self",)).select_related("customer")
    endpoint = untold.order_by("disabled_at").first()
    if endpoint is not None:
        endpoint.telling_until = now + TELL_AGAIN_AFTER
        endpoint.save(update_fields=["telling_until"])
    return endpoint


def _tell(endpoint: WebhookEndpoint) -> bool:
    address = endpoint.customer.email
    try:
        if address:
            send_mail("A webhook endpoint was disabled", letter_about(endpoint), None, [address])
    except Exception as error:
        # Its text may hold what the mail server was told; one bad address must not keep the others waiting.
        log.warning("a customer could not be written to", endpoint=endpoint.pk, error=type(error).__name__)
        return False
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(told_of_disabling_at=timezone.now())
    return True


def letter_about(endpoint: WebhookEndpoint) -> str:
    """Names the host alone: a path or query may hold a secret of the customer's."""
    return (
        f"Your webhook endpoint at {URL(endpoint.url).host} (number {endpoint.pk}) was disabled on"
        f" {endpoint.disabled_at:%Y-%m-%d %H:%M} UTC.\n"
        f"Reason: {endpoint.get_disabled_reason_display()}.\n\n"
        "Events from now on are not sent to it. Once it works again, enable it;"
        " what was not delivered until then can be replayed.\n"
    )
