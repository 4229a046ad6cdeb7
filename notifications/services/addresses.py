"""Addresses of recipients: one way to write each, so that two spellings of one are the same."""

import re

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from notifications.models import Channel

NUMBER = re.compile(r"\A\+?[0-9]{8,15}\Z")
LONGEST_EMAIL = 254


def normal(channel: str, address: str) -> str:
    """A number as + and digits; an e-mail address in lower case, its domain as DNS writes it.

    What is neither is returned as it is, in lower case: it equals nothing that was normalised.
    """
    if channel != Channel.EMAIL:
        return f"+{address.removeprefix('+')}" if NUMBER.match(address) else address.lower()
    local, at, domain = address.lower().rpartition("@")
    return f"{local}{at}{domain if domain.isascii() else _punycode(domain)}"


def fits(channel: str, address: str) -> bool:
    """Can somebody be reached there, by its shape?"""
    if channel != Channel.EMAIL:
        return bool(NUMBER.match(address))
    try:
        validate_email(address)
    except ValidationError:
        return False
    # Without SMTPUTF8 only the domain may have other letters. Its pattern lets K (Kelvin) pass as a k.
    return address.rpartition("@")[0].isascii() and len(normal(channel, address)) <= LONGEST_EMAIL


def _punycode(domain: str) -> str:
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return domain
