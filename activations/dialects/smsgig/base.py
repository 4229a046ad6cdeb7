"""SMSGig's envelope, its table of errors, and where its key travels."""

import re
from typing import Any

from rest_framework.request import Request

from apikeys.api.authentication import ApiKeyAuthentication, bearer
from apikeys.api.base import KeyView
from config.api import Contract, Problem

UNAUTHORIZED = "Invalid or missing API key"

# The reference knows 400, 401, 404, 422, 429 and 500. An illegal transition is a bad request.
STATUSES = {
    "activation_completed": 400,
    "activation_not_received": 400,
    "invalid_service": 422,
    "invalid_country": 422,
}


def render(problem: Problem) -> dict[str, Any]:
    body: dict[str, Any] = {"status": "error", "message": problem.message}
    return body | ({"errors": problem.errors} if problem.errors else {})


SMSGIG = Contract("smsgig", re.compile(r"\A/api/v1(/|\Z)"), render, STATUSES)


class BearerAuthentication(ApiKeyAuthentication):
    """An API key in `Authorization: Bearer`; one message for whatever is wrong with it."""

    missing_message = invalid_message = expired_message = UNAUTHORIZED

    def raw_key(self, request: Request) -> str | None:
        return bearer(request)


class SmsgigView(KeyView):
    contract = SMSGIG
    authentication_classes = (BearerAuthentication,)
    schema = None  # its own reference describes it
