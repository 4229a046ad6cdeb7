"""The SMSGist bearer token. Pure; knows no database.

`base64(iv ‖ AES-256-CBC-PKCS7(SHA-256(app_secret_key), iv, client_secret))`, a fresh iv of 16 bytes each time.
CBC proves nothing about who wrote it: the secret inside does. So whatever is wrong with a token must look
the same from outside, in words and in time, or its padding could be guessed byte by byte.
"""

import base64
import binascii
import hashlib
import os

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

BLOCK_BYTES = 16
LONGEST_TOKEN = 1_024
URL_SAFE = str.maketrans("-_", "+/")
# Read in place of what is no token at all, so that it takes as long.
NO_TOKEN = bytes(4 * BLOCK_BYTES)


def make_token(app_key: str, client_secret: str, iv: bytes | None = None) -> str:
    """What a client sends: its secret, readable to who has the app key. A fresh `iv` unless one is given."""
    iv = os.urandom(BLOCK_BYTES) if iv is None else iv
    padder = PKCS7(8 * BLOCK_BYTES).padder()
    padded = padder.update(client_secret.encode()) + padder.finalize()
    encryptor = _cipher(app_key, iv).encryptor()
    return base64.b64encode(iv + encryptor.update(padded) + encryptor.finalize()).decode()


def read_token(app_key: str, token: str) -> str | None:
    """The secret in a token, URL-safe or unpadded base64 too; None for whatever is wrong with it.

    Takes as long for a token that is none.
    """
    sent = _bytes(token)
    raw = sent or NO_TOKEN
    decryptor = _cipher(app_key, raw[:BLOCK_BYTES]).decryptor()
    padded = decryptor.update(raw[BLOCK_BYTES:]) + decryptor.finalize()
    secret = _unpadded(padded)
    return secret if sent else None


def _cipher(app_key: str, iv: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES256(hashlib.sha256(app_key.encode()).digest()), modes.CBC(iv))


def _bytes(token: str) -> bytes | None:
    """iv and ciphertext; None where it cannot be both."""
    text = token.rstrip("=").translate(URL_SAFE)
    if len(token) > LONGEST_TOKEN:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) >= 2 * BLOCK_BYTES and len(raw) % BLOCK_BYTES == 0 else None


def _unpadded(padded: bytes) -> str | None:
    unpadder = PKCS7(8 * BLOCK_BYTES).unpadder()
    try:
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except ValueError:  # the padding, or no text under it
        return None
