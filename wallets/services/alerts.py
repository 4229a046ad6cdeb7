"""Telling customers that a wallet runs low: at each of its levels, once for each time it falls below.

Spending does not wait for this: a tick compares the levels with the wallets. A dip that ends before
the tick has looked is not told.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import structlog
from django.db import transaction
from django.utils import timezone

from config.errors import InvalidInput
from config.numbers import plain
from wallets.models import AlertLevel, LowBalanceAlert, Wallet
from wallets.services.amounts import is_money
from wallets.services.events import emit

MOST_LEVELS = 10
BATCH = 1_000

log = structlog.get_logger(__name__)


@transaction.atomic
def set_alert_levels(*, wallet: Wallet, levels: Iterable[Decimal]) -> list[AlertLevel]:
    """Tell the customer when what can be spent falls below each of these amounts; returns them, highest first.

    At most 10; one given twice is one. A level that stays keeps its state; a new one that the wallet is
    below already is told the next time. Repeating it changes nothing. Raises InvalidInput.
    """
    wanted = _checked(levels)
    locked = _lock(wallet.pk)
    locked.alert_levels.exclude(amount__in=wanted).delete()
    kept = set(locked.alert_levels.values_list("amount", flat=True))
    now = timezone.now()
    AlertLevel.objects.bulk_create(
        AlertLevel(wallet=locked, amount=amount, told_at=now if locked.available < amount else None)
        for amount in wanted - kept
    )
    return list(locked.alert_levels.all())


def look_for_low_balances(*, limit: int = BATCH) -> int:
    """Tell of the wallets that fell below a level, and arm the levels that are left behind; returns how many wallets.

    Safe to run twice at once: whoever locks a wallet second finds it told.
    """
    crossed = AlertLevel.objects.crossed().order_by("wallet_id").values_list("wallet_id", flat=True).distinct()
    found = list(crossed[:limit])
    for wallet_id in found:
        try:
            _settle(wallet_id)
        except Exception:
            # One bad wallet must not stop the others; the next tick looks again.
            log.exception("low balance could not be told", wallet=wallet_id)
    return len(found)


def rearm(wallet_id: int, available: Decimal) -> None:
    """Money came in: levels that are not above what can be spent tell again. Its wallet must be locked."""
    AlertLevel.objects.filter(wallet=wallet_id, told_at__isnull=False, amount__lte=available).update(told_at=None)


@transaction.atomic
def _settle(wallet_id: int) -> None:
    wallet = _lock(wallet_id)
    rearm(wallet_id, wallet.available)
    now = timezone.now()
    # Looked at once the wallet is locked: the other tick has told of them, or waits.
    for level in wallet.alert_levels.filter(told_at=None, amount__gt=wallet.available):
        level.told_at = now
        level.save(update_fields=["told_at"])
        _tell(wallet, level.amount, now)


def _tell(wallet: Wallet, level: Decimal, now: datetime) -> None:
    mail_due_at = now if wallet.customer.email else None
    alert = LowBalanceAlert.objects.create(wallet=wallet, level=level, available=wallet.available, due_at=mail_due_at)
    emit(
        customer_id=wallet.customer_id,
        kind="wallet.low_balance",
        object_type="wallet",
        object_id=wallet.pk,
        payload={
            "alert_id": str(alert.uuid),
            "level": str(plain(level)),
            "available": str(plain(wallet.available)),
            "balance": str(plain(wallet.balance)),
            "currency": wallet.currency,
        },
    )


def _lock(wallet_id: int) -> Wallet:
    wallets = Wallet.objects.select_for_update(no_key=True, of=("self",)).select_related("customer")
    return wallets.get(pk=wallet_id)


def _checked(levels: Iterable[Decimal]) -> set[Decimal]:
    wanted = set(levels)
    if len(wanted) > MOST_LEVELS:
        raise InvalidInput({"levels": [f"At most {MOST_LEVELS} levels."]})
    if not all(is_money(level) for level in wanted):
        raise InvalidInput({"levels": ["A level is an amount of zero or more, with at most 6 decimal places."]})
    return wanted
