"""How SMSGIC shows things."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from catalog.services.lookup import countries_of
from catalog.services.rates import Rate
from config.api import plain
from notifications.dialects.smsgic.asked import MOMENT_FORMAT
from notifications.models import Sender, Sending
from notifications.services import Calculation, Line
from wallets.models import Wallet

SIGNS = {
    "AUD": "A$", "BRL": "R$", "CAD": "C$", "CHF": "CHF", "CNY": "¥", "DKK": "kr", "EUR": "€", "GBP": "£", "GHS": "₵",
    "INR": "₹", "JPY": "¥", "KES": "KSh", "NGN": "₦", "NOK": "kr", "PLN": "zł", "RUB": "₽", "SEK": "kr", "TRY": "₺",
    "TZS": "TSh", "UAH": "₴", "UGX": "USh", "USD": "$", "XAF": "FCFA", "XOF": "CFA", "ZAR": "R",
}  # fmt: skip
THOUSANDTHS = Decimal("0.001")


def balance(wallet: Wallet) -> dict[str, Any]:
    """What can be spent, with three decimals, never more than there is."""
    spendable = wallet.available.quantize(THOUSANDTHS, ROUND_FLOOR)
    currency = wallet.currency
    return {"balance": f"{spendable:f}", "sign": SIGNS.get(currency, currency), "code": currency}


def senders(found: Iterable[Sender]) -> dict[str, Any]:
    return {"senders": [{"id": sender.pk, "sender": sender.address} for sender in found]}


def rates(rows: Iterable[Rate]) -> dict[str, Any]:
    return {
        "rates": [
            {"mcc": rate.mcc, "mnc": rate.mnc, "country": rate.country, "rate": plain(rate.amount)} for rate in rows
        ]
    }


def listed(sending: Sending) -> dict[str, Any]:
    return {
        "id": sending.pk,
        "text": sending.text,
        "created_at": micros(sending.created_at),
        "scheduled_at": seconds(sending.scheduled_at),
        "status": sending.get_status_display(),
        "total_sms": sending.total_segments,
    }


def detailed(sending: Sending) -> dict[str, Any]:
    return {
        "id": sending.pk,
        "status": sending.get_status_display(),
        "updated_at": micros(sending.updated_at),
        "scheduled_at": seconds(sending.scheduled_at),
    }


def micros(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000000Z"


def seconds(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(MOMENT_FORMAT)


# --- The calculation, written as bytes ---------------------------------------------------------
# A hundred thousand recipients: building an object for each, and serialising those, would take seconds.


def calculation(found: Calculation) -> bytes:
    """Every recipient under its destination, in the order in which destinations first appear.

    Who is at the default rate is under the country of the number.
    """
    groups: dict[str, Group] = {}
    kinds: dict[tuple[int, int, int, str], Kind] = {}  # by identity: who shares a rate shares the objects
    elsewhere = countries_of({digits(line) for line in found.lines if line.rate.country_id is None})
    for line in found.lines:
        country = "" if line.rate.country_id else elsewhere.get(digits(line), "")
        identity = (id(line.rate), id(line.price), line.segments, country)
        kind = kinds.get(identity)
        if kind is None:
            destination = f"{country} " if country else line.rate.destination
            kind = kinds[identity] = Kind(line, destination, groups.setdefault(destination, Group()))
        kind.recipients += 1
        # An integer, as printed: JSON knows none that begins with a zero.
        kind.written.append(f'{{"phone_number": {line.number.lstrip("+0") or 0}, {kind.rest}')
    sms_count = sum(kind.sms_count for kind in kinds.values())
    info = {"sms_count": sms_count, "subtotal": found.subtotal, "total": found.total, "tax": found.tax}
    destinations = ", ".join(group.shown(name) for name, group in groups.items())
    return f'{{"calculate": {{"info": {_object(info)}, "destinations": [{destinations}]}}}}'.encode()


def digits(line: Line) -> str:
    return line.number.removeprefix("+")


class Group:
    """The recipients of one destination."""

    def __init__(self) -> None:
        self.kinds: list[Kind] = []
        self.written: list[str] = []

    def shown(self, name: str) -> str:
        sums = {
            "destination": name,
            "sms_count": sum(kind.sms_count for kind in self.kinds),
            "price": sum(((kind.line.price - kind.line.tax) * kind.recipients for kind in self.kinds), Decimal(0)),
            "total": sum((kind.line.price * kind.recipients for kind in self.kinds), Decimal(0)),
        }
        return f'{{"numbers": [{", ".join(self.written)}], {_object(sums)[1:]}'


class Kind:
    """Recipients who differ by nothing but their number: the rest of what is said of them is written once."""

    def __init__(self, line: Line, destination: str, group: Group) -> None:
        self.line = line
        self.recipients = 0
        self.written = group.written
        group.kinds.append(self)
        facts = {
            "destination": destination,
            "sms": line.segments,
            "rate": line.rate.amount,
            "total": line.price,
        }
        self.rest = _object(facts)[1:]

    @property
    def sms_count(self) -> int:
        return self.line.segments * self.recipients


def _object(facts: dict[str, Any]) -> str:
    pairs = (f'"{name}": {_value(value)}' for name, value in facts.items())
    return f"{{{', '.join(pairs)}}}"


def _value(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(plain(value))
    return json.dumps(value, ensure_ascii=False)
