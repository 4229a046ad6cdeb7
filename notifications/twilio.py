"""Twilio over HTTP: one small client and the check of its signatures, for messages and for numbers.

Sources: Twilio's REST API (form-encoded requests, JSON answers, HTTP Basic with account SID and auth
token) and "Security" (X-Twilio-Signature: base64 of HMAC-SHA1 over the URL and the sorted fields).
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import requests
from django.conf import settings

API_VERSION = "2010-04-01"
MAX_ANSWER_BYTES = 1024 * 1024


class TwilioRefused(Exception):
    """Twilio said no: nothing happened. `code` is Twilio's own error number, 0 where it gave none."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(f"Twilio {status}/{code}")
        self.status, self.code, self.message = status, code, message

    @property
    def permanent(self) -> bool:
        """Whether asking the same again is pointless: not for 429, Twilio's "too many requests"."""
        return self.status != requests.codes.too_many_requests


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
            if refusal.status != requests.codes.not_found:
                raise

    def _call(self, method: str, path: str, deadline_seconds: float, **content: Any) -> dict[str, Any]:
        url = f"{self.base_url}/{API_VERSION}/Accounts/{self.account_sid}/{path}.json"
        try:
            answer = requests.request(
                method,
                url,
                auth=(self.account_sid, self.auth_token),
                timeout=(min(3.0, deadline_seconds), deadline_seconds),
                allow_redirects=False,
                **content,
            )
        except requests.ConnectTimeout:
            # Never connected: certainly nothing happened.
            raise TwilioRefused(requests.codes.service_unavailable, 0, "no connection") from None
        except requests.RequestException as error:
            raise TwilioUnknown(type(error).__name__) from None
        return _understood(answer)


def _understood(answer: requests.Response) -> dict[str, Any]:
    if answer.status_code >= requests.codes.server_error:
        raise TwilioUnknown(f"status {answer.status_code}")
    try:
        body = answer.json(parse_float=Decimal) if answer.content else {}
    except ValueError:
        raise TwilioUnknown("not JSON") from None
    if not isinstance(body, dict):
        raise TwilioUnknown("not an object")
    if answer.status_code >= requests.codes.multiple_choices:
        raise TwilioRefused(answer.status_code, int(body.get("code") or 0), str(body.get("message") or ""))
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
    url = f"{settings.PUBLIC_BASE_URL}{path}"
    expected = [signature_of(token, url, fields) for token in settings.TWILIO_AUTH_TOKENS if token]
    sent = (signature or "").encode()
    return any(hmac.compare_digest(sent, each.encode()) for each in expected)
