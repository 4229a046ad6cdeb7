"""How the back office shows money, moments, states and links. Every page of every app uses these."""

from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import quote, urlencode

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from config.admin import CREDENTIAL_LISTS, ORDER_PAGES, address
from config.numbers import plain

NOTHING = "–"
ABBREVIATIONS = {"sms": "SMS", "smm": "SMM", "email": "e-mail", "whatsapp": "WhatsApp"}
CENT = Decimal("0.01")


def staff(request: HttpRequest) -> str:
    """Who acts, in words, for the ledger and the logs."""
    return f"staff:{request.user}"[:80]


def digits(amount: Decimal) -> str:
    """An amount as an accountant writes it: 1,234.50; more places only where they say something."""
    shown = plain(amount)
    exponent = shown.as_tuple().exponent
    if isinstance(exponent, int) and exponent > -2:
        shown = shown.quantize(CENT)
    return f"{shown:,f}"


def in_words(amount: Decimal, currency: str) -> str:
    """The same where there is no HTML: `1,234.50 USD`."""
    return f"{digits(amount)} {currency}"


def money(amount: Decimal | None, currency: str, *, alarming: bool = False) -> SafeString | str:
    """An amount with its currency, right-aligned in lists; red below zero where that is `alarming`."""
    if amount is None:
        return NOTHING
    tone = "money money-negative" if alarming and amount < 0 else "money money-zero" if amount == 0 else "money"
    return format_html('<span class="{}">{} <small>{}</small></span>', tone, digits(amount), currency)


def badge(text: str, tone: str = "") -> SafeString | str:
    """A state as a coloured label; tones are success, info, primary, warning, danger, or none."""
    return format_html('<span class="badge {}">{}</span>', tone, text) if text else ""


def moment(at: datetime | None) -> SafeString | str:
    """A moment in UTC, to the second, with its zone."""
    if at is None:
        return NOTHING
    shown = timezone.localtime(at)
    return format_html(
        '<time class="moment" datetime="{}">{} <small>{}</small></time>',
        shown.isoformat(), f"{shown:%Y-%m-%d %H:%M:%S}", shown.tzname(),
    )  # fmt: skip


def span(length: timedelta) -> str:
    """A length of time by its two largest units: 2 d 4 h, 3 min 20 s; it does not break."""
    seconds = max(0, int(length.total_seconds()))
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts = []
    for name, size in units:
        count, seconds = divmod(seconds, size)
        parts.append((count, name))
    while len(parts) > 1 and parts[0][0] == 0:
        parts.pop(0)
    return "\u00a0".join(f"{count}\u00a0{name}" for count, name in parts[:2] if count or len(parts) == 1)


def link(url: str, text: object) -> SafeString | str:
    return format_html('<a class="link" href="{}">{}</a>', url, text) if url else str(text)


def page_of(name: str, pk: object) -> str:
    """The address of a row's page; "" where that page does not exist."""
    try:
        return reverse(f"admin:{name}_change", args=[pk])
    except NoReverseMatch:
        return ""


def wallet_link(wallet_id: int | None, currency: str) -> SafeString | str:
    """The wallet by what people call it; its number is on its page."""
    return link(page_of("wallets_wallet", wallet_id), f"{currency} wallet") if wallet_id else NOTHING


def credential_link(public_id: str) -> SafeString | str:
    """The key, client or password that this public id names, found by the list of its kind."""
    page = next((page for start, page in CREDENTIAL_LISTS if public_id.startswith(start)), "")
    return link(address(page, f"?q={quote(public_id)}"), public_id) if public_id else NOTHING


def mode_in_words(mode: str) -> str:
    return {"live": "Live", "test": "Test: sent to the test addresses, moves no money",
            "dryrun": "Dry run: simulated, moves no money"}.get(mode, mode)  # fmt: skip


def kind_in_words(kind: str) -> str:
    """A movement's kind as people write it: sms_purchase → SMS purchase."""
    words = [ABBREVIATIONS.get(word, word) for word in kind.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def list_of(name: str, **parameters: object) -> str:
    """The address of a list, filtered."""
    query = urlencode(parameters)
    return reverse(f"admin:{name}_changelist") + (f"?{query}" if query else "")


def order_of(reference: str) -> tuple[str, str]:
    """The page and the name of the order that a reference speaks of: `activation:91:capture` → #91."""
    word, _, rest = reference.partition(":")
    number = rest.partition(":")[0]
    if word not in ORDER_PAGES or not (number.isascii() and number.isdigit()):
        return "", ""
    return page_of(ORDER_PAGES[word], number), f"{word} #{number}"
