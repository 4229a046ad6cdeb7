"""Strict parsing: whatever a client can send that would surprise the code or the database is a 400 here."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework import exceptions
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser, FormParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

MAX_DEPTH = 32
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Malformed(exceptions.ParseError):
    """The body or the query is not what it claims to be: 400."""


def _no_constant(name: str) -> None:
    raise Malformed(f"{name} is not a JSON number.")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise Malformed("A key appears twice in one JSON object.")
    return result


def _finite(text: str) -> Decimal:
    if len(text) > 64 or not math.isfinite(float(text)):
        raise Malformed("A number is too long or too large.")
    return Decimal(text)


def _bounded_int(text: str) -> int:
    if len(text) > 64:
        raise Malformed("A number is too long.")
    return int(text)


def refuse_unstorable(value: Any, depth: int = 0) -> None:
    """Refuse what PostgreSQL cannot store (NUL, lone surrogates) and absurd nesting."""
    if depth > MAX_DEPTH:
        raise Malformed("The JSON is nested too deeply.")
    if isinstance(value, str):
        if UNSTORABLE.search(value):
            raise Malformed("Text may not hold a NUL character or half a surrogate pair.")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            refuse_unstorable(key, depth + 1)
            refuse_unstorable(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            refuse_unstorable(item, depth + 1)


def parse_json(raw: bytes | str) -> dict[str, Any]:
    """Parse one JSON object: decimals exact, keys unique, nothing non-finite. Raises Malformed."""
    try:
        data = json.loads(
            raw,
            parse_float=_finite,
            parse_int=_bounded_int,
            parse_constant=_no_constant,
            object_pairs_hook=_no_duplicates,
        )
    except RecursionError:
        raise Malformed("The JSON is nested too deeply.") from None
    except ValueError:
        raise Malformed("The body is not valid JSON.") from None
    if not isinstance(data, dict):
        raise Malformed("The body must be a JSON object.")
    refuse_unstorable(data)
    return data


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        raw = read_whole(stream)
        return parse_json(raw) if raw.strip() else {}


class StrictFormParser(FormParser):
    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        raw = read_whole(stream)
        # `curl -d '{…}'` without a header says that it sends a form.
        if raw.lstrip().startswith(b"{"):
            return parse_json(raw)
        data = super().parse(BytesIO(raw), media_type, parser_context)
        for key, values in data.lists():
            refuse_unstorable([key, *values])
        return data


def read_whole(stream: Any) -> bytes:
    """The whole body. Django limits what is read as `request.body`; this stream has no limit of its own."""
    raw: bytes = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    if len(raw) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise RequestDataTooBig
    return raw


class AlwaysJSON(BaseContentNegotiation):
    """JSON whatever `Accept` says; a body without a Content-Type is read as JSON."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        parsers = list(parsers)
        sent = (request.content_type or "").split(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == sent), None if sent else parsers[0])

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type or "application/json"
