"""`GET /api/docs`: the first page that a customer's developer sees."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from config.api.problems import API_CODES, STATUS_BY_CODE
from config.errors import DomainError

MAGIC_SERVICES = (
    ("sandbox-silent", "A number, never an SMS. It expires after 5 seconds."),
    ("sandbox-no-stock", "No numbers: 422 no_numbers_available."),
    ("sandbox-refused", "The provider says no."),
    ("sandbox-unknown", "The provider hangs, then turns out to have given the number: 202 at first."),
    ("sandbox-multi", "Three SMS, a second apart."),
)
MAGIC_LINKS = (
    ("sandbox-partial", "Stops at 70 %: partial, the rest is refunded."),
    ("sandbox-canceled", "Canceled, all refunded."),
    ("sandbox-failed", "Failed, all refunded."),
    ("sandbox-refused", "The provider says no: 422 provider_error, nothing charged."),
    ("sandbox-unknown", "The provider hangs, then turns out to have taken the order: 202 at first."),
)
MAGIC_RECIPIENTS = (
    ("0001", "Taken, then failed: the money is given back."),
    ("0002", "Sent, then undelivered: given back for WhatsApp and on the route otp, kept on regular."),
    ("0003", "Sent, no report ever: it expires after 72 hours."),
    ("0004", "Delivered after 30 seconds."),
    ("0005", "Reports duplicated and out of order, in the end delivered."),
    ("0006", "The provider hangs, then turns out to have taken it: 202 at first."),
    ("0007", "The recipient has opted out: failed at once, the money is given back."),
)


# Programs that are shown as they are run by their tests.
SNIPPETS = settings.BASE_DIR / "templates" / "docs" / "snippets"
SMSGIST_TOKENS = (("Shell", "sh"), ("PHP", "php"), ("Node", "js"), ("Python", "py"))
SMSGIST_SIGNATURES = SMSGIST_TOKENS[1:]


class Slug(NamedTuple):
    """One row of the table of errors."""

    status: int
    code: str
    message: str


def docs(request: HttpRequest) -> HttpResponse:
    """Quick start, the rules that hold everywhere, every error slug, the sandbox; then the reference."""
    return render(
        request,
        "docs/index.html",
        {
            "base_url": settings.PUBLIC_BASE_URL,
            "slugs": slugs(),
            "sandbox": settings.SANDBOX,
            "delay": settings.SANDBOX_DELAY_SECONDS,
            "magic_services": MAGIC_SERVICES,
            "magic_links": MAGIC_LINKS,
            "magic_recipients": MAGIC_RECIPIENTS,
            "smsgist_tokens": [(language, snippet(f"smsgist_token.{kind}")) for language, kind in SMSGIST_TOKENS],
            "smsgist_signatures": [
                (language, snippet(f"smsgist_signature.{kind}")) for language, kind in SMSGIST_SIGNATURES
            ],
        },
    )


def snippet(name: str) -> str:
    """The source of a program that clients copy."""
    return str((SNIPPETS / name).read_text())


def reference(request: HttpRequest) -> HttpResponse:
    """Every endpoint, rendered from the OpenAPI document."""
    return render(request, "docs/reference.html", {})


def slugs() -> list[Slug]:
    """Every slug once, by status; a business refusal's own words go before the general ones."""
    by_code: dict[str, Slug] = {}
    for slug in (*_business(DomainError), *_general()):
        by_code.setdefault(slug.code, slug)
    return sorted(by_code.values())


def _general() -> Iterator[Slug]:
    for status, (code, message) in API_CODES.items():
        yield Slug(status, code, message)


def _business(error: Any) -> Iterator[Slug]:
    """Every refusal the apps know, by walking the subclasses: the table cannot fall behind the code."""
    for kind in error.__subclasses__():
        yield Slug(STATUS_BY_CODE.get(kind.code, HTTPStatus.UNPROCESSABLE_ENTITY), kind.code, kind.message)
        yield from _business(kind)
