"""How a text is cut into SMS segments (3GPP TS 23.038 and 23.040).

GSM-7 where every character is in its alphabet, else UCS-2. Parts are packed, not divided: neither a
character of two septets nor a surrogate pair is ever split between two of them.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = "^{}\\[~]|€\f"
NOT_GSM = re.compile(f"[^{re.escape(BASIC + EXTENSION)}]")
TWO_SEPTETS = re.compile(f"[{re.escape(EXTENSION)}]")
SURROGATES = re.compile("[\U00010000-\U0010ffff]")


class Encoding(StrEnum):
    GSM7 = "gsm7"
    UCS2 = "ucs2"


# Units that one SMS alone holds, and one part of several (the rest is the header that joins them).
ALONE = {Encoding.GSM7: 160, Encoding.UCS2: 70}
PART = {Encoding.GSM7: 153, Encoding.UCS2: 67}


@dataclass(frozen=True)
class Segments:
    """A text as it travels. `units` are septets in GSM-7, UTF-16 code units in UCS-2."""

    encoding: Encoding
    units: int
    # The first character outside GSM-7, and where it stands in the text; what makes it UCS-2.
    unicode_because: str | None
    unicode_at: int | None
    text: str = field(repr=False)
    _ends: tuple[int, ...] = field(repr=False)

    @property
    def count(self) -> int:
        return len(self._ends)

    @cached_property
    def parts(self) -> list[str]:
        """The text cut where it is cut on the wire; joined they are the text."""
        begins = (0, *self._ends[:-1])
        return [self.text[begin:end] for begin, end in zip(begins, self._ends, strict=True)]


def segment(text: str) -> Segments:
    """Cut `text` as a phone network does. An empty text is one segment: it is sent and paid for as one."""
    found = NOT_GSM.search(text)
    encoding = Encoding.UCS2 if found else Encoding.GSM7
    wide = (SURROGATES if found else TWO_SEPTETS).findall(text)
    units = len(text) + len(wide)
    ends = (len(text),) if units <= ALONE[encoding] else _packed(text, PART[encoding], frozenset(wide))
    return Segments(
        encoding=encoding, units=units, unicode_because=found and found.group(), unicode_at=found and found.start(),
        text=text, _ends=ends,
    )  # fmt: skip


def _packed(text: str, room: int, wide: frozenset[str]) -> tuple[int, ...]:
    """Where each part ends: as many whole characters as fit, part after part."""
    ends, left = [], room
    for at, character in enumerate(text):
        taken = 2 if character in wide else 1
        if taken > left:
            ends.append(at)
            left = room
        left -= taken
    return (*ends, len(text))
