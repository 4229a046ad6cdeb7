"""SMSGist's envelope, its table of errors, and where its credential travels."""

import re
from typing import Any

from apikeys.api.authentication import ClientAuthentication
from apikeys.api.base import KeyView
from config.api import Contract, Problem

# The reference's own words; whatever else is wrong says what in ours.
WORDS = {
    "invalid_client": "Authentication failed — check your X-Client-Id and token",
    "insufficient_balance": "Insufficient credits",
    "not_found": "Resource not found",
    "too_many_requests": "Rate limit exceeded",
    "server_error": "Server error — please retry",
}
# The reference knows no conflict: what cannot be done to a message as it stands is a validation error.
STATUSES = {"insufficient_balance": 402, "wrong_state": 422}
# These complaints say by themselves what they are about; and for a text the reference has two words.
UNNAMED = frozenset({"recipients", "route", "text"})


def render(problem: Problem) -> dict[str, Any]:
    return {"status": "error", "message": message_of(problem), "data": None}


def message_of(problem: Problem) -> str:
    """What is wrong, in one sentence: of several fields the first."""
    if problem.errors:
        field, texts = next(iter(problem.errors.items()))
        return texts[0] if field in UNNAMED else f"{field}: {texts[0]}"
    return WORDS.get(problem.code, problem.message)


SMSGIST = Contract("smsgist", re.compile(r"\A/api/(sms|email|message|credits)(/|\Z)"), render, STATUSES)


class SmsgistView(KeyView):
    contract = SMSGIST
    authentication_classes = (ClientAuthentication,)
    schema = None  # its own reference describes it
