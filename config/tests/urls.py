"""Views that go wrong, for the tests of the logs."""

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path


def crash(request: HttpRequest) -> HttpResponse:
    secret = request.headers["X-API-Key"]
    raise RuntimeError(f"a crash beside {len(secret)} characters")


def refused_by_the_database(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE t (v text CHECK (v = 'good'))")
        cursor.execute("INSERT INTO t VALUES (%s)", [request.GET["value"]])
    return HttpResponse()


urlpatterns = [path("crash", crash), path("refused", refused_by_the_database)]
