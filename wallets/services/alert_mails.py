"""The e-mails of low-balance alerts: claimed, sent outside any transaction, then marked."""

from datetime import timedelta
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from config.numbers import plain
from wallets.models import LowBalanceAlert

BATCH = 100
# The waits between tries; after the last of them it is tried once more, then given up. The alert and its event stay.
RETRY = tuple(timedelta(minutes=minutes) for minutes in (2, 10, 60, 6 * 60, 24 * 60))

log = structlog.get_logger(__name__)


def mail_low_balances(*, limit: int = BATCH) -> int:
    """Send the e-mails that are due; returns how many were sent.

    Each is claimed before it is sent, so two ticks at once send different ones. A crash between sending and
    marking sends it again, under the same Message-ID.
    """
    sent = 0
    for _ in range(limit):
        alert = _claim()
        if alert is None:
            break
        sent += _send(alert)
    return sent


@transaction.atomic
def _claim() -> LowBalanceAlert | None:
    now = timezone.now()
    due = LowBalanceAlert.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
    alert = due.select_related("wallet__customer").filter(due_at__lte=now).order_by("due_at", "id").first()
    if alert is not None:
        is_last = alert.attempts >= len(RETRY)
        alert.due_at = None if is_last else now + RETRY[alert.attempts]
        alert.attempts += 1
        alert.save(update_fields=["due_at", "attempts"])
    return alert


def _send(alert: LowBalanceAlert) -> int:
    try:
        _message_of(alert).send()
    except Exception as error:
        # Its text may hold what the mail server was told; the class says enough.
        log.warning("low balance could not be mailed", alert=alert.pk, error=type(error).__name__)
        return 0
    LowBalanceAlert.objects.filter(pk=alert.pk).update(
        mailed_at=timezone.now(), mailed_to=alert.wallet.customer.email, due_at=None
    )
    return 1


def _message_of(alert: LowBalanceAlert) -> EmailMessage:
    wallet = alert.wallet
    level, available = f"{plain(alert.level):f}", f"{plain(alert.available):f}"
    facts = {"customer": wallet.customer.name, "currency": wallet.currency, "level": level, "available": available}
    host = urlsplit(settings.PUBLIC_BASE_URL).hostname or "localhost"
    return EmailMessage(
        subject=f"Your {wallet.currency} balance is below {level}",
        body=render_to_string("mail/low_balance.txt", facts),
        to=[wallet.customer.email],
        headers={"Message-ID": f"<low-balance-{alert.uuid}@{host}>"},
    )
