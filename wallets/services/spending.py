"""Caps on what a credential spends. The database counts and refuses; here they are set and read."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, time
from decimal import Decimal

from django.db import connection, transaction
from django.utils import timezone

from config.errors import InvalidInput
from config.numbers import plain
from wallets.errors import SpendCapReached
from wallets.models import SpendCap, Wallet
from wallets.services.amounts import is_money

CAP_REACHED = "spend_cap_not_exceeded"
WORDS = {"day": "daily", "month": "monthly"}


@transaction.atomic
def set_spend_cap(
    *, credential: str, wallet: Wallet, daily: Decimal | None, monthly: Decimal | None
) -> SpendCap | None:
    """Cap what `credential` spends from `wallet` in a day and in a month (UTC), in the wallet's currency.

    None is no cap; what it spent before this counts. Repeating it changes nothing. Raises InvalidInput, per field.
    """
    check_caps(daily=daily, monthly=monthly)
    # Whoever spends from the wallet waits here, so that none of it goes uncounted.
    Wallet.objects.select_for_update(no_key=True, of=("self",)).get(pk=wallet.pk)
    if daily is None and monthly is None:
        SpendCap.objects.filter(credential=credential).delete()
        return None
    today = timezone.now().astimezone(UTC).date()
    terms = {
        "wallet": wallet,
        "daily": daily,
        "monthly": monthly,
        "day": today,
        "day_spent": _spent_since(wallet, credential, datetime.combine(today, time(), UTC)),
        "month": today.replace(day=1),
        "month_spent": _spent_since(wallet, credential, datetime.combine(today.replace(day=1), time(), UTC)),
    }
    return SpendCap.objects.update_or_create(credential=credential, defaults=terms)[0]


@transaction.atomic
def hand_on_spend_cap(*, credential: str, successor: str, wallet: Wallet) -> None:
    """Let the credential that replaces another one on the same wallet go on with its caps and what was spent of them.

    Repeating it changes nothing.
    """
    # Whoever spends from the wallet waits here, so that none of it goes uncounted.
    Wallet.objects.select_for_update(no_key=True, of=("self",)).get(pk=wallet.pk)
    cap = SpendCap.objects.filter(credential=credential, wallet=wallet).first()
    if cap is not None:
        cap.credential, cap.predecessors = successor, [*cap.predecessors, credential]
        cap.save(update_fields=["credential", "predecessors"])


def check_caps(*, daily: Decimal | None, monthly: Decimal | None) -> None:
    """Raises InvalidInput, per field, for what is no amount above zero."""
    caps = {"daily_spend_cap": daily, "monthly_spend_cap": monthly}
    wrong = [name for name, cap in caps.items() if cap is not None and (not is_money(cap) or cap == 0)]
    if wrong:
        raise InvalidInput({name: ["A cap is an amount above zero, with at most 6 decimal places."] for name in wrong})


def spend_caps(credentials: Iterable[str], *, wallet: Wallet | None = None) -> dict[str, SpendCap]:
    """The caps of these credentials (on `wallet` alone, where given), by credential; those without one are absent."""
    found = SpendCap.objects.filter(credential__in=list(credentials))
    return {cap.credential: cap for cap in (found if wallet is None else found.filter(wallet=wallet))}


def cap_reached(detail: str) -> SpendCapReached:
    """The database's refusal in words."""
    said = json.loads(detail)
    currency = said["currency"]
    cap, spent, required = (plain(Decimal(said[name])) for name in ("cap", "spent", "required"))
    resets_at = f"{said['resets_on']}T00:00:00Z"
    return SpendCapReached(
        f"The {WORDS[said['period']]} spend cap of this key would be exceeded: {spent} of {cap} {currency} spent,"
        f" {required} required. It resets at {resets_at}.",
        cap=cap, spent=spent, required=required, currency=currency, period=said["period"], resets_at=resets_at,
    )  # fmt: skip


def _spent_since(wallet: Wallet, credential: str, moment: datetime) -> Decimal:
    with connection.cursor() as cursor:
        cursor.execute("SELECT wallets_spent_since(%s, %s, %s)", [wallet.pk, credential, moment])
        return Decimal(cursor.fetchone()[0])
