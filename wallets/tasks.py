"""Ticks: each looks at what is due now, and may run twice at once."""

from django.db import connection

from wallets.services import alert_mails, alerts
from wallets.services.events import erase_payloads
from wallets.services.holds import expire_due_holds


def release_expired_holds() -> int:
    """Give back holds past their deadline that no order has claimed."""
    return expire_due_holds()


def roll_up_accounts() -> int:
    """Add what was committed since the last run to the accounts' totals; returns entries added."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT wallets_roll_up()")
        return int(cursor.fetchone()[0])


def erase_event_payloads() -> int:
    """Empty events whose texts may not be kept any longer."""
    return erase_payloads()


def look_for_low_balances() -> int:
    """Tell of wallets that fell below one of their levels; returns how many wallets were looked at."""
    return alerts.look_for_low_balances()


def mail_low_balances() -> int:
    """Send the e-mails of such alerts; returns how many."""
    return alert_mails.mail_low_balances()
