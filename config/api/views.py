"""The base of every API view, and the paths that lead to one."""

import re
from typing import Any, ClassVar

import structlog
from django.db import DatabaseError
from django.urls import URLPattern, re_path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.parsing import refuse_unstorable
from config.api.problems import NATIVE, Contract

ID = r"[0-9]{1,18}"  # every id that fits a bigint; a longer one is simply not found

log = structlog.get_logger(__name__)


class BaseView(APIView):
    """A view of one contract: whatever goes wrong is answered in that contract's shape."""

    contract: ClassVar[Contract] = NATIVE

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        for key, values in request.query_params.lists():
            refuse_unstorable([key, *values])
        super().initial(request, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, DatabaseError):
            log.warning("database refused a request", error=type(exc).__name__)
        response = self.contract.response(exc)
        response.exception = True
        return response


def route(path: str, view: Any, name: str) -> URLPattern:
    """A path that takes an optional trailing slash and never redirects.

    `{name}` stands for an id, `{name:slug}` for a slug.
    """
    pattern = re.sub(r"\{(\w+):slug\}", r"(?P<\1>[-a-zA-Z0-9_.]{1,100})", path)
    pattern = re.sub(r"\{(\w+)\}", rf"(?P<\1>{ID})", pattern)
    return re_path(rf"^{pattern}/?\Z", view, name=name)
