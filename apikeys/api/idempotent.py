"""`Idempotency-Key`, in every contract: repeating a request that spends cannot spend twice."""

import hashlib
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import wraps
from typing import Any

import simplejson
from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.models import Mode
from apikeys.services import idempotency
from config.api import dumps, plain, problem_of
from config.errors import InvalidInput

HEADERS = ("Idempotency-Key", "X-Idempotency-Key")
KEY = re.compile(r"\A[\x21-\x7e]{1,255}\Z")
LONGEST_ROUTE = 100
KEPT_STATUSES = frozenset({200, 201})  # something was created
# Sent beside the fields by some contracts; not part of what is asked, and not to be hashed.
SECRETS = frozenset({"api_key", "password"})

Handler = Callable[..., HttpResponseBase]


def idempotent(handler: Handler) -> Handler:
    """Let a KeyView method that spends honour `Idempotency-Key`; it is marked as spending.

    The view finds the client's key, with its mode unless live, in `self.idempotency_key` (None where none was
    sent), to store with the order: after a crash, or a 202, the same request runs again and must find its order.
    200 and 201 are kept for 24 hours and repeated with `Idempotency-Replay: true`. A refusal
    (4xx, but 409) forgets the key. Anything else leaves the outcome open: the same request runs
    again, another body is refused.
    """

    @wraps(handler)
    def run(view: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        key = key_of(request)
        if key is None:
            return handler(view, request, *args, **kwargs)
        view.idempotency_key = in_mode(view, key)
        claimed = idempotency.claim(
            customer_id=view.credential.customer_id,
            route=in_mode(view, route_of(view, request))[:LONGEST_ROUTE],
            key=key,
            body_hash=body_hash(request),
        )
        if isinstance(claimed, idempotency.Answer):
            return replay(claimed)
        return _run_claimed(claimed, view, lambda: handler(view, request, *args, **kwargs))

    run.__dict__["spends"] = True
    return run


def key_of(request: Request) -> str | None:
    """The client's idempotency key: 1 to 255 visible ASCII characters. Raises InvalidInput."""
    sent = next((request.headers[name] for name in HEADERS if name in request.headers), None)
    if sent is not None and not KEY.match(sent):
        raise InvalidInput({"Idempotency-Key": ["An idempotency key has 1 to 255 visible ASCII characters."]})
    return sent


def route_of(view: Any, request: Request) -> str:
    """The route's name, which outlives a change of its pattern."""
    match = request._request.resolver_match
    return match.view_name if match and match.view_name else type(view).__qualname__


def in_mode(view: Any, text: str) -> str:
    """Each mode has keys of its own: a dry run's answer is none to the real request that follows under its key."""
    mode = view.credential.mode
    return text if mode == Mode.LIVE else f"{mode}:{text}"


def body_hash(request: Request) -> str:
    """SHA-256 over method, path and fields. Keys in any order, 12.5 or 12.50 are the same request."""
    path = request.path.rstrip("/")
    asked = [request.method, path, _canonical(request.query_params), _canonical(request.data)]
    return hashlib.sha256(simplejson.dumps(asked, sort_keys=True, use_decimal=True).encode()).hexdigest()


def replay(answer: idempotency.Answer) -> HttpResponse:
    """The first answer again, byte for byte."""
    headers = answer.headers | {"Idempotency-Replay": "true"}
    return HttpResponse(answer.body.encode(), status=answer.status, content_type="application/json", headers=headers)


def _run_claimed(claim: idempotency.Claim, view: Any, run: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    try:
        response = run()
    except Exception as error:
        _settle_refusal(claim, view.contract.localise(problem_of(error)).status)
        raise
    if response.status_code in KEPT_STATUSES:
        idempotency.keep(claim, _answer(response))
    else:
        _settle_refusal(claim, response.status_code)
    return response


def _settle_refusal(claim: idempotency.Claim, status: int) -> None:
    # A 409 says that the order exists and is busy: its key stays bound to its body.
    if 400 <= status < 500 and status != 409:
        idempotency.forget(claim)
    else:
        idempotency.reopen(claim)


def _answer(response: Any) -> idempotency.Answer:
    body = dumps(response.data) if isinstance(response, Response) else response.content
    headers = {name: value for name, value in response.items() if name.lower() != "content-type"}
    return idempotency.Answer(response.status_code, body.decode(), headers)


def _canonical(value: Any) -> Any:
    if isinstance(value, QueryDict):
        return {name: values for name, values in value.lists() if name not in SECRETS}
    if isinstance(value, Mapping):
        return {name: _canonical(item) for name, item in value.items() if name not in SECRETS}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return plain(value) if isinstance(value, Decimal) else value
