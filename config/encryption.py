"""Secrets that must be recoverable, encrypted at rest: Fernet (AES-128-CBC, HMAC-SHA256) under rotating keys.

`settings.ENCRYPTION_KEYS` are newest first: the newest encrypts, every one of them decrypts.
"""

from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Unreadable(Exception):
    """The key it was encrypted with is no longer among ENCRYPTION_KEYS, or it was tampered with."""


def encrypt(text: str) -> str:
    """The text under the newest key, in URL-safe base64; never the same twice."""
    return _keys().encrypt(text.encode()).decode()


def decrypt(encrypted: str) -> str:
    """The text that was encrypted under any key in force. Raises Unreadable."""
    try:
        return _keys().decrypt(encrypted.encode()).decode()
    except InvalidToken:
        raise Unreadable from None


def rotate(encrypted: str) -> str:
    """The same secret under the newest key, so that the older ones may go. Raises Unreadable."""
    try:
        return _keys().rotate(encrypted.encode()).decode()
    except InvalidToken:
        raise Unreadable from None


def _keys() -> MultiFernet:
    return _ring(tuple(settings.ENCRYPTION_KEYS))


@lru_cache(maxsize=4)
def _ring(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
