"""Twilio over HTTP: one small client and the check of its signatures, for messages and for numbers.

Sources: Twilio's REST API (form-encoded requests, JSON answers, HTTP Basic with account SID and auth
token) and "Security" (X-Twilio-Signature: base64 of HMAC-SHA1 over the URL and the sorted fields).
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import requests
from django.conf import settings
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError

API_VERSION = "2010-04-01"
MAX_ANSWER_BYTES = 1024 * 1024
CHUNK_BYTES = 16 * 1024
DEFAULT_PORTS = {"https": 443, "http": 80}
# Twilio's "too many requests", and what we say where no connection came about.
TEMPORARY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


class TwilioRefused(Exception):
    """Twilio said no: nothing happened. `code` is Twilio's own error number, 0 where it gave none."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(f"Twilio {status}/{code}")
        self.status, self.code, self.message = status, code, message

    @property
    def permanent(self) -> bool:
        """Whether asking the same again is pointless: not when there were too many requests, or no connection."""
        return self.status not in TEMPORARY


class TwilioUnknown(Exception):
    """No answer, or one that says nothing: the request may have been carried out."""


@dataclass(frozen=True)
class TwilioClient:
    """One account. `base_url` is configurable for tests and regions."""

    account_sid: str
    auth_token: str
    base_url: str

    def __repr__(self) -> str:
        return f"TwilioClient({self.account_sid})"

    def post(self, path: str, fields: Mapping[str, Any], *, deadline_seconds: float) -> dict[str, Any]:
        """POST to a resource of the account, such as `Messages`. Raises TwilioRefused, TwilioUnknown."""
        return self._call("POST", path, deadline_seconds, data=dict(fields))

    def get(self, path: str, fields: Mapping[str, Any], *, deadline_seconds: float) -> dict[str, Any]:
        """GET a resource of the account. Raises TwilioRefused, TwilioUnknown."""
        return self._call("GET", path, deadline_seconds, params=dict(fields))

    def delete(self, path: str, *, deadline_seconds: float) -> None:
        """DELETE a resource; one that is gone already is fine. Raises TwilioRefused, TwilioUnknown."""
        try:
            self._call("DELETE", path, deadline_seconds)
        except TwilioRefused as refusal:
            if refusal.status != HTTPStatus.NOT_FOUND:
                raise

    def get_content(self, path: str, *, deadline_seconds: float) -> dict[str, Any]:
        """GET a resource of the Content API, which lives on a host of its own. Raises TwilioRefused, TwilioUnknown."""
        return self._ask("GET", f"{settings.TWILIO_CONTENT_BASE_URL}/v1/{quote(path)}", deadline_seconds)

    def _call(self, method: str, path: str, deadline_seconds: float, **content: Any) -> dict[str, Any]:
        url = f"{self.base_url}/{API_VERSION}/Accounts/{self.account_sid}/{quote(path)}.json"
        return self._ask(method, url, deadline_seconds, **content)

    def _ask(self, method: str, url: str, deadline_seconds: float, **content: Any) -> dict[str, Any]:
        stop = time.monotonic() + deadline_seconds
        try:
            with requests.request(
                method,
                url,
                auth=(self.account_sid, self.auth_token),
                timeout=(min(3.0, deadline_seconds), deadline_seconds),
                allow_redirects=False,
                stream=True,
                **content,
            ) as answer:
                return _understood(answer.status_code, _read(answer, stop))
        except requests.RequestException as error:
            if never_connected(error):
                raise TwilioRefused(HTTPStatus.SERVICE_UNAVAILABLE, 0, "no connection") from None
            raise TwilioUnknown(type(error).__name__) from None
        except HTTPError as error:  # cut or silent within the body
            raise TwilioUnknown(type(error).__name__) from None


def never_connected(error: BaseException | None) -> bool:
    """Did the request certainly not leave the house?"""
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error and error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _read(answer: requests.Response, stop: float) -> bytes:
    """The body, within the deadline and of a sane size: a server that drips holds nobody.

    What has arrived is read at once: `iter_content` would wait for a whole chunk.
    """
    body = b""
    while chunk := answer.raw.read1(CHUNK_BYTES, decode_content=True):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES or time.monotonic() > stop:
            raise TwilioUnknown("the answer does not end")
    return body


def _understood(status: int, raw: bytes) -> dict[str, Any]:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        raise TwilioUnknown(f"status {status}")
    try:
        body = json.loads(raw, parse_float=Decimal) if raw else {}
    except (ValueError, RecursionError):
        body = None
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        body = body if isinstance(body, dict) else {}
    if not isinstance(body, dict):
        raise TwilioUnknown("not a JSON object")
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        code = body.get("code")
        raise TwilioRefused(status, code if type(code) is int else 0, str(body.get("message") or ""))
    return body


def configured_client() -> TwilioClient | None:
    """The client for the account in the settings; None where none is configured."""
    if not settings.TWILIO_ACCOUNT_SID or not settings.TWILIO_AUTH_TOKENS:
        return None
    return TwilioClient(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKENS[0], settings.TWILIO_BASE_URL)


def signature_of(token: str, url: str, fields: Mapping[str, Sequence[str]]) -> str:
    """`X-Twilio-Signature` of a form POST to `url` (the public one, query string included)."""
    text = url + "".join(name + value for name in sorted(fields) for value in sorted(set(fields[name])))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def is_signed(signature: str | None, path: str, fields: Mapping[str, Sequence[str]]) -> bool:
    """Whether Twilio sent this: `path` with its query string, under PUBLIC_BASE_URL.

    Two tokens are accepted while one is rotated. Without a configured token nothing is signed:
    an empty one would verify whatever anybody sends.
    """
    urls = _spellings(f"{settings.PUBLIC_BASE_URL}{path}")
    expected = [signature_of(token, url, fields) for token in settings.TWILIO_AUTH_TOKENS if token for url in urls]
    sent = (signature or "").encode()
    return any(hmac.compare_digest(sent, each.encode()) for each in expected)


def _spellings(url: str) -> list[str]:
    """With and without the port: Twilio's own validator accepts both, since its servers sign either."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or DEFAULT_PORTS.get(parts.scheme, 443)
    spellings = [parts.netloc, host, f"{host}:{port}"]
    return [urlunsplit(parts._replace(netloc=netloc)) for netloc in dict.fromkeys(spellings)]
