"""Structured logs with a request id. Query strings, bodies and credentials never enter them."""

import logging
import logging.config
import re
import time
import traceback
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse

DATABASE_ERRORS = ("psycopg.", "django.db.utils.")
REQUEST_ID = re.compile(r"\A[A-Za-z0-9-]{8,64}\Z")

log = structlog.get_logger("saldo.request")


def logging_config(*, as_json: bool, level: str) -> None:
    """Send every log record, ours and the libraries', through one renderer to stderr."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(safe_traceback),
    ]
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "structured": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
            "root": {"handlers": ["stderr"], "level": level},
            "loggers": {
                # Our own request line says the same without the query string.
                "django.request": {"level": "ERROR"},
                # A traceback for each wrong Host would let anybody fill the log.
                "django.security.DisallowedHost": {"level": "CRITICAL"},
                "django.server": {"level": "ERROR"},
                # At DEBUG these quote whole requests, statements and addresses, secrets included.
                "django.template": {"level": "INFO"},
                "django.db.backends": {"level": "INFO"},
                "urllib3": {"level": "INFO"},
                "django-q": {"level": "WARNING"},
            },
        }
    )


def safe_traceback(exc_info: Any) -> str:
    """A traceback without local variables and without the rows and statements that database errors quote.

    PostgreSQL names the refused values in DETAIL and the statement in LINE; both stay out of the logs.
    """
    parts = traceback.format_exception(*exc_info) if isinstance(exc_info, tuple) else []
    return "".join(_first_line(part) if part.startswith(DATABASE_ERRORS) else part for part in parts).rstrip()


def _first_line(part: str) -> str:
    return part.split("\n", 1)[0] + "\n"


class RequestLogMiddleware:
    """Give each request an id, echo it as `X-Request-ID`, and log one line when it ends."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        sent = request.headers.get("X-Request-ID", "")
        request_id = sent if REQUEST_ID.match(sent) else uuid.uuid4().hex
        started = time.monotonic()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            if request.path not in {"/status", "/status/"}:  # asked every second by whoever watches
                log.info(
                    "request",
                    method=request.method,
                    path=request.path,
                    status=response.status_code,
                    milliseconds=round((time.monotonic() - started) * 1000, 1),
                    credential=getattr(request, "credential_id", None),
                )
        response["X-Request-ID"] = request_id
        return response
