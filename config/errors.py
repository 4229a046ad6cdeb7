"""A business "no". It knows a code and the facts, never HTTP: each wire maps it once."""

from typing import Any


class DomainError(Exception):
    """Base of every refusal that a caller can understand and act on.

    `code` is the stable slug that API clients see; `message` is a sentence for people;
    `facts` are what the caller needs to act (amounts, ids), safe to show to that caller.
    """

    code = "refused"
    message = "The request was refused."

    def __init__(self, message: str | None = None, **facts: Any) -> None:
        self.message = message or self.message
        self.facts = facts
        super().__init__(self.message)


class NotFound(DomainError):
    """There is no such thing, or it is somebody else's."""

    code = "not_found"
    message = "Not found."


class InvalidInput(DomainError):
    """The caller sent values that break a rule; `errors` says which, per field."""

    code = "validation_failed"
    message = "The given data was invalid."

    def __init__(self, errors: dict[str, list[str]], message: str | None = None) -> None:
        super().__init__(message)
        self.errors = errors
