"""Finding the verification code in an SMS as the services really write them.

First everything goes that only looks like a code (links, money, dates, phone numbers …), then every
candidate that is left is judged by its place: right behind or before a word that announces a code it
wins, elsewhere it needs such a word in the text at all. Every pattern is bounded, so the work grows with
the length of the text and no faster, whoever wrote it.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from activations.services.code_words import ANNOUNCING, IS_YOUR, LINKS, NEVER_BEFORE, NOISE

Span = tuple[int, int]

# How far a code may stand from the word that announces it: "OTP for your payment at … is 482913".
FARTHEST = 80
# A year, or anything else but digits, is a code only right beside the word.
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_DIGITS = re.compile(r"[0-9]+")
_STEAM = re.compile(r"[BCDFGHJKMNPQRTVWXY]{5}")
_SENTENCE_ENDS = re.compile(r"[.!?。！？](?=\s|\Z)|\n\n")
_SEPARATORS = re.compile(r"[ -]")
_CANDIDATE = re.compile(
    r"(?<![A-Za-z0-9])(?<![A-Za-z0-9][-_/.+@])"
    r"(?:(?P<prefix>[A-Z]{1,3}-)(?=[0-9]{4,8}(?![A-Za-z0-9])))?"
    r"(?P<code>[0-9]{3}[ -][0-9]{3}(?![ -][0-9])|[0-9]{4}[ -][0-9]{4}(?![ -][0-9])|[0-9]{2}[ -][0-9]{2}[ -][0-9]{2}"
    r"|[0-9](?:[ ][0-9]){3,7}|[0-9]{4,10}|[A-Za-z0-9]{5,10})"
    r"(?![A-Za-z0-9]|[-_/+=][A-Za-z0-9]|[.,:][0-9])"
)
_TO_DO_WHAT = re.compile(r"\s(?:to|as|for|on|in|para|pour|um|als|per|для|чтобы)\s", re.IGNORECASE)
_USE = re.compile(r"\b(?:use|enter|type|usa|use o|utilisez|saisissez|nutze|введите|inserisci)\s\Z", re.IGNORECASE)
_WORDS = re.compile(r"[^\W\d_]{2,40}")


@dataclass(frozen=True)
class _Candidate:
    code: str
    start: int
    end: int
    prefix: str

    @property
    def is_plain(self) -> bool:
        """Digits that are no year: a code wherever it stands."""
        return bool(_DIGITS.fullmatch(self.code)) and not _YEAR.fullmatch(self.code)


def extract_code(text: str) -> str:
    """The code an SMS carries, without dashes and spaces; "" where there is none.

    `G-123456` → 123456, `123-456` → 123456, `Your code: 1234` → 1234, `R5K2N` next to "code" → R5K2N;
    digits of any script come back as ASCII. At most 10 ASCII letters and digits.
    """
    plain = NOISE.sub(" ", _folded(text))
    candidates = [
        found for found in map(_candidate, _CANDIDATE.finditer(plain)) if not _is_something_else(plain, found)
    ]
    if not candidates:
        return ""
    places = _Places(plain)
    ranked = [(rank, found.start, found.code) for found in candidates if (rank := places.rank(found)) is not None]
    if ranked:
        return min(ranked)[2]
    return _only_one(plain, candidates)


def _folded(text: str) -> str:
    """Digits of every script as 0–9, full-width letters as plain ones, one kind of dash and space, no marks."""
    folded = unicodedata.normalize("NFKC", text)
    return "".join(map(_plain_character, folded))


def _plain_character(character: str) -> str:
    if character < "\x7f":
        return character
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Pd":
        return "-"
    if category == "Zs":
        return " "
    # Invisible: right-to-left marks, zero-width spaces.
    return "" if category in {"Cf", "Cs", "Co"} else character


def _candidate(found: re.Match[str]) -> _Candidate:
    return _Candidate(_SEPARATORS.sub("", found["code"]), found.start(), found.end(), found["prefix"] or "")


def _is_something_else(plain: str, found: _Candidate) -> bool:
    """An order number, the end of a card, a short code to reply to; or a word that holds no digit."""
    if not any(character.isdigit() for character in found.code) and not _STEAM.fullmatch(found.code):
        return True
    return bool(NEVER_BEFORE.search(plain[max(0, found.start - 40) : found.start]))


class _Places:
    """Where the announcing words and the ends of the sentences are."""

    def __init__(self, plain: str) -> None:
        self.plain = plain
        self.words: list[Span] = [found.span() for found in ANNOUNCING.finditer(plain)]
        self.starts = [start for start, _ in self.words]
        self.ends = [end for _, end in self.words]
        self.stops = [found.start() for found in _SENTENCE_ENDS.finditer(plain)]

    def rank(self, found: _Candidate) -> int | None:
        """How far it is from being announced; below zero right beside the word; None where it is not a code."""
        distances = [self._after_a_word(found), self._before_a_word(found), self._by_its_own_shape(found)]
        nearest = min((distance for distance in distances if distance is not None), default=None)
        if nearest is not None and (nearest < 0 or found.is_plain):
            return nearest
        return 2 * FARTHEST if found.is_plain and self.words else None

    def _after_a_word(self, found: _Candidate) -> int | None:
        """`Your code is: 1234`."""
        index = bisect_right(self.ends, found.start) - 1
        if index < 0 or self._is_apart(self.ends[index], found.start):
            return None
        gap = found.start - self.ends[index]
        return gap - 2 * FARTHEST if LINKS.fullmatch(self.plain, self.ends[index], found.start) else gap

    def _before_a_word(self, found: _Candidate) -> int | None:
        """`1234 is your code`: a little farther than behind the word, where both are possible."""
        index = bisect_left(self.starts, found.end)
        if index == len(self.starts) or self._is_apart(found.end, self.starts[index]):
            return None
        gap = self.starts[index] - found.end + 5
        beside = IS_YOUR.match(self.plain, found.end) or LINKS.fullmatch(self.plain, found.end, self.starts[index])
        return gap - 2 * FARTHEST if beside else gap

    def _by_its_own_shape(self, found: _Candidate) -> int | None:
        """`G-123456`, and `Use 123456 to log in`."""
        if found.prefix and (self.words or found.prefix == "G-"):
            return -FARTHEST
        told_to_use = _USE.search(self.plain[max(0, found.start - 12) : found.start])
        return 1 if told_to_use and _TO_DO_WHAT.match(self.plain, found.end) else None

    def _is_apart(self, start: int, end: int) -> bool:
        """Too far, or in another sentence."""
        return end - start > FARTHEST or bisect_left(self.stops, start) < bisect_left(self.stops, end)


def _only_one(plain: str, candidates: list[_Candidate]) -> str:
    """A text of hardly more than a name and one number is meant as a code: `TikTok 1234`."""
    few_words = len(_WORDS.findall(plain)) <= 3
    only = candidates[0]
    return only.code if few_words and len(candidates) == 1 and only.is_plain else ""
