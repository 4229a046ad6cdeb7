"""Yes or no, as JSON and forms say it."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

WORDS = {"true": True, "1": True, "false": False, "0": False}


@extend_schema_field(bool)
class Flag(serializers.Field[bool, Any, bool, Any]):
    """True or false; in a form `true`, `false`, `1` or `0`. A field that was not sent is missing, never false."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": "Must be true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if isinstance(data, bool):
            return data
        if not isinstance(data, str) or data not in WORDS:
            self.fail("invalid")
        return WORDS[data]

    def to_representation(self, value: bool) -> bool:
        return value
