import hashlib
import hmac
import time


def smsgist_verify(secret: str, body: bytes, timestamp: str, signature: str) -> bool:
    signed = timestamp.encode() + b"." + body
    expected = "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return abs(time.time() - int(timestamp)) <= 300 and hmac.compare_digest(expected, signature)
