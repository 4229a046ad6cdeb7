"""What is refused before any view looks at it."""

from collections.abc import Callable
from typing import NoReturn

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse


class RefuseNulMiddleware:
    """A NUL byte in an admin address is 400: PostgreSQL stores none, and Django's own lists fail on one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith("/admin/") and "\0" in request.path + "".join(
            value for name, values in request.GET.lists() for value in [name, *values]
        ):
            raise BadRequest("There is a NUL byte in this address.")
        return self.get_response(request)


def csrf_failed(request: HttpRequest, reason: str = "") -> NoReturn:
    """A form without its token, or something that is no form posted to a page: answered as any other 403."""
    raise PermissionDenied(reason)
