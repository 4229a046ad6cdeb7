"""Phone numbers as people write them."""

import re

import phonenumbers

E164 = re.compile(r"\A\+[1-9][0-9]{7,14}\Z")
# Digits, grouped by spaces, dots, dashes or brackets.
WRITTEN = re.compile(r"\A[0-9(][0-9 ().-]{2,40}\Z")


def international(written: str, region: str) -> str | None:
    """A number as `+` and its digits; without `+` it is read as people in `region` write it. None: it is no number.

    What begins with `+` is taken by its shape alone: whether anybody can be reached there is found out by sending.
    """
    if written.startswith("+"):
        return written if E164.match(written) else None
    if not WRITTEN.match(written):
        return None
    read = at_home(re.sub(r"[^0-9]", "", written), region)
    return read if read and E164.match(read) else None


def at_home(digits: str, region: str) -> str | None:
    """Digits without `+`: the region's own number if it is one, else a foreign one if it is one.

    Nobody's number is the region's where a trunk prefix or its length says that it was meant for it; else None.
    """
    own, foreign = _parsed(digits, region), _parsed(f"+{digits}", None)
    for found in (own, foreign):
        if found and phonenumbers.is_valid_number(found):
            return _e164(found)
    national = own and (digits.startswith("0") or phonenumbers.is_possible_number(own))
    return _e164(own) if own and national else None


def _parsed(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
