"""One way to write a number, whatever way a carrier or a provider writes it."""

import re

_NOT_A_DIGIT = re.compile(r"[^0-9]")
_COUNTRY_FIRST = re.compile(r"[1-9][0-9]{7,14}")


def e164(written: str) -> str | None:
    """`+` and 8 to 15 digits, country first; None for what is no such number (a short code, a name).

    `+1 (234) 567-8901`, `12345678901`, `0012345678901` and `tel:+12345678901` are the same number.
    """
    digits = _NOT_A_DIGIT.sub("", written.partition(";")[0])
    if not written.lstrip().startswith("+"):
        digits = digits.removeprefix("00")
    return f"+{digits}" if _COUNTRY_FIRST.fullmatch(digits) else None
