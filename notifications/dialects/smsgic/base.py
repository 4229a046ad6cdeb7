"""How SMSGIC knows its customers, and says no."""

import re
from typing import Any

from rest_framework.request import Request

from apikeys.api.authentication import ApiKeyAuthentication, bearer
from apikeys.api.base import KeyView
from config.api import Contract, Problem

PATHS = re.compile(r"\A/(balance|senders|rates|sendings)(/|\Z)")
INVALID = "The given data was invalid."
# Where a business refusal belongs among the fields.
FIELD_BY_CODE = {
    "insufficient_balance": "balance",
    "not_offered": "recipients",
    "route_unknown": "type",
    "sender_not_ready": "sender",
    "unknown_destination": "recipients",
}


def render(problem: Problem) -> dict[str, Any]:
    """`message`, and `errors` per field; a single text is the message too."""
    errors = problem.errors
    if problem.code in FIELD_BY_CODE:
        errors = {FIELD_BY_CODE[problem.code]: [problem.message]}
    if not errors:
        return {"message": problem.message}
    texts = {text for each in errors.values() for text in each}
    return {"message": texts.pop() if len(texts) == 1 else INVALID, "errors": errors}


SMSGIC = Contract("smsgic", PATHS, render)


class BearerAuthentication(ApiKeyAuthentication):
    """An API key as a bearer; one text whatever is wrong with it."""

    missing_message = invalid_message = expired_message = "Unauthenticated."

    def raw_key(self, request: Request) -> str | None:
        return bearer(request) or super().raw_key(request)


class GicView(KeyView):
    contract = SMSGIC
    authentication_classes = (BearerAuthentication,)
    schema = None  # not part of the native API's document
