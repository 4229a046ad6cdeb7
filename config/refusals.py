"""What no page of the back office has to look at."""

from collections.abc import Callable

from django.core.exceptions import BadRequest
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
