"""JSON out: Decimals as exact numbers."""

from typing import Any

import simplejson
from rest_framework.renderers import BaseRenderer
from rest_framework.utils.encoders import JSONEncoder

from config.numbers import plain

__all__ = ["ExactJSONRenderer", "dumps", "plain"]


class ExactJSONRenderer(BaseRenderer):
    """JSON with Decimals as exact numbers: 0.1 + 0.2 is 0.3, never 0.30000000000000004."""

    media_type = "application/json"
    format = "json"
    charset = None  # JSON is UTF-8 by definition

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else dumps(data)


def dumps(data: Any) -> bytes:
    """Serialise as the API does."""
    text: str = simplejson.dumps(data, use_decimal=True, ensure_ascii=False, allow_nan=False, default=_default)
    return text.encode()


def _default(value: Any) -> Any:
    return JSONEncoder().default(value)
