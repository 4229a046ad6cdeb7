import base64
import hashlib
import os

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def smsgist_token(client_secret: str, app_secret_key: str, iv: bytes | None = None) -> str:
    iv = iv or os.urandom(16)
    text = client_secret.encode()
    pad = 16 - len(text) % 16
    key = hashlib.sha256(app_secret_key.encode()).digest()
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(iv)).encryptor()
    return base64.b64encode(iv + encryptor.update(text + bytes([pad]) * pad)).decode()
