"""How plainsms knows its customers, counts their requests, and says no."""

import re
import time
from io import BytesIO
from typing import Any

from django.http import Http404
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.api.addresses import client_address
from apikeys.api.base import KeyView
from apikeys.errors import TooManyRequests
from apikeys.services import addresses, throttles
from config.api import BaseView, Contract, Problem, StrictFormParser, StrictJSONParser
from config.api.parsing import read_whole, refuse_unstorable

LIMIT, WINDOW_SECONDS = 60, 60
SHARED_HEADERS = {"Cache-Control": "no-cache, private", "Access-Control-Allow-Origin": "*"}
PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, Idempotency-Key, X-API-Key, "
    "X-Idempotency-Key",
    "Access-Control-Max-Age": "86400",
}
PATHS = re.compile(r"\A/(v1/sms|api/v2|api/(generate|revoke|regenerate)-key|api/oauth2-(callback|redirect\.js))(/|\Z)")
WORDS = {"insufficient_balance": "Insufficient balance.", "too_many_requests": "Too Many Attempts."}


def render(problem: Problem) -> dict[str, Any]:
    """`{"error": …}`, and how to send a key where there is none."""
    told = next(iter(problem.errors.values()))[0] if problem.errors else problem.message
    help_text = {"help": problem.facts["help"]} if "help" in problem.facts else {}
    return {"error": WORDS.get(problem.code, told), **help_text}


PLAINSMS = Contract("plainsms", PATHS, render, statuses={"insufficient_balance": 402}, headers=SHARED_HEADERS)


class FieldsParser(MultiPartParser):
    """`multipart/form-data`, which PHP's curl makes of an array of fields. Files are not looked at."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        # Whole and bounded: files would otherwise be written to the disk, of any size, before anybody is known.
        fields = super().parse(BytesIO(read_whole(stream)), media_type, parser_context).data
        for name, values in fields.lists():
            refuse_unstorable([name, *values])
        return fields


class PlainBase(BaseView):
    """A view of this contract: its headers on every answer, CORS preflights answered."""

    contract = PLAINSMS
    parser_classes = (StrictJSONParser, StrictFormParser, FieldsParser)
    schema = None  # this contract has an OpenAPI document of its own

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # Before anybody is asked for a key.
        self.check_method(request)
        super().initial(request, *args, **kwargs)

    def check_method(self, request: Request) -> None:
        if request.method not in self.allowed_methods:
            raise MethodNotAllowed(request.method or "")

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        allowed = {"Access-Control-Allow-Methods": ", ".join(self.allowed_methods)}
        return Response(status=204, headers=PREFLIGHT_HEADERS | allowed)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        done = super().finalize_response(request, response, *args, **kwargs)
        for name, value in SHARED_HEADERS.items():
            done[name] = value
        return done


class CountedView(PlainBase):
    """One of the calls that share a bucket of 60 a minute: per address until it is known who asks."""

    window: throttles.Window | None = None

    def bucket(self, request: Request) -> str:
        return addresses.neighbourhood(client_address(request._request))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method == "OPTIONS":
            return
        try:
            super().initial(request, *args, **kwargs)
        finally:
            # Also when it was refused; beyond the limit that is all there is to say.
            self._count(request)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        done = super().finalize_response(request, response, *args, **kwargs)
        if self.window is not None:
            for name, value in _told(self.window).items():
                done[name] = value
        return done

    def _count(self, request: Request) -> None:
        self.window = throttles.hit(f"plainsms:{self.bucket(request)}", LIMIT, WINDOW_SECONDS)
        if self.window.exceeded:
            raise TooManyRequests(retry_after_seconds=self.window.retry_after_seconds)


class PlainView(CountedView, KeyView):
    """A view for holders of a credential."""

    known = False

    def bucket(self, request: Request) -> str:
        who = self.credential if self.known else None
        return f"{who.kind}:{who.key_id}" if who else super().bucket(request)

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        self.known = True


class Nothing(CountedView):
    """Any other path under this contract's own."""

    def check_method(self, request: Request) -> None:
        raise Http404


def _told(window: throttles.Window) -> dict[str, str]:
    told = {"X-RateLimit-Limit": window.limit, "X-RateLimit-Remaining": window.remaining}
    if window.exceeded:
        told["X-RateLimit-Reset"] = int(time.time()) + window.retry_after_seconds
    return {name: str(value) for name, value in told.items()}
