"""The secret itself: its shape, its checksum, its digest. Pure; knows no database.

`sgk_`, 43 random base62 characters (256 bits), 6 base62 characters of CRC32 over all before.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib

from django.conf import settings

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
MARK = "sgk_"
RANDOM_CHARACTERS = 43  # 62^43 > 2^256
PASSWORD_CHARACTERS = 24  # 62^24 > 2^142
CHECKSUM_CHARACTERS = 6
PREFIX_CHARACTERS = 8
SHAPE = re.compile(rf"\A{MARK}[0-9A-Za-z]{{{RANDOM_CHARACTERS + CHECKSUM_CHARACTERS}}}\Z")


def new_key() -> str:
    """A fresh plain key, from the operating system's randomness."""
    body = MARK + _random(RANDOM_CHARACTERS)
    return body + checksum(body)


def new_password() -> str:
    """A fresh API password: letters and digits alone, so that it survives any query string."""
    return _random(PASSWORD_CHARACTERS)


def prefix_of(key: str) -> str:
    """The part that may be shown and logged."""
    return key[:PREFIX_CHARACTERS]


def is_well_formed(text: str) -> bool:
    """Whether `text` could be a key of ours at all."""
    if not SHAPE.match(text):
        return False
    return checksum(text[:-CHECKSUM_CHARACTERS]) == text[-CHECKSUM_CHARACTERS:]


def checksum(body: str) -> str:
    value, letters = zlib.crc32(body.encode()), ""
    for _ in range(CHECKSUM_CHARACTERS):
        value, digit = divmod(value, len(ALPHABET))
        letters = ALPHABET[digit] + letters
    return letters


def newest_pepper() -> str:
    """The version new keys are hashed with."""
    return next(iter(settings.KEY_PEPPERS))


def digest(key: str, pepper_version: str) -> str:
    """HMAC-SHA256 of the whole key under one pepper, in hex."""
    pepper = bytes.fromhex(settings.KEY_PEPPERS[pepper_version])
    return hmac.new(pepper, key.encode(), hashlib.sha256).hexdigest()


def digests(key: str) -> list[str]:
    """The key's digest under every pepper in force, newest first."""
    return [digest(key, version) for version in settings.KEY_PEPPERS]


def _random(characters: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(characters))
