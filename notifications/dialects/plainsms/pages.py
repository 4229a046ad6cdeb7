"""plainsms's own pages: its OpenAPI document, to be read and tried, and the page OAuth2 comes back to."""

from functools import cache
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.http import HttpResponse
from django.shortcuts import render
from rest_framework.request import Request
from rest_framework.response import Response

from notifications.dialects.plainsms.base import PlainBase
from notifications.dialects.plainsms.openapi import document

SWAGGER = "drf_spectacular_sidecar/swagger-ui-dist"
# As the reference prints it.
CALLBACK = """<!doctype html>
<html lang="en-US">
<body>
<script src="oauth2-redirect.js"></script>
</body>
</html>
"""


class Document(PlainBase):
    """The OpenAPI document itself."""

    def get(self, request: Request) -> Any:
        return Response(document())


class Page(PlainBase):
    """The document as a page to try it on; whoever asks for JSON alone gets the document."""

    def get(self, request: Request) -> Any:
        accepted = request.headers.get("Accept", "*/*")
        if "application/json" in accepted and "html" not in accepted:
            return Response(document())
        return render(request._request, "docs/plainsms_page.html", {"swagger": SWAGGER})


class Callback(PlainBase):
    def get(self, request: Request) -> Any:
        return HttpResponse(CALLBACK, content_type="text/html; charset=UTF-8")


class CallbackScript(PlainBase):
    """What the printed page loads: Swagger UI's own script."""

    def get(self, request: Request) -> Any:
        return HttpResponse(_script(), content_type="text/javascript; charset=utf-8")


@cache
def _script() -> bytes:
    found = finders.find(f"{SWAGGER}/oauth2-redirect.js")
    return Path(str(found)).read_bytes()
