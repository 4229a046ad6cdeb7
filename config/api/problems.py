"""Why a request was refused, told once, and rendered by the contract of its route."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

from config.errors import DomainError, InvalidInput
from config.numbers import plain

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Problem:
    """Why a request was refused, before any wire."""

    status: int
    code: str
    message: str
    errors: dict[str, list[str]] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


# Business codes that are not simply 422.
STATUS_BY_CODE: dict[str, int] = {
    "unauthenticated": 401,
    "api_key_required": 401,
    "invalid_api_key": 401,
    "invalid_client": 401,
    "token_required": 401,
    "invalid_token": 401,
    "invalid_login": 401,
    "missing_scope": 403,
    "not_an_owner": 403,
    "not_found": 404,
    "account_suspended": 403,
    "activation_expired": 410,
    "activation_canceled": 410,
    "activation_failed": 410,
    "activation_completed": 409,
    "activation_not_received": 409,
    "order_not_cancelable": 409,
    "order_not_refillable": 409,
    "order_decided": 409,
    "provider_unavailable": 503,
    "invalid_service": 400,
    "invalid_country": 400,
    "request_in_progress": 409,
    "key_exists": 409,
    "too_many_requests": 429,
    "send_in_progress": 429,
    "wrong_state": 409,
    "decided_by_recipient": 409,
    "reference_conflict": 409,
}


def problem_of(error: Exception) -> Problem:
    """Translate any exception a view can raise. What nobody foresaw is a 500 without details."""
    if isinstance(error, DomainError):
        return _domain_problem(error)
    if isinstance(error, Http404):
        return Problem(404, "not_found", "Not found.")
    if isinstance(error, PermissionDenied):
        return Problem(403, "forbidden", "You may not do this.")
    if isinstance(error, RequestDataTooBig):
        return Problem(413, "body_too_large", "The request body is too large.")
    if isinstance(error, SuspiciousOperation | BadRequest):
        return Problem(400, "malformed", "The request could not be understood.")
    if isinstance(error, exceptions.APIException):
        return _api_problem(error)
    if isinstance(error, OperationalError):
        return Problem(503, "unavailable", "Temporarily unavailable. Please retry.", headers={"Retry-After": "1"})
    return Problem(500, "server_error", "Server Error")


def _domain_problem(error: DomainError) -> Problem:
    facts = {name: plain(value) if isinstance(value, Decimal) else value for name, value in error.facts.items()}
    retry_after = facts.pop("retry_after_seconds", None)
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
    errors = error.errors if isinstance(error, InvalidInput) else None
    return Problem(STATUS_BY_CODE.get(error.code, 422), error.code, error.message, errors, facts, headers)


API_CODES = {
    400: ("malformed", "The request could not be understood."),
    401: ("unauthenticated", "Authentication is required."),
    403: ("forbidden", "You may not do this."),
    404: ("not_found", "Not found."),
    405: ("method_not_allowed", "Method not allowed."),
    415: ("unsupported_media_type", "Send JSON or a form."),
    429: ("too_many_requests", "Too many requests."),
}


def _api_problem(error: exceptions.APIException) -> Problem:
    if isinstance(error, exceptions.ValidationError):
        errors = flatten(error.detail)
        return Problem(422, "validation_failed", "The given data was invalid.", errors)
    code, message = API_CODES.get(error.status_code, ("refused", "The request was refused."))
    detail = error.detail if isinstance(error.detail, str) else message
    headers = {}
    wait = getattr(error, "wait", None)
    if wait is not None:
        headers["Retry-After"] = str(math.ceil(wait))
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(error.auth_header)  # type: ignore[attr-defined]
    if isinstance(error, exceptions.MethodNotAllowed | exceptions.UnsupportedMediaType):
        detail = message
    return Problem(error.status_code, code, str(detail), headers=headers)


def flatten(detail: Any, prefix: str = "") -> dict[str, list[str]]:
    """DRF's nested error detail as one level: {"variables.1": ["..."]}."""
    if isinstance(detail, Mapping):
        result: dict[str, list[str]] = {}
        for key, value in detail.items():
            result |= flatten(value, f"{prefix}.{key}" if prefix else str(key))
        return result
    if isinstance(detail, list | tuple):
        if all(isinstance(item, str) for item in detail):
            return {prefix or "non_field_errors": [str(item) for item in detail]}
        nested: dict[str, list[str]] = {}
        for index, item in enumerate(detail):
            nested |= flatten(item, f"{prefix}.{index}" if prefix else str(index))
        return nested
    return {prefix or "non_field_errors": [str(detail)]}


@dataclass(frozen=True)
class Contract:
    """One wire's way of saying no, and which paths speak it."""

    name: str
    paths: re.Pattern[str]
    render: Callable[[Problem], dict[str, Any]]
    statuses: Mapping[str, int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def localise(self, problem: Problem) -> Problem:
        """The problem with this contract's own status for its code, where it has one."""
        return replace(problem, status=self.statuses.get(problem.code, problem.status))

    def response(self, error: Exception) -> Response:
        problem = self.localise(problem_of(error))
        if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("request failed", code=problem.code, exc_info=error)
        return Response(self.render(problem), status=problem.status, headers={**self.headers, **problem.headers})

    def plain_response(self, problem: Problem) -> JsonResponse:
        """The same outside a view: unknown path, bad host, a crash in a middleware."""
        problem = self.localise(problem)
        return JsonResponse(self.render(problem), status=problem.status, headers={**self.headers, **problem.headers})


def render_native(problem: Problem) -> dict[str, Any]:
    body: dict[str, Any] = {"message": problem.message, "error": problem.code}
    if problem.errors:
        body["errors"] = problem.errors
    return body | {key: value for key, value in problem.facts.items() if key not in body}


NATIVE = Contract("native", re.compile(r"\A/api/(developer|webhooks)(/|\Z)"), render_native)


def contract_of(request: HttpRequest, contracts: Iterable[Contract]) -> Contract | None:
    """The contract whose paths hold this request's path, if any."""
    return next((contract for contract in contracts if contract.paths.match(request.path)), None)
